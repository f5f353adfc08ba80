"""How far a measured mean may be from the true one."""

import math
from collections.abc import Sequence
from statistics import NormalDist, fmean, stdev
from typing import NamedTuple


class Interval(NamedTuple):
    """A mean with the bounds between which the true one lies, at the confidence asked for."""

    mean: float
    low: float
    high: float

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int | float) and self.low <= value <= self.high


def mean_interval(values: Sequence[float], confidence: float = 0.99) -> Interval:
    """The mean of independent replications, by Student's t.

    Args:
        values: one figure from each run, at least two.
        confidence: how sure, between 0 and 1.
    """
    mean = fmean(values)
    half = student_t(0.5 + confidence / 2, len(values) - 1) * stdev(values) / math.sqrt(len(values))
    return Interval(mean, mean - half, mean + half)


def student_t(probability: float, freedom: int) -> float:
    """The quantile of Student's t distribution, for ``freedom`` of at least 4 to three digits.

    By the expansion in powers of 1/freedom about the normal quantile: Abramowitz and Stegun, Handbook of
    Mathematical Functions, 26.7.5.
    """
    x = NormalDist().inv_cdf(probability)
    terms: tuple[float, ...] = (
        x,
        (x**3 + x) / 4,
        (5 * x**5 + 16 * x**3 + 3 * x) / 96,
        (3 * x**7 + 19 * x**5 + 17 * x**3 - 15 * x) / 384,
        (79 * x**9 + 776 * x**7 + 1482 * x**5 - 1920 * x**3 - 945 * x) / 92160,
    )
    return math.fsum(term / freedom**power for power, term in enumerate(terms))
