"""A fair queue without deadlines: behind a waiter that has crashed, nobody is ever the first.

A waiter of the shipped queue asks again every few seconds. One that is silent for too long loses
its place, and a slot that was kept for it goes to the next waiter.
"""

from py_cachify.commands import Steps
from py_cachify.protocols import Lease, SlotProtocol
from simulations.broken.base import Broken
from simulations.broken.members import count_members, release_member
from simulations.broken.queueing import Join, Leave, TakeWhenFirst


def _acquire(key: str, token: str, max_size: int, slot_exp: float | None) -> Steps[Lease | None]:
    yield from Join(key, token)
    if (yield from TakeWhenFirst(key, token, max_size, float('inf') if slot_exp is None else slot_exp)):
        return Lease(key, token)
    yield from Leave(key, token)
    return None


DEAD_HEAD = Broken(
    'dead-head',
    SlotProtocol('dead-head', _acquire, release_member, count_members),
    'its fair queue has no deadlines: behind a waiter that has crashed, everybody waits forever',
    faults=1,
    kinds=('crash',),
    fair=True,
    blocks=True,
)
