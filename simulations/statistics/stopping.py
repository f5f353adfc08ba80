"""Rules for when enough runs have been made."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from simulations.arguments import inner_probability, positive, whole_number
from simulations.statistics.intervals import Interval, finite_numbers, mean_interval


class Judgement(NamedTuple):
    """The judgement of a rule on the runs so far.

    Attributes:
        stop: whether no further run is needed, or none is allowed.
        reached: whether the interval is as narrow as requested.
        interval: the mean so far, and its bounds; infinite for fewer than two runs.
        target: the half-width to reach; a relative one is applied to the mean so far.
        expected: about how many runs the target needs in total, at the spread so far; ``None`` if
            that is unknown.
    """

    stop: bool
    reached: bool
    interval: Interval
    target: float
    expected: int | None


@dataclass(frozen=True)
class StoppingRule:
    """A rule that stops when the mean is known to within a half-width.

    The half-width is absolute or a share of the mean. A rule that checks after each run sooner or
    later meets a few runs that agree by chance, and stops: the interval then covers the true mean
    less often than its confidence level says. ``at_least`` runs keep that effect small (A. M. Law,
    "Simulation Modeling and Analysis", 5th ed. 2015, section 9.4.1).

    Args:
        half_width: the half-width to reach, in the unit of the values.
        relative: the half-width to reach, as a share of the mean. Give one of the two, or both.
        confidence: the confidence level, more than 0 and less than 1.
        at_least: the number of runs before which the rule never stops, at least 2.
        at_most: the number of runs after which the rule stops in any case.

    Raises:
        TypeError, ValueError: an argument is invalid.

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
            raise ValueError('StoppingRule needs half_width=..., or relative=... as a share of the mean')
        if self.half_width is not None:
            positive('half_width', self.half_width)
        if self.relative is not None:
            positive('relative', self.relative)
        inner_probability('confidence', self.confidence)
        whole_number('at_least', self.at_least, 2)
        if self.at_most is not None:
            whole_number('at_most', self.at_most, self.at_least)

    def judge(self, values: Sequence[float]) -> Judgement:
        """Judge whether the values suffice; there is one for each independent run or batch."""
        if len(values) < 2:
            mean = finite_numbers('values', values)[0] if len(values) else math.nan
            return self.judge_interval(Interval(mean, -math.inf, math.inf), len(values))
        return self.judge_interval(mean_interval(values, self.confidence), len(values))

    def judge_interval(self, interval: Interval, runs: int) -> Judgement:
        """Judge an interval made elsewhere from ``runs`` runs or batches, at this confidence."""
        targets = [] if self.half_width is None else [self.half_width]
        if self.relative is not None:
            targets.append(self.relative * abs(interval.mean))
        target, half = min(targets), interval.half_width
        # A mean of 0 has no relative precision: a rare event has not been seen yet.
        reached = runs >= self.at_least and half <= target and target > 0
        expected = None
        if half < math.inf and target > 0:
            expected = max(self.at_least, math.ceil(runs * (half / target) ** 2))
        stop = reached or (self.at_most is not None and runs >= self.at_most)
        return Judgement(stop, reached, interval, target, expected)
