"""One atomic step, but the client's own clock decides what has expired."""

from py_cachify.commands import Steps
from py_cachify.protocols import Lease, SlotProtocol
from simulations.broken.base import Broken
from simulations.broken.commands import OwnClock, TakeBelow
from simulations.broken.members import count_members, release_member


def _acquire(key: str, token: str, max_size: int, slot_exp: float | None) -> Steps[Lease | None]:
    now = yield from OwnClock()
    granted = yield from TakeBelow(key, token, max_size, slot_exp or 0, knows_own=True, now=now)
    return Lease(key, token) if granted else None


CLIENT_CLOCK = Broken(
    'client-clock',
    SlotProtocol('client-clock', _acquire, release_member, count_members),
    "it checks expiry by the client's own clock, and one that is ahead evicts holders too early",
    faults=1,
    kinds=('clock ahead',),
)
