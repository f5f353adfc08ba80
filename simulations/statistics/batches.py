"""An interval from one long run: neighbouring values are alike, batches of many hardly."""

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulations.arguments import whole_number
from simulations.statistics.intervals import Interval, finite_numbers, ratio_interval


COUNTS = (30, 20, 15, 10)
"""How many batches are tried, in this order."""
_SURE = 0.9


class BatchMeans(NamedTuple):
    """What the batches of a run say of the mean.

    Attributes:
        interval: the mean of all values, and its bounds.
        batches: how many there are.
        correlation: between neighbouring batches, by von Neumann's ratio: about 0 for independent ones.
        independent: whether it is small enough to trust the interval; if not, it is too narrow, and a longer run
            is needed.
    """

    interval: Interval
    batches: int
    correlation: float
    independent: bool


def batch_means(
    values: Sequence[float],
    per: Sequence[float] | None = None,
    confidence: float = 0.99,
    batches: int | None = None,
) -> BatchMeans:
    """The mean of values that came one after the other in one long run, its warm-up left out.

    The run is cut into as many batches of the same number of values, to one more or less, as are still independent by
    von Neumann's test, at 10 %: 30, 20, 15 or 10.  More would gain next to nothing (B. Schmeiser, "Batch size effects
    in the analysis of simulation output", Operations Research 30, 1982); the test is that of G. S. Fishman, "Grouping
    observations in digital simulation", Management Science 24, 1978.

    Args:
        values: at least 10; better some hundred, of equal spans of time or equal numbers of jobs.
        per: what each is divided by, if a ratio of sums is meant, such as the arrivals for refusals.
        confidence: how sure, more than 0 and less than 1.
        batches: how many, at least 2, instead of what the test finds.

    Raises:
        TypeError, ValueError: an argument is not so.

    Example::

        batch_means(refused_each_hour, per=arrived_each_hour).interval
    """
    above = np.array(finite_numbers('values', values))
    below = np.ones_like(above) if per is None else np.array(finite_numbers('per', per))
    if len(below) != len(above):
        raise ValueError(f'per must be as many as the values, {len(above)}, got {len(below)}')
    if batches is not None:
        counts: tuple[int, ...] = (whole_number('batches', batches, 2),)
    else:
        counts = tuple(count for count in COUNTS if count <= len(above))
    if not counts or counts[0] > len(above):
        raise ValueError(f'values must be at least {min(COUNTS) if batches is None else batches}, got {len(above)}')
    for count in counts:
        starts = np.arange(count) * len(above) // count
        found = _of_batches(np.add.reduceat(above, starts), np.add.reduceat(below, starts), confidence)
        if found.independent:
            break
    return found


def _of_batches(above: NDArray[np.float64], below: NDArray[np.float64], confidence: float) -> BatchMeans:
    interval = ratio_interval(above.tolist(), below.tolist(), confidence)
    residuals = above - interval.mean * below
    count, squares = len(residuals), float(residuals @ residuals)
    correlation = 1 - float(np.square(np.diff(residuals)).sum()) / (2 * squares) if squares else 0.0
    limit = NormalDist().inv_cdf(_SURE) * math.sqrt((count - 2) / (count**2 - 1))
    return BatchMeans(interval, count, correlation, correlation <= limit)
