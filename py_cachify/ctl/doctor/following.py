"""Follow slots for some seconds, to see which of them come near their expiry.

One reading rarely meets a slot in the last tenth of its life, least of all in a pool of one or two
slots that live for a second.
"""

import math
import time
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from py_cachify.ctl.names import names_of
from py_cachify.ctl.reading import find_pools, read_batch
from py_cachify.ctl.servers import Server
from py_cachify.ctl.values import Pool, Slot


SECONDS = 2.0
"""For how long slots are followed, unless ``--for`` says otherwise."""

PAUSE = 0.1
"""Between two readings, in seconds: a slot that lives for a second is near its end for so long."""

NEAR_END = 0.1
"""A slot that is not renewed is near its expiry when it has less than this share of its life."""

FOLLOWED = 100
"""How many pools are followed at most: those with the slots that are the first to come near it."""


class Followed(NamedTuple):
    """A pool that was followed.

    Attributes:
        pool: as it was first read.
        mortal: how many different slots were seen that expire and are not renewed.
        near: how many of them were near their expiry once.
    """

    pool: Pool
    mortal: int
    near: int


def mortal_slots(pool: Pool) -> Iterator[tuple[str, bool]]:
    """Yield the token of each slot that expires and is not renewed, and whether it is near that."""
    for slot in pool.slots:
        life = _mortal_life(slot)
        if life is not None:
            yield slot.token, slot.remaining < NEAR_END * life


def seconds_until_near(pool: Pool) -> float:
    """Return when the first slot of a pool comes near its expiry; infinite if none ever does."""
    lives = ((slot, _mortal_life(slot)) for slot in pool.slots)
    return min((slot.remaining - NEAR_END * life for slot, life in lives if life is not None), default=math.inf)


def _mortal_life(slot: Slot) -> float | None:
    return None if slot.claimed or slot.renewed or math.isinf(slot.remaining) else slot.life


def follow(
    server: Server,
    prefix: str,
    pools: Iterable[Pool],
    known: Iterable[str],
    seconds: float,
    *,
    forbidden: set[str] | None = None,
) -> list[Followed]:
    """Read pools again and again, and those that appear meanwhile; return what was seen.

    Where going through all names takes longer than ``PAUSE``, no others are looked for.

    Args:
        server: where.
        prefix: that of all keys.
        pools: those that were read before.
        known: the keys, with the prefix, that need not be looked at.
        seconds: for how long.
        forbidden: takes the keys of pools that the user may not read; ``None`` to raise an error.
    """
    first = {pool.key: pool for pool in pools}
    seen = {pool.key: dict(mortal_slots(pool)) for pool in first.values()}
    others = set(known)
    end = time.monotonic() + seconds
    looking = True
    while (begun := time.monotonic()) < end:
        asked = [names_of(prefix + key) for key in first]
        if looking:
            found = [names for names in find_pools(server, prefix) if names.key not in others]
            others.update(names.key for names in found)
            asked += found[: FOLLOWED - len(asked)]
            looking = time.monotonic() - begun < PAUSE
        for pool in read_batch(server, prefix, asked, forbidden=forbidden):
            first.setdefault(pool.key, pool)
            slots = seen.setdefault(pool.key, {})
            for token, near in mortal_slots(pool):
                slots[token] = near or slots.get(token, False)
        time.sleep(max(0.0, min(begun + PAUSE, end) - time.monotonic()))
    return [Followed(pool, len(seen[key]), sum(seen[key].values())) for key, pool in first.items()]
