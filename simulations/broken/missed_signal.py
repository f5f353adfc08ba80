"""Find the pool full, then subscribe to releases; a release in between is not heard.

The shipped queue decides in one script that the pool is full and that the caller waits. Its
messages only save time: a waiter asks again even if it hears of nothing.
"""

from py_cachify.commands import Steps
from py_cachify.protocols import Lease, SlotProtocol
from simulations.broken.base import Broken
from simulations.broken.commands import TakeBelow
from simulations.broken.members import count_members
from simulations.broken.queueing import AwaitMessage, DropLive, Publish, Subscribe


def _acquire(key: str, token: str, max_size: int, slot_exp: float | None) -> Steps[Lease | None]:
    seconds = float('inf') if slot_exp is None else slot_exp
    if (yield from TakeBelow(key, token, max_size, seconds, knows_own=True)):
        return Lease(key, token)
    yield from Subscribe(key, token)
    while (yield from AwaitMessage(token)) is not None:
        if (yield from TakeBelow(key, token, max_size, seconds, knows_own=True)):
            return Lease(key, token)
    return None


def _release(lease: Lease) -> Steps[bool]:
    there = yield from DropLive(lease.name, lease.token)
    yield from Publish(lease.name)
    return there


MISSED_SIGNAL = Broken(
    'missed-signal',
    SlotProtocol('missed-signal', _acquire, _release, count_members),
    'it finds the pool full and then subscribes: it misses a release in between, and waits forever',
    blocks=True,
)
