"""The judge: was a pool ever overfull, and was a refusal false, by the actors' notes?

An actor notes when it asked for a slot, when its body began, when its body ended, and when its slot
was released::

    asked      entered           left       gone
      |---------|=================|----------|
       perhaps       certainly       perhaps       in the store

So for every instant there is a number of slots that were certainly in the store, and a number of
slots that were there at most.  The pool was overfull if more than ``max_size`` were certainly
there.  A refusal is false if at no instant between its call and its answer ``max_size`` slots can
have been there.

The clock is ``time.monotonic()``, which all processes of a host share.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import NamedTuple


class Grant(NamedTuple):
    """The notes of a holder, in seconds."""

    asked: float
    entered: float
    left: float
    gone: float


class Refusal(NamedTuple):
    """The notes of a refused actor, in seconds."""

    asked: float
    answered: float


class Verdict(NamedTuple):
    """The verdict on a run."""

    peak: int
    """The most slots that were certainly in the store at the same time."""
    overfull: int
    """How many bodies began while ``max_size`` others certainly held a slot."""
    false_refusals: int
    """How many refusals were false."""


def judge(grants: Sequence[Grant], refusals: Iterable[Refusal], max_size: int) -> Verdict:
    """Judge one run of a pool that was empty before it and is empty after it.

    Example::

        assert judge([Grant(0, 1, 3, 4), Grant(0, 2, 5, 6)], [], max_size=1) == Verdict(2, 1, 0)
    """
    certain = _Occupancy([(grant.entered, grant.left) for grant in grants], closed=False)
    at_most = _Occupancy([(grant.asked, grant.gone) for grant in grants], closed=True)
    return Verdict(
        peak=max(certain.levels),
        overfull=sum(certain.highest(grant.entered, grant.entered) > max_size for grant in grants),
        false_refusals=sum(at_most.highest(refusal.asked, refusal.answered) < max_size for refusal in refusals),
    )


class _Occupancy:
    """The number of intervals that cover an instant.

    Args:
        intervals: their begins and ends.
        closed: whether two intervals overlap that only touch.
    """

    def __init__(self, intervals: Sequence[tuple[float, float]], *, closed: bool) -> None:
        begin, end = (0, 1) if closed else (1, 0)
        events = sorted([(start, begin, 1) for start, _ in intervals] + [(stop, end, -1) for _, stop in intervals])
        self.instants = [instant for instant, _, _ in events]
        self.levels = [0, *accumulate(change for _, _, change in events)]

    def highest(self, since: float, until: float) -> int:
        """Return the highest level at any instant from ``since`` to ``until``, both included."""
        # At `since`, the level is the one after all events before it.
        first, last = bisect_left(self.instants, since), bisect_right(self.instants, until)
        return max(self.levels[first : last + 1])
