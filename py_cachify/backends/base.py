"""What the pool needs of a store.

A new kind of store is one file with one of these classes, and a line in ``choose.py``.
"""

from collections.abc import Awaitable
from typing import ClassVar, Protocol, TypeVar

from py_cachify.commands import Command
from py_cachify.protocols import SlotProtocol


R = TypeVar('R')


class Backend(Protocol):
    """Carries out commands, one at a time, for whichever thread calls."""

    protocol: ClassVar[SlotProtocol]

    def perform(self, command: Command[R]) -> R:
        """Carry out ``command`` and return its reply; errors of the client pass through."""
        ...


class AsyncBackend(Protocol):
    """Carries out commands for the tasks of one event loop."""

    protocol: ClassVar[SlotProtocol]

    def aperform(self, command: Command[R]) -> Awaitable[R]:
        """The same, awaited."""
        ...
