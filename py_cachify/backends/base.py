"""What a pool needs from a store.

A new kind of store is one file with a subclass of each class here, and a line in ``_choose.py``.
"""

from collections.abc import Awaitable
from typing import ClassVar, TypeVar

from py_cachify.commands import Command
from py_cachify.drivers import arun, run
from py_cachify.protocols import Lease, SlotProtocol


R = TypeVar('R')


class Backend:
    """Carries out commands, one at a time, for any thread that calls it."""

    protocol: ClassVar[SlotProtocol]

    def perform(self, command: Command[R]) -> R:
        """Carry out ``command`` and return its reply; let errors of the client pass through."""
        raise NotImplementedError

    def acquire(self, key: str, token: str, max_size: int, slot_exp: float | None) -> Lease | None:
        """Take a slot for ``token``; return its lease, or ``None`` if the pool is full."""
        return run(self.protocol.acquire(key, token, max_size, slot_exp), self.perform)

    def release(self, lease: Lease) -> bool:
        """Give a slot back; return whether it was still there."""
        return run(self.protocol.release(lease), self.perform)

    def remaining(self, key: str) -> list[float] | None:  # noqa: ARG002
        """Return how long each slot still lives, in seconds; ``None`` if the store cannot say."""
        return None


class AsyncBackend:
    """Carries out commands for the tasks of one event loop.

    Attributes:
        protocol: the protocol that makes the commands.
        patience: how long the acquire of a cancelled task waits for its answer before it is given
            up and undone, in seconds; ``None`` if it waits until the client gives up, because a
            request that arrives after its undo would take a slot.
    """

    protocol: ClassVar[SlotProtocol]
    patience: ClassVar[float | None] = None

    def aperform(self, command: Command[R]) -> Awaitable[R]:
        """Return an awaitable that carries out ``command`` and results in its reply.

        Errors of the client pass through.
        """
        raise NotImplementedError

    async def acquire(self, key: str, token: str, max_size: int, slot_exp: float | None) -> Lease | None:
        """Take a slot for ``token``; return its lease, or ``None`` if the pool is full."""
        return await arun(self.protocol.acquire(key, token, max_size, slot_exp), self.aperform)

    async def release(self, lease: Lease) -> bool:
        """Give a slot back; return whether it was still there."""
        return await arun(self.protocol.release(lease), self.aperform)
