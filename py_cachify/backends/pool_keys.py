"""The names of all keys of a pool on a Redis or Valkey server; they never change.

A pool's slots are under the pool's own key, as they have always been.  Whatever else belongs to the
pool is under a *derived* key: the pool's key, a role, and six letters::

    PYC-reports                     the slots
    PYC-reports~undone~jhjnnk        the tombstones

====================  =========  ===================================================================
role                  in use     what is there
====================  =========  ===================================================================
``undone``            yes        sorted set: token of an undone acquire, instant its tombstone ends
``slots``             yes        the slots, only of a pool whose own key looks like a derived one
``queue``             yes        sorted set: ticket of a waiter, its place in the queue; and ``!``
                                 and the ticket, the instant by which it must ask again, negated
``fence``             yes        a number: the last fencing token, for a day after it was drawn
====================  =========  ===================================================================

Under the pool's own key is a sorted set of the tokens of its slots, each with the instant at which
its slot expires.  A slot that a waiter has not confirmed yet is under ``?`` and its token.  For
every pool key, whatever text it is:

* All its keys lie in one hash slot of a cluster, so that one script may use them.
* No two pools share a key, because no pool keeps its slots under a derived key of another.

A cluster hashes what is between the first ``{`` of a key and the next ``}``, or the whole key if
there is nothing between them.  Wrapping a key in braces therefore fails for ``a}b``, ``a{}b`` and
``{}a}b``.  Instead a derived key begins with the pool's key and adds no brace.  What was hashed
between braces is still hashed.  Where the whole key is hashed, the letters at the end bring the
hash back to that of the pool's key: they are chosen so that its CRC does not change.
"""

import binascii
import functools
import re
from typing import NamedTuple


HASH_SLOTS = 16384
"""The number of hash slots of a cluster."""

ROLES = ('undone', 'slots', 'queue', 'fence')
"""What a derived key may be for."""

_DERIVED = re.compile(rb'~[a-z]+~[h-o]{6}\Z')
_LETTERS = b'hhhhhh'
"""The letters before any bit is flipped; flipping their three lowest bits gives ``h`` to ``o``."""


class PoolKeys(NamedTuple):
    """The keys of one pool.

    Attributes:
        slots: a sorted set of tokens, each with the instant at which its slot expires.
        queue: a sorted set of those who wait.
        undone: a sorted set of undone tokens, each with the instant at which its tombstone expires.
        fence: a number, the last fencing token.
    """

    slots: bytes
    queue: bytes
    undone: bytes
    fence: bytes


def pool_keys(key: str) -> PoolKeys:
    """Return the keys of the pool ``key``, which includes its prefix.

    Example::

        pool_keys('PYC-reports').slots           # b'PYC-reports'
    """
    return PoolKeys(slots_key(key), *(derived_key(key, role) for role in ('queue', 'undone', 'fence')))


def slots_key(key: str) -> bytes:
    """Return the key of the pool's slots: its own, unless that has the form of a derived key."""
    own = key.encode()
    return derived_key(key, 'slots') if is_derived(own) else own


def is_derived(name: bytes) -> bool:
    """Return whether a name on the server has the form of a derived key, of whatever role."""
    return _DERIVED.search(name) is not None


def derived_key(key: str, role: str) -> bytes:
    """Return the derived key of the pool ``key`` for ``role``, which is one of ``ROLES``."""
    name = f'{key}~{role}~'.encode()
    wrong = (_crc(key.encode()) ^ _crc(name + _LETTERS)) % HASH_SLOTS
    letters = int.from_bytes(_LETTERS, 'big')
    for lowest, change, flipped in _corrections():
        if wrong & lowest:
            wrong ^= change
            letters ^= flipped
    return name + letters.to_bytes(len(_LETTERS), 'big')


def _crc(text: bytes) -> int:
    return binascii.crc_hqx(text, 0)


@functools.cache
def _corrections() -> tuple[tuple[int, int, int], ...]:
    """Return which bits to flip in the letters to change each bit of the hash.

    Flipping a bit of the last letters changes the same bits of the CRC, whatever comes before.
    This is Gaussian elimination over these changes.  Each row is a bit of the hash, a change whose
    lowest bit that is, and the letters' bits that make it; so one pass over the rows corrects all.
    """
    rows: list[tuple[int, int, int]] = []
    for place in range(len(_LETTERS)):
        for bit in (1, 2, 4):
            flipped = bit << 8 * place
            change = _crc(flipped.to_bytes(len(_LETTERS), 'big')) % HASH_SLOTS
            for lowest, known, others in sorted(rows):
                if change & lowest:
                    change ^= known
                    flipped ^= others
            if change:
                rows.append((change & -change, change, flipped))
    return tuple(sorted(rows))
