"""How far a measured mean may be from the true one."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from simulations.arguments import inner_probability, real_number
from simulations.statistics.student_t import student_t


class Interval(NamedTuple):
    """A mean with the bounds between which the true one lies, at the confidence asked for."""

    mean: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """From the mean to either bound."""
        return (self.high - self.low) / 2

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int | float) and self.low <= value <= self.high


def mean_interval(values: Sequence[float], confidence: float = 0.99) -> Interval:
    """The mean of independent replications, by Student's t.

    Args:
        values: one figure from each run, at least two.
        confidence: how sure, more than 0 and less than 1.

    Raises:
        TypeError, ValueError: an argument is not so.

    Example::

        mean_interval([run.figures.refusal_share for run in runs])
    """
    return ratio_interval(values, [1.0] * len(values), confidence)


def ratio_interval(values: Sequence[float], per: Sequence[float], confidence: float = 0.99) -> Interval:
    """The ratio of two sums over independent replications, such as refusals by arrivals.

    The mean of the ratios would be another number: a run with few arrivals would count as much as one with many.
    The interval is the classical one: with R the ratio of the sums, the ``values - R per`` scatter about 0.
    W. G. Cochran, "Sampling Techniques", 3rd ed. 1977, chapter 6.

    Args:
        values: what is counted, from each run; at least two.
        per: what it is divided by, as many, at least 0 and not all 0.
        confidence: how sure, more than 0 and less than 1.

    Raises:
        TypeError, ValueError: an argument is not so.

    Example::

        ratio_interval([run.refused for run in figures], [run.jobs for run in figures])
    """
    confidence = inner_probability('confidence', confidence)
    above, below = finite_numbers('values', values), finite_numbers('per', per)
    if len(above) < 2:
        raise ValueError(f'values must be at least two, got {len(above)}')
    if len(above) != len(below):
        raise ValueError(f'per must be as many as the values, {len(above)}, got {len(below)}')
    whole = math.fsum(below)
    if min(below) < 0 or not whole:
        raise ValueError(f'per must be at least 0 and not 0 everywhere, got {min(below)!r} to {max(below)!r}')
    ratio = math.fsum(above) / whole
    residuals = [value - ratio * each for value, each in zip(above, below, strict=True)]
    count = len(residuals)
    spread = math.sqrt(math.fsum(residual * residual for residual in residuals) / (count - 1))
    half = student_t(0.5 + confidence / 2, count - 1) * spread * math.sqrt(count) / whole
    return Interval(ratio, ratio - half, ratio + half)


def finite_numbers(name: str, values: Sequence[float]) -> list[float]:
    """The values as floats; the error names the first that is no finite number."""
    # Nearly all are floats, and there may be very many.
    numbers = [value if type(value) is float else real_number(name, value) for value in values]
    if not all(map(math.isfinite, numbers)):
        raise ValueError(f'{name} must be finite, got {next(each for each in numbers if not math.isfinite(each))!r}')
    return numbers
