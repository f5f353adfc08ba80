"""A release wakes everybody, and whoever asks first gets the slot: the order of arrival is lost.

The shipped queue does not let waiters race. The script of the release gives the slot to the first
one in the queue.
"""

from py_cachify.commands import Steps
from py_cachify.protocols import Lease, SlotProtocol
from simulations.broken.base import Broken
from simulations.broken.members import count_members
from simulations.broken.queueing import AwaitMessage, DropLive, Leave, TakeOrJoin, TakeQueued, WakeAll


def _acquire(key: str, token: str, max_size: int, slot_exp: float | None) -> Steps[Lease | None]:
    seconds = float('inf') if slot_exp is None else slot_exp
    if (yield from TakeOrJoin(key, token, max_size, seconds)):
        return Lease(key, token)
    while (yield from AwaitMessage(token)) is not None:
        if (yield from TakeQueued(key, token, max_size, seconds)):
            return Lease(key, token)
    yield from Leave(key, token)
    return None


def _release(lease: Lease) -> Steps[bool]:
    there = yield from DropLive(lease.name, lease.token)
    yield from WakeAll(lease.name)
    return there


WAKE_ALL = Broken(
    'wake-all',
    SlotProtocol('wake-all', _acquire, _release, count_members),
    'its release wakes everybody, and whoever asks first gets the slot: the order of arrival is lost',
    clients=3,
    fair=True,
    blocks=True,
)
