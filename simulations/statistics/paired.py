"""The interval of a difference between two designs that ran on the same random numbers."""

import math
from collections.abc import Sequence
from statistics import variance
from typing import NamedTuple

from simulations.arguments import inner_probability
from simulations.statistics.intervals import Interval, finite_numbers, mean_interval
from simulations.statistics.student_t import student_t


class PairedInterval(NamedTuple):
    """The mean difference of pairs, with its interval, and what pairing is worth.

    Attributes:
        interval: the mean of ``second - first`` and its interval.
        unpaired: the half-width that the same runs would give if they were not paired.
    """

    interval: Interval
    unpaired: float

    @property
    def without_pairing(self) -> float | None:
        """How many times as wide the interval would be without pairing.

        ``None`` if all pairs differ by the same amount, because the interval then has no width.
        """
        half = self.interval.half_width
        return self.unpaired / half if half > 0 else None


def paired_interval(first: Sequence[float], second: Sequence[float], confidence: float = 0.99) -> PairedInterval:
    """Return the mean of ``second - first`` over pairs of runs, with an interval from Student's t.

    Run number i of both must use the same random numbers, and runs of different numbers must be
    independent. Only the differences matter, so what both runs of a pair share cancels: A. M. Law,
    "Simulation Modeling and Analysis", 5th ed. 2015, sections 10.2.1 and 11.2.

    The interval without pairing is Welch's (same source, section 10.2.2), with its degrees of
    freedom rounded down: its variance is the sum of the variances of the two means.

    Args:
        first, second: one figure from each run; at least two pairs.
        confidence: the confidence level, more than 0 and less than 1.

    Raises:
        TypeError, ValueError: an argument is invalid.

    Example::

        paired_interval([0.11, 0.14, 0.09], [0.10, 0.12, 0.08]).interval.mean   # -0.0133...
    """
    confidence = inner_probability('confidence', confidence)
    before, after = finite_numbers('first', first), finite_numbers('second', second)
    if len(before) != len(after):
        raise ValueError(f'second must have as many elements as first, {len(before)}, got {len(after)}')
    if len(before) < 2:
        raise ValueError(f'first must have at least two elements, got {len(before)}')
    interval = mean_interval([late - early for early, late in zip(before, after, strict=True)], confidence)
    return PairedInterval(interval, _welch(before, after, confidence))


def _welch(first: Sequence[float], second: Sequence[float], confidence: float) -> float:
    """Return the half-width of Welch's interval for two samples of equal size."""
    count = len(first)
    variances = [variance(values) / count for values in (first, second)]
    total = math.fsum(variances)
    squares = math.fsum(each * each for each in variances)
    if not squares:
        return 0.0
    freedom = max(1, int((count - 1) * total * total / squares))
    return student_t(0.5 + confidence / 2, freedom) * math.sqrt(total)
