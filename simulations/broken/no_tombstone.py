"""An acquire whose undo leaves nothing behind, so a late acquire does not know that it ran."""

from py_cachify.commands import Steps
from py_cachify.protocols import Lease, SlotProtocol
from simulations.broken.base import Broken
from simulations.broken.commands import TakeBelow
from simulations.broken.members import count_members, release_member


def _acquire(key: str, token: str, max_size: int, slot_exp: float | None) -> Steps[Lease | None]:
    lease = Lease(key, token)
    seconds = float('inf') if slot_exp is None else slot_exp
    try:
        granted = yield from TakeBelow(key, token, max_size, seconds, knows_own=True)
    except GeneratorExit:
        raise
    except BaseException:
        # The request may still be on its way, and will take a slot that no process holds.
        yield from release_member(lease)
        raise
    return lease if granted else None


NO_TOMBSTONE = Broken(
    'no-tombstone',
    SlotProtocol('no-tombstone', _acquire, release_member, count_members),
    'its undo leaves no trace, so an acquire that arrives after its own undo takes a slot that nobody releases',
    clients=1,
    faults=1,
    kinds=('late',),
)
