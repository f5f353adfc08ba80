"""Which expiry to show in close-up, and the counts of its pool during that time."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulations.history.events import EXPIRED, GRANTED, OCCUPANCY, RUNNING, TAKEN, VANISHED, Block, changes
from simulations.measuring.holders import Holders, Part


Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

_NONE = -1
_SHORTEST = 1e-12


class CloseUp(NamedTuple):
    """A holder that outlived its slot, and the next holder of the pool while that body still ran.

    Attributes:
        late: the index of the holder that outlived its slot.
        following: the index of the next holder, if the pool was full until the slot expired;
            ``None`` if it was not, or if there was no such holder.
        same_slot: whether the next holder certainly took the very slot that had expired, because no
            other slot had become free meanwhile.
        pool: the number of their pool.
        lost: whether the store lost the slot, so that it did not expire.
    """

    late: int
    following: int | None
    same_slot: bool
    pool: int
    lost: bool


def choose(part: Part, holders: Holders, max_size: int, job: int | None) -> CloseUp | None:
    """Return the expiry of one job, or the most instructive one; ``None`` if there is none.

    Preferred are, in this order, expiries that lie entirely in the part that was kept; that made
    room in a full pool, where another holder took the very slot while the body ran, or at least was
    the next; where the overrun and the slots lasted about equally long and the next holder came
    soon.
    """
    which = holders.overran & ~np.isnan(holders.body_until)
    if job is not None:
        which &= holders.jobs == job
    late = np.flatnonzero(which)
    if not len(late):
        return None
    block = part.block
    granted, expired, ended = holders.granted[late], holders.slot_until[late], holders.body_until[late]
    expiries = _expiries(block, holders.jobs[late], expired)
    grants, directly = _next_grants(block, expiries)
    full = (expiries != _NONE) & (block.occupancy[expiries] == max_size - 1)
    following = np.where(full & (grants != _NONE), _granted_at(block, grants, holders), _NONE)
    taken = (following != _NONE) & (holders.granted[following] < ended)
    same = taken & directly
    delay = np.where(taken, (holders.granted[following] - expired) / (ended - expired), 1.0)
    held = np.fmin(holders.slot_until[following], np.inf) - holders.granted[following]
    slot = np.maximum(expired - granted, _SHORTEST)
    ratios = np.abs(np.log((ended - expired) / slot))
    ratios += np.where(taken, np.abs(np.log(np.maximum(held, _SHORTEST) / slot)), 0.0)
    known = (granted >= block.times[0]) & (ended <= block.times[-1])
    best = int(np.lexsort((ratios + delay, ~full, ~taken, ~same, ~known))[0])
    return CloseUp(
        late=int(late[best]),
        following=int(following[best]) if taken[best] else None,
        same_slot=bool(same[best]),
        pool=int(_pools(part, holders)[late[best]]),
        lost=bool(expiries[best] != _NONE and block.whats[expiries[best]] == VANISHED),
    )


def _pools(part: Part, holders: Holders) -> Counts:
    """Return the pool of each holder; -1 for a holder without an event in this part."""
    block = part.block
    order = np.argsort(block.jobs, kind='stable')
    places = np.searchsorted(block.jobs, holders.jobs, sorter=order)
    events = order[np.minimum(places, len(order) - 1)]
    found: Counts = np.where(block.jobs[events] == holders.jobs, block.pools[events], _NONE)
    return found


def _expiries(block: Block, jobs: Counts, instants: Floats) -> Counts:
    """Return the event by which each of these jobs lost its slot; -1 if it was not kept."""
    lost = np.flatnonzero(np.isin(block.whats, (EXPIRED, VANISHED)))
    order = lost[np.argsort(block.jobs[lost], kind='stable')]
    if not len(order):
        return np.full(len(jobs), _NONE)
    # The last one: a job that asked again may have lost more than one.
    events = order[np.maximum(np.searchsorted(block.jobs[order], jobs, side='right') - 1, 0)]
    exists = (block.jobs[events] == jobs) & (block.times[events] == instants)
    found: Counts = np.where(exists, events, _NONE)
    return found


def _next_grants(block: Block, events: Counts) -> tuple[Counts, NDArray[np.bool_]]:
    """Return the next grant in the pool of each event, and whether no slot was freed in between.

    The grant is an event too; it is -1 if there was none.
    """
    steps = changes(OCCUPANCY)[block.whats]
    # In order of the pools, so that the neighbours of an event are those of its pool.
    order = np.lexsort((np.arange(len(steps)), block.pools))
    order = order[steps[order] != 0]
    places = np.arange(len(order))
    grants = np.isin(block.whats[order], (GRANTED, TAKEN))
    following = np.minimum.accumulate(np.where(grants, places, len(order))[::-1])[::-1]
    where = np.full(len(steps), _NONE)
    where[order] = places
    after = where[events] + 1
    next_grant = np.append(following, len(order))[np.minimum(after, len(order))]
    found = np.append(order, _NONE)[next_grant]
    exists = (found != _NONE) & (block.pools[found] == block.pools[events])
    return np.where(exists, found, _NONE), exists & (next_grant == after)


def _granted_at(block: Block, events: Counts, holders: Holders) -> Counts:
    """Return the index of the holder that each of these events made; -1 if there is none."""
    instants, ranks = np.unique(np.concatenate([holders.granted, block.times[events]]), return_inverse=True)
    # One number for job and instant, because a job that asked again has more than one grant.
    keys = np.concatenate([holders.jobs, block.jobs[events]]) * len(instants) + ranks
    own, wanted = keys[: len(holders.jobs)], keys[len(holders.jobs) :]
    order = np.argsort(own)
    found = order[np.minimum(np.searchsorted(own, wanted, sorter=order), len(order) - 1)]
    same: Counts = np.where(own[found] == wanted, found, _NONE)
    return same


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
