"""Count and add under a lock that can expire before a paused client is done."""

from py_cachify.commands import Steps
from py_cachify.protocols import Lease, SlotProtocol
from simulations.broken.base import Broken
from simulations.broken.commands import Add, Count, DropExpired, GetKey, Remove, SetNew
from simulations.broken.members import count_members, release_member


LOCK_SECONDS = 1.0


def _acquire(key: str, token: str, max_size: int, slot_exp: float | None) -> Steps[Lease | None]:
    # A client that finds the lock taken tries again, at most three times.
    for _ in range(3):
        if (yield from SetNew(f'{key}-lock', token, LOCK_SECONDS)):
            break
    else:
        return None
    yield from DropExpired(key)
    lease = None
    if (yield from Count(key)) < max_size:
        yield from Add(key, token, slot_exp or 0)
        lease = Lease(key, token)
    if (yield from GetKey(f'{key}-lock')) == token:
        yield from Remove(f'{key}-lock')
    return lease


SHORT_LOCK = Broken(
    'short-lock',
    SlotProtocol('short-lock', _acquire, release_member, count_members),
    'its lock can expire while a paused client still relies on it, so two clients are inside it at once',
    honest=False,
)
