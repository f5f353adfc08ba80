"""What a pool needs from a store.

A new kind of store is one file with a subclass of each class here, and a line in ``_choose.py``.
"""

import time
from collections.abc import Awaitable, Callable
from typing import ClassVar, Protocol, TypeVar

from py_cachify._waiters import Waiter
from py_cachify.commands import Command
from py_cachify.drivers import arun, run
from py_cachify.protocols import Lease, NoLease, SlotProtocol
from py_cachify.tokens import new_token


R = TypeVar('R')


class Listener(Protocol):
    """Hears from the store that a waiter of this process may have a slot.

    Attributes:
        channel: the number of its channel.
        is_listening: whether messages arrive.
    """

    channel: int
    is_listening: bool

    def join(self, ticket: str, waiter: Waiter) -> None:
        """Tell this waiter when it may have a slot."""
        ...

    def leave(self, ticket: str) -> None:
        """Note that this waiter waits no longer."""
        ...


class Backend:
    """Carries out commands, one at a time, for any thread that calls it.

    Attributes:
        protocol: the protocol that makes the commands.
        new_token: makes the token of a slot; its arguments are the id of this process, the terms of
            the acquire, as :func:`py_cachify.tokens.make_terms` returns them, and the number of the
            listener's channel.
        identify: whether tokens say on which machine and in which process their holder is.
        now: the clock by which this process judges how long its slots live, in seconds.
        store: stands for the store; the same for the backends of both sides.
    """

    protocol: ClassVar[SlotProtocol]
    new_token: Callable[[int, str, int], str] = staticmethod(new_token)
    identify = True
    now: Callable[[], float] = staticmethod(time.monotonic)
    store: object = None

    def listener(self) -> Listener | None:
        """Return what hears from the store; ``None`` if the store sends no messages."""
        return None

    def stop_listening(self) -> None:
        """Close the connection of the listener, unless there is a waiter."""

    def perform(self, command: Command[R]) -> R:
        """Carry out ``command`` and return its reply; let errors of the client pass through."""
        raise NotImplementedError

    def acquire(self, key: str, token: str, max_size: int, slot_exp: float | None) -> Lease | NoLease:
        """Take a slot for ``token``; return its lease, or what is false: ``None`` if it is full."""
        return run(self.protocol.acquire(key, token, max_size, slot_exp), self.perform)

    def release(self, lease: Lease) -> bool:
        """Give a slot back; return whether it was still there."""
        return run(self.protocol.release(lease), self.perform)


class AsyncBackend:
    """Carries out commands for the tasks of one event loop.

    Attributes:
        protocol, new_token, identify, now, store: as for :class:`Backend`.
        patience: how long the acquire of a cancelled task waits for its answer before it is given
            up and undone, in seconds; ``None`` if it waits until the client gives up, because a
            request that arrives after its undo would take a slot.
    """

    protocol: ClassVar[SlotProtocol]
    new_token: Callable[[int, str, int], str] = staticmethod(new_token)
    identify = True
    now: Callable[[], float] = staticmethod(time.monotonic)
    store: object = None
    patience: ClassVar[float | None] = None

    def listener(self) -> Listener | None:
        """Return what hears from the store for the running event loop, as for :class:`Backend`."""
        return None

    async def stop_listening(self) -> None:
        """Close the connection of the running loop's listener, unless there is a waiter."""

    def aperform(self, command: Command[R]) -> Awaitable[R]:
        """Return an awaitable that carries out ``command`` and results in its reply.

        Errors of the client pass through.
        """
        raise NotImplementedError

    async def acquire(self, key: str, token: str, max_size: int, slot_exp: float | None) -> Lease | NoLease:
        """Take a slot for ``token``; return its lease, or what is false: ``None`` if it is full."""
        return await arun(self.protocol.acquire(key, token, max_size, slot_exp), self.aperform)

    async def release(self, lease: Lease) -> bool:
        """Give a slot back; return whether it was still there."""
        return await arun(self.protocol.release(lease), self.aperform)
