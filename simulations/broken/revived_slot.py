"""A renewal that sets the new expiry without looking whether the slot is still there.

It is what a plain ``ZADD`` does. The shipped renewal checks the old expiry in the same step.
"""

from py_cachify.commands import Steps
from py_cachify.protocols import Lease, Renewals, SlotProtocol
from simulations.broken.base import Broken
from simulations.broken.commands import Add, TakeBelow
from simulations.broken.members import count_members, release_member


def _acquire(key: str, token: str, max_size: int, slot_exp: float | None) -> Steps[Lease | None]:
    granted = yield from TakeBelow(key, token, max_size, slot_exp or 0, knows_own=True)
    return Lease(key, token) if granted else None


def _renew(key: str, renewals: Renewals) -> Steps[tuple[bool, ...]]:
    for token, life in renewals:
        # By now the slot may have expired, and another client may have it.
        yield from Add(key, token, life or 0)
    return (True,) * len(renewals)


REVIVED_SLOT = Broken(
    'revived-slot',
    SlotProtocol('revived-slot', _acquire, release_member, count_members, renew=_renew),
    'its renewal does not look whether the slot is still there, so it revives one that has expired',
    renewals=1,
)
