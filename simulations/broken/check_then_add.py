"""Count the slots, and add one if there is room; in between, another client does the same."""

from py_cachify.commands import Steps
from py_cachify.protocols import Lease, SlotProtocol
from simulations.broken.base import Broken
from simulations.broken.commands import Add, Count, DropExpired
from simulations.broken.members import count_members, release_member


def _acquire(key: str, token: str, max_size: int, slot_exp: float | None) -> Steps[Lease | None]:
    yield from DropExpired(key)
    if (yield from Count(key)) >= max_size:
        return None
    yield from Add(key, token, slot_exp or 0)
    return Lease(key, token)


CHECK_THEN_ADD = Broken(
    'check-then-add',
    SlotProtocol('check-then-add', _acquire, release_member, count_members),
    'it counts the slots and then adds one, without a lock, so two clients can both find room for one',
)
