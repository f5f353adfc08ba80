"""What the pool needs of a store.

A new kind of store is one file with one of these classes, and a line in ``_choose.py``.
"""

from collections.abc import Awaitable
from typing import ClassVar, TypeVar

from py_cachify.commands import Command
from py_cachify.drivers import arun, run
from py_cachify.protocols import Lease, SlotProtocol


R = TypeVar('R')


class Backend:
    """Carries out commands, one at a time, for whichever thread calls."""

    protocol: ClassVar[SlotProtocol]

    def perform(self, command: Command[R]) -> R:
        """Carry out ``command`` and return its reply; errors of the client pass through."""
        raise NotImplementedError

    def acquire(self, key: str, token: str, max_size: int, slot_exp: float | None) -> Lease | None:
        """Drive the protocol's acquire to its end."""
        return run(self.protocol.acquire(key, token, max_size, slot_exp), self.perform)

    def release(self, lease: Lease) -> bool:
        """Drive the protocol's release to its end."""
        return run(self.protocol.release(lease), self.perform)

    def remaining(self, key: str) -> list[float] | None:  # noqa: ARG002
        """How long each live slot of a pool still lives, in seconds; ``None`` from a store that does not tell."""
        return None


class AsyncBackend:
    """The same for the tasks of one event loop."""

    protocol: ClassVar[SlotProtocol]

    def aperform(self, command: Command[R]) -> Awaitable[R]:
        """Carry out ``command`` and give its reply; errors of the client pass through."""
        raise NotImplementedError

    async def acquire(self, key: str, token: str, max_size: int, slot_exp: float | None) -> Lease | None:
        """Drive the protocol's acquire to its end."""
        return await arun(self.protocol.acquire(key, token, max_size, slot_exp), self.aperform)

    async def release(self, lease: Lease) -> bool:
        """Drive the protocol's release to its end."""
        return await arun(self.protocol.release(lease), self.aperform)
