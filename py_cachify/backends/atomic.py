"""The common part of the stores that carry out a whole decision themselves.

These are memory, and Redis and Valkey with scripts.  The protocol sends such a store one command,
and creating the protocol's steps would take longer than everything else that a pool does.  So the
backend sends the command directly, and creates the steps only if it fails and they have something
to decide.
"""

from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, TypeVar

from py_cachify.backends.base import AsyncBackend, Backend
from py_cachify.commands import (
    AskAgain,
    Command,
    CountSlots,
    CountWaiting,
    DropSlot,
    JoinQueue,
    LeaveQueue,
    Queued,
    Refusal,
    TakeSlot,
    UndoSlot,
)
from py_cachify.drivers import arun, run
from py_cachify.protocols import ATOMIC, Lease, NoLease, SlotProtocol, no_lease
from py_cachify.tokens import new_token


R = TypeVar('R')

new_tuple: Any = tuple.__new__
"""Makes a named tuple in half the time of its class, which a pool in memory would notice."""


class AtomicBackend(Backend):
    """The synchronous side; a subclass has the methods that are named like the commands."""

    protocol: ClassVar[SlotProtocol] = ATOMIC
    new_token = staticmethod(new_token)

    take_slot: Callable[[str, str, int, float | None], bool | Refusal]
    drop_slot: Callable[[str, str], bool]
    undo_slot: Callable[[str, str], bool]
    count_slots: Callable[[str], int]
    join_queue: Callable[[str, str, int, float | None, int | None], bool | Refusal | Queued]
    ask_again: Callable[[str, str, int, float | None, float], bool | Queued]
    leave_queue: Callable[[str, str, int, float | None, bool], bool]
    count_waiting: Callable[[str], int]

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
            case JoinQueue(key, token, max_size, slot_exp, max_waiting):
                return self.join_queue(key, token, max_size, slot_exp, max_waiting)
            case AskAgain(key, token, max_size, slot_exp, place):
                return self.ask_again(key, token, max_size, slot_exp, place)
            case LeaveQueue(key, token, max_size, slot_exp, tombstone):
                return self.leave_queue(key, token, max_size, slot_exp, tombstone)
            case CountWaiting(key):
                return self.count_waiting(key)
            case _:
                raise TypeError(f'{type(self).__name__} cannot perform {command!r}')

    def acquire(self, key: str, token: str, max_size: int, slot_exp: float | None) -> Lease | NoLease:
        try:
            granted = self.take_slot(key, token, max_size, slot_exp)
            return new_tuple(Lease, (key, token)) if granted else no_lease(granted)
        except BaseException as error:
            return run(self.protocol.acquire(key, token, max_size, slot_exp), _after(error, self.perform))

    def release(self, lease: Lease) -> bool:
        try:
            return self.drop_slot(lease.name, lease.token)
        except BaseException as error:
            return run(self.protocol.release(lease), _after(error, self.perform))


class AsyncAtomicBackend(AsyncBackend):
    """The asynchronous side; a subclass has the methods that are named like the commands."""

    protocol: ClassVar[SlotProtocol] = ATOMIC
    new_token = staticmethod(new_token)
    # Most answers are faster, and giving one up costs the client a connection.
    patience: ClassVar[float | None] = 0.1

    take_slot: Callable[[str, str, int, float | None], Awaitable[bool | Refusal]]
    drop_slot: Callable[[str, str], Awaitable[bool]]
    undo_slot: Callable[[str, str], Awaitable[bool]]
    count_slots: Callable[[str], Awaitable[int]]
    join_queue: Callable[[str, str, int, float | None, int | None], Awaitable[bool | Refusal | Queued]]
    ask_again: Callable[[str, str, int, float | None, float], Awaitable[bool | Queued]]
    leave_queue: Callable[[str, str, int, float | None, bool], Awaitable[bool]]
    count_waiting: Callable[[str], Awaitable[int]]

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
            case JoinQueue(key, token, max_size, slot_exp, max_waiting):
                return self.join_queue(key, token, max_size, slot_exp, max_waiting)
            case AskAgain(key, token, max_size, slot_exp, place):
                return self.ask_again(key, token, max_size, slot_exp, place)
            case LeaveQueue(key, token, max_size, slot_exp, tombstone):
                return self.leave_queue(key, token, max_size, slot_exp, tombstone)
            case CountWaiting(key):
                return self.count_waiting(key)
            case _:
                raise TypeError(f'{type(self).__name__} cannot perform {command!r}')

    async def acquire(self, key: str, token: str, max_size: int, slot_exp: float | None) -> Lease | NoLease:
        try:
            granted = await self.take_slot(key, token, max_size, slot_exp)
            return new_tuple(Lease, (key, token)) if granted else no_lease(granted)
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
