"""A counter that goes up and down; a client that crashes never counts down again."""

from py_cachify.commands import Steps
from py_cachify.protocols import Lease, SlotProtocol
from simulations.broken.base import Broken
from simulations.broken.commands import Increment


def _acquire(key: str, token: str, max_size: int, slot_exp: float | None) -> Steps[Lease | None]:  # noqa: ARG001
    if (yield from Increment(key)) > max_size:
        yield from Increment(key, -1)
        return None
    return Lease(key, token)


def _release(lease: Lease) -> Steps[bool]:
    yield from Increment(lease.name, -1)
    return True


def _size(key: str, max_size: int) -> Steps[int]:  # noqa: ARG001
    return (yield from Increment(key, 0))


COUNTER = Broken(
    'counter',
    SlotProtocol('counter', _acquire, _release, _size),
    'it counts up and down without recording the holders, so a crash takes a slot forever',
    clients=1,
    faults=1,
    kinds=('crash',),
)
