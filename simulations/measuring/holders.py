"""Who held a slot, who waited for one, and when; and how long each body ran.

They are computed for a few events, or for a part of a long run. A part is what is kept of a run
without a history: some thousand events around an interesting moment, and who was running when they
began.
"""

import functools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulations.history.events import (
    BEGAN,
    BEGAN_LATE,
    CRASHED,
    ENDED,
    EXPIRED,
    FREED,
    GRANTED,
    OVERRAN,
    QUEUE,
    QUEUED,
    RECOVERED,
    REFUSED,
    RELEASED,
    RETRYING,
    SERVED,
    TAKEN,
    TIMED_OUT,
    VANISHED,
    WHATS,
    WITHDREW,
    Block,
    changes,
)


Floats = NDArray[np.float64]

_BLOCKS_KEPT = 2
_STILL = -1
_QUEUE_ENDS = (SERVED, TIMED_OUT, WITHDREW)
_OF_QUEUE = (QUEUED, *_QUEUE_ENDS)


class Holders(NamedTuple):
    """Jobs that were granted a slot, in order of their grants.

    All instants are in seconds; NaN means that it is still to come.

    Attributes:
        jobs: the numbers of the jobs.
        granted: when the slot was granted, or taken.
        slot_until: when the slot was released or freed, expired, vanished, or recovered.
        body_until: when the body ended or crashed; ``granted`` if no body ever began.
        crashed: whether the holder crashed with its slot.
    """

    jobs: NDArray[np.int64]
    granted: Floats
    slot_until: Floats
    body_until: Floats
    crashed: NDArray[np.bool_]

    def select(self, which: NDArray[np.bool_] | NDArray[np.int64]) -> 'Holders':
        """Return some of the holders, by mask or index."""
        jobs, granted, slot_until, body_until, crashed = self
        return Holders(jobs[which], granted[which], slot_until[which], body_until[which], crashed[which])

    @property
    def overran(self) -> NDArray[np.bool_]:
        """Whether the slot of each holder expired before the body ended."""
        overran: NDArray[np.bool_] = ~np.isnan(self.slot_until) & ~(self.body_until <= self.slot_until)
        return overran

    @property
    def abandoned(self) -> NDArray[np.bool_]:
        """Whether the slot of each holder stayed taken after the body had ended."""
        abandoned: NDArray[np.bool_] = ~np.isnan(self.body_until) & ~(self.slot_until <= self.body_until)
        return abandoned


def nobody() -> Holders:
    """Return an empty set of holders."""
    empty = np.empty(0)
    return Holders(np.empty(0, np.int64), empty, empty, empty, np.empty(0, np.bool_))


@functools.cache
def _among(*whats: int) -> NDArray[np.bool_]:
    """Return for each kind of event whether it is one of these."""
    return np.isin(np.arange(len(WHATS)), whats)


def follow(before: Holders, block: Block) -> Holders:
    """Return the holders after some events: those of before, updated, and those granted since."""
    came = _among(GRANTED, TAKEN)[block.whats]
    new = int(came.sum())
    unknown = np.full(new, np.nan)
    jobs = np.concatenate([before.jobs, block.jobs[came]])
    granted = np.concatenate([before.granted, block.times[came]])
    slot_until = np.concatenate([before.slot_until, unknown])
    # A slot that was taken has no body until one begins.
    body_until = np.concatenate([before.body_until, np.where(block.whats == TAKEN, block.times, np.nan)[came]])
    crashed = np.concatenate([before.crashed, np.zeros(new, np.bool_)])
    order = np.argsort(jobs, kind='stable')

    def places(*whats: int) -> tuple[NDArray[np.int64], Floats]:
        these = _among(*whats)[block.whats]
        # The last holder with this number: a job that asked again has left its earlier slot.
        found = np.searchsorted(jobs, block.jobs[these], side='right', sorter=order) - 1
        where = order[np.maximum(found, 0)] if len(order) else found
        known = (found >= 0) & (jobs[where] == block.jobs[these]) if len(order) else found >= 0
        return where[known], block.times[these][known]

    body_until[places(BEGAN, BEGAN_LATE)[0]] = np.nan
    for column, whats in (
        (slot_until, (RELEASED, EXPIRED, RECOVERED, FREED, VANISHED)),
        (body_until, (RELEASED, OVERRAN, CRASHED, ENDED)),
    ):
        where, when = places(*whats)
        column[where] = when
    crashed[places(CRASHED)[0]] = True
    return Holders(jobs, granted, slot_until, body_until, crashed)


class Waiting(NamedTuple):
    """The waits of jobs in the queue, in order of their beginning.

    A job that asked again after a refusal may have waited several times.

    Attributes:
        jobs: the numbers of the jobs.
        since: when the wait began, in seconds.
        until: when it ended, in seconds; NaN means that it is still to come.
        ended_by: the event that ended it: ``SERVED``, ``TIMED_OUT`` or ``WITHDREW``; -1 if it is
            still to come.
    """

    jobs: NDArray[np.int64]
    since: Floats
    until: Floats
    ended_by: NDArray[np.int64]

    def select(self, which: NDArray[np.bool_] | NDArray[np.int64]) -> 'Waiting':
        """Return some of the waits, by mask or index."""
        return Waiting(self.jobs[which], self.since[which], self.until[which], self.ended_by[which])


def nobody_waits() -> Waiting:
    """Return an empty set of waits."""
    return Waiting(np.empty(0, np.int64), np.empty(0), np.empty(0), np.empty(0, np.int64))


def follow_queue(before: Waiting, block: Block) -> Waiting:
    """Return the waits after some events: those of before, updated, and those that began since.

    The waits of before must all be unfinished.
    """
    rows = np.flatnonzero(_among(*_OF_QUEUE)[block.whats])
    jobs = np.concatenate([before.jobs, block.jobs[rows]])
    times = np.concatenate([before.since, block.times[rows]])
    whats = np.concatenate([np.full(len(before.jobs), QUEUED), block.whats[rows]])
    # A job is in the queue once at a time: its next event after each beginning is the end.
    order = np.argsort(jobs, kind='stable')
    jobs, times, whats = jobs[order], times[order], whats[order]
    same = np.append(jobs[1:], _STILL) == jobs if len(jobs) else np.zeros(0, np.bool_)
    begins = np.flatnonzero(whats == QUEUED)
    ended = same[begins]
    ends = begins + ended
    found = Waiting(
        jobs[begins], times[begins], np.where(ended, times[ends], np.nan), np.where(ended, whats[ends], _STILL)
    )
    return found.select(np.lexsort((found.jobs, found.since)))


class Part(NamedTuple):
    """Consecutive events, and who held a slot, ran or waited before them.

    Attributes:
        before: who was running, or had crashed with a slot.
        block: the events.
        waiting: the unfinished waits.
    """

    before: Holders
    block: Block
    waiting: Waiting = nobody_waits()

    def holders(self) -> Holders:
        """Return all who held a slot or ran during this time, in order of their grants."""
        found = follow(self.before, self.block)
        return found.select(np.lexsort((found.jobs, found.granted)))

    def refusals(self) -> Floats:
        """Return the instants at which attempts were refused."""
        times: Floats = self.block.times[np.isin(self.block.whats, (REFUSED, RETRYING))]
        return times

    def followed_by(self, block: Block) -> 'Part':
        """Return the part that continues with further events."""
        return self._replace(block=self.block.followed_by(block))

    def waits(self) -> Waiting:
        """Return all waits of this time, in order of their beginning."""
        return follow_queue(self.waiting, self.block)

    def queue(self) -> NDArray[np.int64]:
        """Return how many jobs wait after each event, in all pools together."""
        return len(self.waiting.jobs) + np.cumsum(changes(QUEUE)[self.block.whats])


class PartKeeper:
    """The most interesting part of a run.

    That is where slots expire under running bodies, otherwise where the pool is fullest, and of
    full pools the one with the longest queue. An equally interesting part replaces it once the run
    is at least twice as long as it was then, so that the part does not show only the beginning of
    the run.
    """

    def __init__(self) -> None:
        self._part = Part(nobody(), Block.empty())
        self._now = nobody()
        self._waiting = nobody_waits()
        self._count = 0
        self._kept_at = 0
        self._blocks = 0
        self._rank = (False, -1, 0)

    def add(self, block: Block) -> None:
        """Add the next events."""
        self._count += 1
        here = Part(self._now, block, self._waiting)
        waits = bool(len(self._waiting.jobs) or (block.whats == QUEUED).any())
        queue = int(here.queue().max()) if waits else 0
        rank = (bool((block.whats == EXPIRED).any()), int(block.occupancy.max()), queue)
        if rank > self._rank or (rank == self._rank and self._count >= 2 * self._kept_at):
            self._part, self._rank = here, rank
            self._kept_at, self._blocks = self._count, 1
        elif self._blocks < _BLOCKS_KEPT and self._count == self._kept_at + self._blocks:
            self._part, self._blocks = self._part.followed_by(block), self._blocks + 1
        after = follow(self._now, block)
        self._now = after.select(np.isnan(after.slot_until) | np.isnan(after.body_until))
        if waits:
            queued = here.waits()
            self._waiting = queued.select(np.isnan(queued.until))

    def part(self) -> Part:
        """Return the part that was kept."""
        return self._part
