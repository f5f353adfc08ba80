"""One atomic step that ignores its own token, so a repeated request is refused."""

from py_cachify.commands import Steps
from py_cachify.protocols import Lease, SlotProtocol
from simulations.broken.base import Broken
from simulations.broken.commands import TakeBelow
from simulations.broken.members import count_members, release_member


def _acquire(key: str, token: str, max_size: int, slot_exp: float | None) -> Steps[Lease | None]:
    granted = yield from TakeBelow(key, token, max_size, slot_exp or 0, knows_own=False)
    return Lease(key, token) if granted else None


RETRIED_ACQUIRE = Broken(
    'retried-acquire',
    SlotProtocol('retried-acquire', _acquire, release_member, count_members),
    'its acquire does not look for its own token, so a repeat after a lost reply is refused',
    clients=1,
    faults=1,
    kinds=('repeat',),
)
