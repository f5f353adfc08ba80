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
    DrawFence,
    DropSlot,
    JoinQueue,
    LeaveQueue,
    Listed,
    ListSlots,
    ListWaiting,
    Queued,
    Refusal,
    RenewSlots,
    TakeSlot,
    UndoSlot,
)
from py_cachify.drivers import arun, run
from py_cachify.protocols import ATOMIC, Lease, NoLease, Renewals, SlotProtocol, no_lease


R = TypeVar('R')

new_tuple: Any = tuple.__new__
"""Makes a named tuple in half the time of its class, which a pool in memory would notice."""


_METHODS = {
    TakeSlot: 'take_slot',
    DropSlot: 'drop_slot',
    UndoSlot: 'undo_slot',
    CountSlots: 'count_slots',
    ListSlots: 'list_slots',
    RenewSlots: 'renew_slots',
    DrawFence: 'draw_fence',
    JoinQueue: 'join_queue',
    AskAgain: 'ask_again',
    LeaveQueue: 'leave_queue',
    CountWaiting: 'count_waiting',
    ListWaiting: 'list_waiting',
}
"""For each command, the method that carries it out, which has the command's fields as arguments."""


def _method_for(backend: object, command: Command[Any]) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    name = _METHODS.get(type(command))
    if name is None:
        raise TypeError(f'{type(backend).__name__} cannot perform {command!r}')
    return getattr(backend, name), tuple(getattr(command, field) for field in command.__match_args__)  # type: ignore[attr-defined]


class AtomicBackend(Backend):
    """The synchronous side; a subclass has the methods that are named like the commands."""

    protocol: ClassVar[SlotProtocol] = ATOMIC

    take_slot: Callable[[str, str, int, float | None], bool | Refusal]
    drop_slot: Callable[[str, str], bool]
    undo_slot: Callable[[str, str], bool]
    count_slots: Callable[[str], int]
    join_queue: Callable[[str, str, int, float | None, int | None], bool | Refusal | Queued]
    ask_again: Callable[[str, str, int, float | None, float], bool | Queued]
    leave_queue: Callable[[str, str, int, float | None, bool], bool]
    count_waiting: Callable[[str], int]
    list_slots: Callable[[str], tuple[Listed, ...]]
    list_waiting: Callable[[str], tuple[str, ...]]
    renew_slots: Callable[[str, Renewals], tuple[bool, ...]]
    draw_fence: Callable[[str, str], int | Refusal]

    def perform(self, command: Command[Any]) -> Any:
        method, fields = _method_for(self, command)
        return method(*fields)

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
    # Most answers are faster, and giving one up may cost the client a connection.
    patience: ClassVar[float | None] = 0.1

    take_slot: Callable[[str, str, int, float | None], Awaitable[bool | Refusal]]
    drop_slot: Callable[[str, str], Awaitable[bool]]
    undo_slot: Callable[[str, str], Awaitable[bool]]
    count_slots: Callable[[str], Awaitable[int]]
    join_queue: Callable[[str, str, int, float | None, int | None], Awaitable[bool | Refusal | Queued]]
    ask_again: Callable[[str, str, int, float | None, float], Awaitable[bool | Queued]]
    leave_queue: Callable[[str, str, int, float | None, bool], Awaitable[bool]]
    count_waiting: Callable[[str], Awaitable[int]]
    list_slots: Callable[[str], Awaitable[tuple[Listed, ...]]]
    list_waiting: Callable[[str], Awaitable[tuple[str, ...]]]
    renew_slots: Callable[[str, Renewals], Awaitable[tuple[bool, ...]]]
    draw_fence: Callable[[str, str], Awaitable[int | Refusal]]

    def aperform(self, command: Command[Any]) -> Awaitable[Any]:
        method, fields = _method_for(self, command)
        answer: Awaitable[Any] = method(*fields)
        return answer

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
