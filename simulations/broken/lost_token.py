"""A list of tokens: pop one, then record who has it. A crash in between loses the token.

The shipped queue gives a slot and records its holder in one script, so no slot is ever nowhere.
"""

from py_cachify.commands import Steps
from py_cachify.protocols import Lease, SlotProtocol
from simulations.broken.base import Broken
from simulations.broken.commands import Add, Count
from simulations.broken.queueing import PopToken, PutBack, Refill


def _acquire(key: str, token: str, max_size: int, slot_exp: float | None) -> Steps[Lease | None]:
    yield from Refill(key, max_size)
    if (yield from PopToken(key)) is None:
        return None
    yield from Add(key, token, float('inf') if slot_exp is None else slot_exp)
    return Lease(key, token)


def _release(lease: Lease) -> Steps[bool]:
    return (yield from PutBack(lease.name, lease.token))


def _size(key: str, max_size: int) -> Steps[int]:
    yield from Refill(key, max_size)
    return (yield from Count(key))


LOST_TOKEN = Broken(
    'lost-token',
    SlotProtocol('lost-token', _acquire, _release, _size),
    'it pops a token and then records the holder: a crash in between loses the token, and the others wait forever',
    faults=1,
    kinds=('crash',),
    blocks=True,
)
