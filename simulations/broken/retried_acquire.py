"""One indivisible step that does not know its own token: a driver that asks again is refused its own slot."""

from py_cachify.commands import Steps
from py_cachify.protocols import Lease, SlotProtocol
from simulations.broken.base import Broken
from simulations.broken.commands import Count, Drop, DropExpired, TakeBelow


def _acquire(key: str, token: str, max_size: int, slot_exp: float | None) -> Steps[Lease | None]:
    granted = yield from TakeBelow(key, token, max_size, slot_exp or 0, knows_own=False)
    return Lease(key, token) if granted else None


def _release(lease: Lease) -> Steps[bool]:
    yield from DropExpired(lease.name)
    return (yield from Drop(lease.name, lease.token))


def _size(key: str, max_size: int) -> Steps[int]:  # noqa: ARG001 - it counts what is there
    yield from DropExpired(key)
    return (yield from Count(key))


RETRIED_ACQUIRE = Broken(
    'retried-acquire',
    SlotProtocol('retried-acquire', _acquire, _release, _size),
    'its acquire does not look for its own token: asked again after a lost reply it is refused, its slot taken',
    clients=1,
    faults=1,
    kinds=('repeat',),
)
