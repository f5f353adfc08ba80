"""One indivisible step that does not know its own token: a driver that asks again after a lost reply takes two slots."""

from py_cachify.commands import Steps
from py_cachify.protocols import Lease, SlotProtocol
from simulations.broken.base import Broken
from simulations.broken.commands import Count, Drop, DropUpTo, ServerClock, TakeBelow


def _acquire(key: str, token: str, max_size: int, slot_exp: float | None) -> Steps[Lease | None]:
    now = yield from ServerClock()
    granted = yield from TakeBelow(key, token, now, now + (slot_exp or 0), max_size, knows_own=False)
    return Lease(key, token) if granted else None


def _release(lease: Lease) -> Steps[bool]:
    now = yield from ServerClock()
    yield from DropUpTo(lease.name, now)
    return (yield from Drop(lease.name, lease.token))


def _size(key: str, max_size: int) -> Steps[int]:  # noqa: ARG001
    now = yield from ServerClock()
    return (yield from Count(key, now))


RETRIED_ACQUIRE = Broken(
    'retried-acquire',
    SlotProtocol('retried-acquire', _acquire, _release, _size),
    'its acquire does not look for its own token: asked again after a lost reply it is refused, its slot taken',
    clients=1,
    faults=1,
    kinds=('repeat',),
)
