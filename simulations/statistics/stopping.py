"""When enough runs were made."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from simulations.arguments import inner_probability, positive, whole_number
from simulations.statistics.intervals import Interval, finite_numbers, mean_interval


class Judgement(NamedTuple):
    """What a rule says of the runs so far.

    Attributes:
        stop: no further run is needed, or none is allowed.
        reached: the interval is as narrow as was asked for.
        interval: the mean so far, and its bounds; infinite for fewer than two runs.
        target: the half-width to reach; of a relative one, at the mean so far.
        expected: about how many runs the target takes in all, at the spread so far; ``None`` if that cannot be told.
    """

    stop: bool
    reached: bool
    interval: Interval
    target: float
    expected: int | None


@dataclass(frozen=True)
class StoppingRule:
    """Stop when the mean is known to within a half-width, absolute or as a share of the mean.

    Looking after each run, one would sooner or later see a few that agree by chance, and stop: the interval would
    hold the truth less often than it says.  ``at_least`` runs keep that small (A. M. Law, "Simulation Modeling and
    Analysis", 5th ed. 2015, section 9.4.1).

    Args:
        half_width: the largest that will do, in the unit of the values.
        relative: the same as a share of the mean.  Give one of the two, or both.
        confidence: how sure, more than 0 and less than 1.
        at_least: runs before which it never stops, at least 2.
        at_most: runs after which it stops in any case.

    Raises:
        TypeError, ValueError: an argument is not so.

    Example::

        rule, shares = StoppingRule(relative=0.05), []
        while not rule.judge(shares).stop:
            shares.append(one_more_run(seed=len(shares)).figures.refusal_share)
    """

    half_width: float | None = None
    relative: float | None = None
    confidence: float = 0.99
    at_least: int = 10
    at_most: int | None = None

    def __post_init__(self) -> None:
        if self.half_width is None and self.relative is None:
            raise ValueError('say what to reach: half_width=..., or relative=... as a share of the mean')
        if self.half_width is not None:
            positive('half_width', self.half_width)
        if self.relative is not None:
            positive('relative', self.relative)
        inner_probability('confidence', self.confidence)
        whole_number('at_least', self.at_least, 2)
        if self.at_most is not None:
            whole_number('at_most', self.at_most, self.at_least)

    def judge(self, values: Sequence[float]) -> Judgement:
        """Whether the values, one of each independent run or batch, suffice."""
        if len(values) < 2:
            mean = finite_numbers('values', values)[0] if len(values) else math.nan
            return self.judge_interval(Interval(mean, -math.inf, math.inf), len(values))
        return self.judge_interval(mean_interval(values, self.confidence), len(values))

    def judge_interval(self, interval: Interval, runs: int) -> Judgement:
        """The same of an interval that was made otherwise, from so many runs or batches, at the same confidence."""
        targets = [] if self.half_width is None else [self.half_width]
        if self.relative is not None:
            targets.append(self.relative * abs(interval.mean))
        target, half = min(targets), interval.half_width
        # A mean of 0 is known to no share of itself: what is rare was not seen yet.
        reached = runs >= self.at_least and half <= target and target > 0
        expected = None
        if half < math.inf and target > 0:
            expected = max(self.at_least, math.ceil(runs * (half / target) ** 2))
        stop = reached or (self.at_most is not None and runs >= self.at_most)
        return Judgement(stop, reached, interval, target, expected)
