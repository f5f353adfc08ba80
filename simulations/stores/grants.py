"""Hear to which waiters a store gives slots.

A backend tells each waiter of this process at once that a request of the process has given it a
slot.  In a simulation nobody waits in this way, so the run itself must hear of it.
"""

from collections.abc import Callable

from py_cachify.backends.base import Backend
from py_cachify.backends.memory import MemoryBackend


def hear_grants(backend: Backend, hear: Callable[[str], object]) -> None:
    """Let ``hear`` receive each ticket that a request of ``backend`` gives a slot, in order."""
    owner = backend.client if isinstance(backend, MemoryBackend) else backend
    vars(owner)['granted'] = lambda _owner, _key, ticket: hear(ticket)
