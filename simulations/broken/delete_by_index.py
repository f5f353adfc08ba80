"""A name for each slot, released by number: the slot changes hands between check and deletion."""

from py_cachify.commands import Steps
from py_cachify.protocols import Lease, SlotProtocol
from simulations.broken.base import Broken
from simulations.broken.commands import GetKey, Remove, SetNew


def _acquire(key: str, token: str, max_size: int, slot_exp: float | None) -> Steps[Lease | None]:
    for index in range(max_size):
        if (yield from SetNew(f'{key}:{index}', token, slot_exp)):
            return Lease(f'{key}:{index}', token)
    return None


def _release(lease: Lease) -> Steps[bool]:
    if (yield from GetKey(lease.name)) != lease.token:
        return False
    return (yield from Remove(lease.name))


def _size(key: str, max_size: int) -> Steps[int]:
    taken = 0
    for index in range(max_size):
        taken += (yield from GetKey(f'{key}:{index}')) is not None
    return taken


DELETE_BY_INDEX = Broken(
    'delete-by-index',
    SlotProtocol('delete-by-index', _acquire, _release, _size),
    "its release checks the owner and then deletes: a pause in between frees another holder's slot",
)
