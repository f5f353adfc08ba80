"""A renewal that takes a missing slot for one that the server has lost, and adds it again.

The shipped renewal gives a slot that is missing no life, for whatever reason it is missing.
"""

from py_cachify.commands import Steps
from py_cachify.protocols import Lease, Renewals, SlotProtocol
from simulations.broken.base import Broken
from simulations.broken.commands import ProlongOrAdd, TakeBelow
from simulations.broken.members import count_members, release_member


def _acquire(key: str, token: str, max_size: int, slot_exp: float | None) -> Steps[Lease | None]:
    granted = yield from TakeBelow(key, token, max_size, slot_exp or 0, knows_own=True)
    return Lease(key, token) if granted else None


def _renew(key: str, renewals: Renewals) -> Steps[tuple[bool, ...]]:
    there = []
    for token, life in renewals:
        # A copy of this request may be late, and arrive after the release.
        there.append((yield from ProlongOrAdd(key, token, life or 0)))
    return tuple(there)


RENEWED_AFTER_RELEASE = Broken(
    'renewed-after-release',
    SlotProtocol('renewed-after-release', _acquire, release_member, count_members, renew=_renew),
    'its renewal adds a missing slot again, so one that arrives after the release takes a slot that nobody releases',
    clients=1,
    faults=1,
    kinds=('overtaken',),
    renewals=1,
)
