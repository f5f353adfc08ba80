"""Was a pool ever overfull, and was a refusal false: judged from what its actors noted, by the clock of the host.

An actor notes when it asked, when its body began, when its body ended, and when its slot was given back::

    asked      entered           left       gone
      |---------|=================|----------|
       perhaps        surely         perhaps       in the store

So for every instant there is a number of slots that were surely in the store, and one that were there at most.  The
pool was overfull where more than ``max_size`` were there surely.  A refusal is false if at no instant between its
asking and its answer ``max_size`` slots can have been there at most.

The clock is ``time.monotonic()``, which all processes of a host share.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import NamedTuple


class Grant(NamedTuple):
    """What a holder noted, in seconds."""

    asked: float
    entered: float
    left: float
    gone: float


class Refusal(NamedTuple):
    """What an actor noted that was refused, in seconds."""

    asked: float
    answered: float


class Verdict(NamedTuple):
    """What was found."""

    peak: int
    """The most slots that were surely in the store at once."""
    overfull: int
    """How many bodies began when ``max_size`` others were surely holding."""
    false_refusals: int


def judge(grants: Sequence[Grant], refusals: Iterable[Refusal], max_size: int) -> Verdict:
    """Judge one run of a pool that was empty before and is empty after.

    Example::

        assert judge([Grant(0, 1, 3, 4), Grant(0, 2, 5, 6)], [], max_size=1) == Verdict(2, 1, 0)
    """
    surely = _Occupancy([(grant.entered, grant.left) for grant in grants], closed=False)
    at_most = _Occupancy([(grant.asked, grant.gone) for grant in grants], closed=True)
    return Verdict(
        peak=max(surely.levels),
        overfull=sum(surely.highest(grant.entered, grant.entered) > max_size for grant in grants),
        false_refusals=sum(at_most.highest(refusal.asked, refusal.answered) < max_size for refusal in refusals),
    )


class _Occupancy:
    """How many intervals cover an instant; whether two that touch overlap is said by ``closed``."""

    def __init__(self, intervals: Sequence[tuple[float, float]], *, closed: bool) -> None:
        begin, end = (0, 1) if closed else (1, 0)
        events = sorted([(start, begin, 1) for start, _ in intervals] + [(stop, end, -1) for _, stop in intervals])
        self.instants = [instant for instant, _, _ in events]
        self.levels = [0, *accumulate(change for _, _, change in events)]

    def highest(self, since: float, until: float) -> int:
        """The highest level at an instant from ``since`` to ``until``, both included."""
        # The level that holds when `since` comes is the one after all events before it.
        first, last = bisect_left(self.instants, since), bisect_right(self.instants, until)
        return max(self.levels[first : last + 1])
