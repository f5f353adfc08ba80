"""Which expiry to show in close-up, and the counts of its pool during that time."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulations.history.events import EXPIRED, OCCUPANCY, RUNNING, changes
from simulations.measuring.holders import Holders, Part


Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

_NOBODY = -1
_SHORTEST = 1e-12


class CloseUp(NamedTuple):
    """A holder that outlived its slot, and the next holder of the pool while that body still ran.

    Attributes:
        late: the index of the holder that outlived its slot.
        following: the index of the next holder; ``None`` if there was none.
        pool: the number of their pool.
    """

    late: int
    following: int | None
    pool: int


def choose(part: Part, holders: Holders, max_size: int, job: int | None) -> CloseUp | None:
    """Return the expiry of one job, or the most instructive one; ``None`` if there is none.

    Preferred are, in this order, expiries that lie entirely in the part that was kept; whose slot
    was taken by another holder while the body ran; that made room in a full pool; where the overrun
    and the slots lasted about equally long and the slot was taken soon.
    """
    which = holders.overran & ~np.isnan(holders.body_until)
    if job is not None:
        which &= holders.jobs == job
    late = np.flatnonzero(which)
    if not len(late):
        return None
    pools = _pools(part, holders)
    granted, expired, ended = holders.granted[late], holders.slot_until[late], holders.body_until[late]
    following = _next_granted(holders, pools, late)
    taken = (following != _NOBODY) & (holders.granted[following] < ended)
    delay = np.where(taken, (holders.granted[following] - expired) / (ended - expired), 1.0)
    held = np.fmin(holders.slot_until[following], np.inf) - holders.granted[following]
    slot = np.maximum(expired - granted, _SHORTEST)
    ratios = np.abs(np.log((ended - expired) / slot))
    ratios += np.where(taken, np.abs(np.log(np.maximum(held, _SHORTEST) / slot)), 0.0)
    known = (granted >= part.block.times[0]) & (ended <= part.block.times[-1])
    best = int(np.lexsort((ratios + delay, ~_was_full(part, holders.jobs[late], max_size), ~taken, ~known))[0])
    other = int(following[best]) if taken[best] else None
    return CloseUp(int(late[best]), other, int(pools[late[best]]))


def _pools(part: Part, holders: Holders) -> Counts:
    """Return the pool of each holder; -1 for a holder without an event in this part."""
    block = part.block
    order = np.argsort(block.jobs, kind='stable')
    places = np.searchsorted(block.jobs, holders.jobs, sorter=order)
    events = order[np.minimum(places, len(order) - 1)]
    found: Counts = np.where(block.jobs[events] == holders.jobs, block.pools[events], _NOBODY)
    return found


def _next_granted(holders: Holders, pools: Counts, late: Counts) -> Counts:
    """Return, for each late holder, the index of the next holder of its pool after its expiry."""
    instants, ranks = np.unique(np.concatenate([holders.granted, holders.slot_until[late]]), return_inverse=True)
    # One number ordered by pool and time, so that a single search finds all.
    keys = (np.concatenate([pools, pools[late]]) + 1) * len(instants) + ranks
    grants, expiries = keys[: len(pools)], keys[len(pools) :]
    order = np.argsort(grants, kind='stable')
    places = np.searchsorted(grants, expiries, sorter=order)
    found = order[np.minimum(places, len(order) - 1)]
    exists = (places < len(order)) & (pools[found] == pools[late])
    following: Counts = np.where(exists, found, _NOBODY)
    return following


def _was_full(part: Part, jobs: Counts, max_size: int) -> NDArray[np.bool_]:
    """Return, for each of these jobs, whether the expiry of its slot made room in a full pool."""
    block = part.block
    made_room = (block.whats == EXPIRED) & (block.occupancy == max_size - 1)
    return np.isin(jobs, block.jobs[made_room])


class PoolCounts(NamedTuple):
    """The counts of one pool, from each instant to the next; the last is repeated at the end."""

    times: Floats
    occupancy: Counts
    running: Counts


def counts(part: Part, pool: int, first: float, last: float) -> PoolCounts:
    """Return the counts of a pool between two instants, from the first event that was kept on."""
    block = part.block
    own = np.flatnonzero(block.pools == pool)
    times, whats = block.times[own], block.whats[own]
    first = max(first, float(block.times[0]))
    begin, end = np.searchsorted(times, [first, last], side='right')
    instants = np.concatenate([[first], times[begin:end], [max(first, last)]])

    def level(after: Counts, steps: dict[int, int]) -> Counts:
        # Before the first event, the count is what that event found.
        found = after[begin - 1] if begin else after[0] - changes(steps)[whats[0]]
        values = np.concatenate([[found], after[begin:end]])
        return np.append(values, values[-1])

    return PoolCounts(instants, level(block.occupancy[own], OCCUPANCY), level(block.running[own], RUNNING))
