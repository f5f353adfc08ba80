"""A release wakes the first waiter only; one that has just given up does not pass it on.

The shipped queue gives the slot itself to the first waiter. One that gives up asks the store
whether it has been given a slot, and keeps that slot or gives it to the next waiter.
"""

from py_cachify.commands import Steps
from py_cachify.protocols import Lease, SlotProtocol
from simulations.broken.base import Broken
from simulations.broken.members import count_members
from simulations.broken.queueing import AwaitMessage, DropLive, Leave, TakeOrJoin, TakeQueued, WakeFirst


def _acquire(key: str, token: str, max_size: int, slot_exp: float | None) -> Steps[Lease | None]:
    seconds = float('inf') if slot_exp is None else slot_exp
    if (yield from TakeOrJoin(key, token, max_size, seconds)):
        return Lease(key, token)
    while (yield from AwaitMessage(token)) is not None:
        if (yield from TakeQueued(key, token, max_size, seconds)):
            return Lease(key, token)
    # Its time is up, but a message may be there by now.
    yield from Leave(key, token)
    return None


def _release(lease: Lease) -> Steps[bool]:
    there = yield from DropLive(lease.name, lease.token)
    yield from WakeFirst(lease.name)
    return there


SWALLOWED_SIGNAL = Broken(
    'swallowed-signal',
    SlotProtocol('swallowed-signal', _acquire, _release, count_members),
    'its release wakes the first waiter only: if that one gives up then, the next one waits beside a free slot',
    clients=3,
    timeouts=1,
    blocks=True,
)
