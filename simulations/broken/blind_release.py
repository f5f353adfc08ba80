"""A lock for one holder whose release deletes it without checking the owner."""

from py_cachify.commands import Steps
from py_cachify.protocols import Lease, SlotProtocol
from simulations.broken.base import Broken
from simulations.broken.commands import GetKey, Remove, SetNew


def _acquire(key: str, token: str, max_size: int, slot_exp: float | None) -> Steps[Lease | None]:  # noqa: ARG001
    return Lease(key, token) if (yield from SetNew(key, token, slot_exp)) else None


def _release(lease: Lease) -> Steps[bool]:
    return (yield from Remove(lease.name))


def _size(key: str, max_size: int) -> Steps[int]:  # noqa: ARG001
    return 0 if (yield from GetKey(key)) is None else 1


BLIND_RELEASE = Broken(
    'blind-release',
    SlotProtocol('blind-release', _acquire, _release, _size),
    "its release deletes the lock without checking the owner: a late one frees the next holder's slot",
)
