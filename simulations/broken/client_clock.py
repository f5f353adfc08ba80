"""One indivisible step, but what has expired is judged by the client's own clock."""

from py_cachify.commands import Steps
from py_cachify.protocols import Lease, SlotProtocol
from simulations.broken.base import Broken
from simulations.broken.commands import Count, Drop, DropUpTo, OwnClock, TakeBelow


def _acquire(key: str, token: str, max_size: int, slot_exp: float | None) -> Steps[Lease | None]:
    now = yield from OwnClock()
    granted = yield from TakeBelow(key, token, now, now + (slot_exp or 0), max_size, knows_own=True)
    return Lease(key, token) if granted else None


def _release(lease: Lease) -> Steps[bool]:
    now = yield from OwnClock()
    yield from DropUpTo(lease.name, now)
    return (yield from Drop(lease.name, lease.token))


def _size(key: str, max_size: int) -> Steps[int]:  # noqa: ARG001
    now = yield from OwnClock()
    return (yield from Count(key, now))


CLIENT_CLOCK = Broken(
    'client-clock',
    SlotProtocol('client-clock', _acquire, _release, _size),
    "it judges expiry by the client's own clock: one whose clock is ahead throws out holders whose time is not up",
    faults=1,
    kinds=('clock ahead',),
)
