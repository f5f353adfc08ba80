"""Which names on a server belong to which pool.

``backends/pool_keys.py`` says what a pool keeps under which name.  A name that is no UTF-8 was
written by another program, because a pool's key is a text.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from py_cachify.backends.pool_keys import derived_key, is_derived, pool_keys, slots_key


class Names(NamedTuple):
    """The names of one pool that exist, or may.

    Attributes:
        key: its key with the prefix.
        slots: the name of its slots; ``None`` if it does not exist.
        queue: the name of its queue; ``None`` if it does not exist.
    """

    key: str
    slots: bytes | None
    queue: bytes | None


def pattern(prefix: str) -> bytes:
    """Return the pattern of ``SCAN`` for all names that begin with this text.

    Example::

        pattern('a*b')      # b'a\\\\*b*'
    """
    return re.sub(r'([\\*?\[\]])', r'\\\1', prefix).encode() + b'*'


def sort_names(found: Iterable[bytes]) -> list[Names]:
    """Return the pools that these names may belong to, by key; other names are left out."""
    slots: dict[str, bytes] = {}
    queues: dict[str, bytes] = {}
    for name in found:
        try:
            text = name.decode()
        except UnicodeDecodeError:
            continue
        if not is_derived(name):
            slots[text] = name
            continue
        key, role, _ = text.rsplit('~', 2)
        if role == 'slots' and slots_key(key) == name:
            slots[key] = name
        elif role == 'queue' and derived_key(key, role) == name:
            queues[key] = name
    return [Names(key, slots.get(key), queues.get(key)) for key in sorted(slots.keys() | queues.keys())]


def names_of(key: str) -> Names:
    """Return the names of a pool, whether they exist or not; ``key`` has its prefix."""
    keys = pool_keys(key)
    return Names(key, keys.slots, keys.queue)
