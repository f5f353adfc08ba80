"""Who held a slot from when to when, and whose body ran until when: from some events, or from a part of a long run.

A part is what is kept of a run whose history is not: some thousand events about a telling moment, and who was running
when they began.
"""

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
    RECOVERED,
    REFUSED,
    RELEASED,
    RETRYING,
    TAKEN,
    VANISHED,
    Block,
)


Floats = NDArray[np.float64]

_BLOCKS_KEPT = 2


class Holders(NamedTuple):
    """Some jobs that were granted a slot, in order of their grants; all instants in seconds, NaN if not yet.

    Attributes:
        jobs: their numbers.
        granted: when the slot was granted, or taken.
        slot_until: when it was released or freed, expired, vanished, or recovered.
        body_until: when the body ended, or crashed; if none ever began, ``granted``.
        crashed: whether it crashed with its slot.
    """

    jobs: NDArray[np.int64]
    granted: Floats
    slot_until: Floats
    body_until: Floats
    crashed: NDArray[np.bool_]

    def select(self, which: NDArray[np.bool_] | NDArray[np.int64]) -> 'Holders':
        """Some of them."""
        jobs, granted, slot_until, body_until, crashed = self
        return Holders(jobs[which], granted[which], slot_until[which], body_until[which], crashed[which])

    @property
    def overran(self) -> NDArray[np.bool_]:
        """Whose slot expired before the body ended."""
        overran: NDArray[np.bool_] = ~np.isnan(self.slot_until) & ~(self.body_until <= self.slot_until)
        return overran

    @property
    def abandoned(self) -> NDArray[np.bool_]:
        """Whose slot stayed taken after the body was gone."""
        abandoned: NDArray[np.bool_] = ~np.isnan(self.body_until) & ~(self.slot_until <= self.body_until)
        return abandoned


def nobody() -> Holders:
    """No holders."""
    empty = np.empty(0)
    return Holders(np.empty(0, np.int64), empty, empty, empty, np.empty(0, np.bool_))


def follow(before: Holders, block: Block) -> Holders:
    """Those who were running before some events, and those who came, as they are after them."""
    came = np.isin(block.whats, (GRANTED, TAKEN))
    new = int(came.sum())
    unknown = np.full(new, np.nan)
    jobs = np.concatenate([before.jobs, block.jobs[came]])
    granted = np.concatenate([before.granted, block.times[came]])
    slot_until = np.concatenate([before.slot_until, unknown])
    # Until a body begins there is none.
    body_until = np.concatenate([before.body_until, np.where(block.whats == TAKEN, block.times, np.nan)[came]])
    crashed = np.concatenate([before.crashed, np.zeros(new, np.bool_)])
    order = np.argsort(jobs, kind='stable')

    def places(*whats: int) -> tuple[NDArray[np.int64], Floats]:
        these = np.isin(block.whats, whats)
        # The last of those with this number: one that asked again has left what it had.
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


class Part(NamedTuple):
    """Some events that followed one another, and who was running, or was crashed with a slot, before them."""

    before: Holders
    block: Block

    def holders(self) -> Holders:
        """All who held a slot or ran in this time, in order of their grants."""
        found = follow(self.before, self.block)
        return found.select(np.lexsort((found.jobs, found.granted)))

    def refusals(self) -> Floats:
        """When jobs were refused, or put off to try again."""
        times: Floats = self.block.times[np.isin(self.block.whats, (REFUSED, RETRYING))]
        return times


class PartKeeper:
    """Keeps a telling part of a run: where slots expire under running bodies, else where the pool is fullest.

    It is replaced by a later one half as many times as the run doubles its length, so that it shows the run under way.
    """

    def __init__(self) -> None:
        self._part = Part(nobody(), Block.empty())
        self._now = nobody()
        self._count = 0
        self._kept_at = 0
        self._blocks = 0
        self._rank = (False, -1)

    def add(self, block: Block) -> None:
        """The events that follow."""
        self._count += 1
        rank = (bool((block.whats == EXPIRED).any()), int(block.occupancy.max()))
        if rank > self._rank or (rank == self._rank and self._count >= 2 * self._kept_at):
            self._part, self._rank = Part(self._now, block), rank
            self._kept_at, self._blocks = self._count, 1
        elif self._blocks < _BLOCKS_KEPT and self._count == self._kept_at + self._blocks:
            self._part, self._blocks = Part(self._part.before, self._part.block.followed_by(block)), self._blocks + 1
        after = follow(self._now, block)
        self._now = after.select(np.isnan(after.slot_until) | np.isnan(after.body_until))

    def part(self) -> Part:
        """What was kept."""
        return self._part
