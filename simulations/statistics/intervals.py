"""Confidence intervals of means and ratios."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from simulations.arguments import inner_probability, real_number
from simulations.statistics.student_t import student_t


class Interval(NamedTuple):
    """A mean, and the bounds of its confidence interval."""

    mean: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Half the width of the interval."""
        return (self.high - self.low) / 2

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int | float) and self.low <= value <= self.high


def mean_interval(values: Sequence[float], confidence: float = 0.99) -> Interval:
    """Return the mean of independent runs, with an interval from Student's t.

    Args:
        values: one figure from each run, at least two.
        confidence: the confidence level, more than 0 and less than 1.

    Raises:
        TypeError, ValueError: an argument is invalid.

    Example::

        mean_interval([run.figures.refusal_share for run in runs])
    """
    return ratio_interval(values, [1.0] * len(values), confidence)


def ratio_interval(values: Sequence[float], per: Sequence[float], confidence: float = 0.99) -> Interval:
    """Return the ratio of two sums over independent runs, such as refusals per arrival.

    The mean of the ratios would be a different number, in which a run with few arrivals counts as
    much as one with many. The interval is the classical one: with R the ratio of the sums, ``values
    - R per`` scatters around 0. W. G. Cochran, "Sampling Techniques", 3rd ed. 1977, chapter 6.

    Args:
        values: the numerator from each run; at least two.
        per: the denominator from each run; at least 0 and not all 0.
        confidence: the confidence level, more than 0 and less than 1.

    Raises:
        TypeError, ValueError: an argument is invalid.

    Example::

        ratio_interval([run.refused for run in figures], [run.jobs for run in figures])
    """
    confidence = inner_probability('confidence', confidence)
    above, below = finite_numbers('values', values), finite_numbers('per', per)
    if len(above) < 2:
        raise ValueError(f'values must have at least two elements, got {len(above)}')
    if len(above) != len(below):
        raise ValueError(f'per must have as many elements as values, {len(above)}, got {len(below)}')
    total = math.fsum(below)
    if min(below) < 0 or not total:
        raise ValueError(f'per must be at least 0 and not 0 everywhere, got {min(below)!r} to {max(below)!r}')
    ratio = math.fsum(above) / total
    residuals = [value - ratio * each for value, each in zip(above, below, strict=True)]
    count = len(residuals)
    spread = math.sqrt(math.fsum(residual * residual for residual in residuals) / (count - 1))
    half = student_t(0.5 + confidence / 2, count - 1) * spread * math.sqrt(count) / total
    return Interval(ratio, ratio - half, ratio + half)


def finite_numbers(name: str, values: Sequence[float]) -> list[float]:
    """Return the values as floats; an error names the first that is not a finite number."""
    # Fast path: nearly all are floats, and there may be very many.
    numbers = [value if type(value) is float else real_number(name, value) for value in values]
    if not all(map(math.isfinite, numbers)):
        raise ValueError(f'{name} must be finite, got {next(each for each in numbers if not math.isfinite(each))!r}')
    return numbers
