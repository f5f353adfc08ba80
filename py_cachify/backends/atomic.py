"""The common part of the stores that carry out a whole decision themselves.

These are memory, and Redis and Valkey with scripts.  The protocol sends such a store one command,
and creating the protocol's steps would take longer than everything else that a pool does.  So the
backend sends the command directly, and creates the steps only if it fails and they have something
to decide.
"""

from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, TypeVar

from py_cachify.backends.base import AsyncBackend, Backend
from py_cachify.commands import Command, CountSlots, DropSlot, TakeSlot, UndoSlot
from py_cachify.drivers import arun, run
from py_cachify.protocols import ATOMIC, Lease, SlotProtocol


R = TypeVar('R')


class AtomicBackend(Backend):
    """The synchronous side; a subclass has the four methods that are named like the commands."""

    protocol: ClassVar[SlotProtocol] = ATOMIC

    take_slot: Callable[[str, str, int, float | None], bool]
    drop_slot: Callable[[str, str], bool]
    undo_slot: Callable[[str, str], bool]
    count_slots: Callable[[str], int]

    def perform(self, command: Command[Any]) -> Any:
        match command:
            case TakeSlot(key, token, max_size, slot_exp):
                return self.take_slot(key, token, max_size, slot_exp)
            case DropSlot(key, token):
                return self.drop_slot(key, token)
            case UndoSlot(key, token):
                return self.undo_slot(key, token)
            case CountSlots(key):
                return self.count_slots(key)
            case _:
                raise TypeError(f'{type(self).__name__} cannot perform {command!r}')

    def acquire(self, key: str, token: str, max_size: int, slot_exp: float | None) -> Lease | None:
        try:
            return Lease(key, token) if self.take_slot(key, token, max_size, slot_exp) else None
        except BaseException as error:
            return run(self.protocol.acquire(key, token, max_size, slot_exp), _after(error, self.perform))

    def release(self, lease: Lease) -> bool:
        try:
            return self.drop_slot(lease.name, lease.token)
        except BaseException as error:
            return run(self.protocol.release(lease), _after(error, self.perform))


class AsyncAtomicBackend(AsyncBackend):
    """The asynchronous side; a subclass has the four methods that are named like the commands."""

    protocol: ClassVar[SlotProtocol] = ATOMIC
    # Most answers are faster, and giving one up costs the client a connection.
    patience: ClassVar[float | None] = 0.1

    take_slot: Callable[[str, str, int, float | None], Awaitable[bool]]
    drop_slot: Callable[[str, str], Awaitable[bool]]
    undo_slot: Callable[[str, str], Awaitable[bool]]
    count_slots: Callable[[str], Awaitable[int]]

    def aperform(self, command: Command[Any]) -> Awaitable[Any]:
        match command:
            case TakeSlot(key, token, max_size, slot_exp):
                return self.take_slot(key, token, max_size, slot_exp)
            case DropSlot(key, token):
                return self.drop_slot(key, token)
            case UndoSlot(key, token):
                return self.undo_slot(key, token)
            case CountSlots(key):
                return self.count_slots(key)
            case _:
                raise TypeError(f'{type(self).__name__} cannot perform {command!r}')

    async def acquire(self, key: str, token: str, max_size: int, slot_exp: float | None) -> Lease | None:
        try:
            return Lease(key, token) if await self.take_slot(key, token, max_size, slot_exp) else None
        except BaseException as error:
            return await arun(self.protocol.acquire(key, token, max_size, slot_exp), _after(error, self.aperform))

    async def release(self, lease: Lease) -> bool:
        try:
            return await self.drop_slot(lease.name, lease.token)
        except BaseException as error:
            return await arun(self.protocol.release(lease), _after(error, self.aperform))


def _after(error: BaseException, perform: Callable[[Command[Any]], R]) -> Callable[[Command[Any]], R]:
    """Return ``perform``, but let the first command raise ``error``: it was already sent."""
    errors = [error]

    def perform_after(command: Command[Any]) -> R:
        if errors:
            raise errors.pop()
        return perform(command)

    return perform_after
