"""An interval from one long run: neighbouring values are correlated, large batches hardly are."""

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulations.arguments import whole_number
from simulations.statistics.intervals import Interval, finite_numbers, ratio_interval


COUNTS = (30, 20, 15, 10)
"""The numbers of batches to try, in this order."""
_SURE = 0.9


class BatchMeans(NamedTuple):
    """The mean of a run and its interval, from batches.

    Attributes:
        interval: the mean of all values, and its bounds.
        batches: the number of batches.
        correlation: the correlation between neighbouring batches, by von Neumann's ratio; about 0
            if independent.
        independent: whether the correlation is small enough to trust the interval. If not, the
            interval is too narrow, and a longer run is needed.
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
    *,
    at_most: int = COUNTS[0],
) -> BatchMeans:
    """Return the mean of consecutive values of one long run, warm-up left out, with an interval.

    The run is cut into 30, 20, 15 or 10 batches of equal size, to within one value: the largest
    number for which the batches pass von Neumann's test of independence at 10 %. More batches would
    gain next to nothing (B. Schmeiser, "Batch size effects in the analysis of simulation output",
    Operations Research 30, 1982). The test is described by G. S. Fishman, "Grouping observations in
    digital simulation", Management Science 24, 1978.

    Args:
        values: at least 10, preferably a few hundred, for equal spans of time or equal numbers of
            jobs.
        per: the denominators, if you want a ratio of sums; for refusals, the arrivals.
        confidence: the confidence level, more than 0 and less than 1.
        batches: the number of batches, at least 2, instead of the number that the test finds.
        at_most: the largest number of batches to try, if it is known from where values are
            independent.

    Raises:
        TypeError, ValueError: an argument is invalid.

    Example::

        batch_means(refused_each_hour, per=arrived_each_hour).interval
    """
    above = np.array(finite_numbers('values', values))
    below = np.ones_like(above) if per is None else np.array(finite_numbers('per', per))
    if len(below) != len(above):
        raise ValueError(f'per must have as many elements as values, {len(above)}, got {len(below)}')
    if batches is not None:
        counts: tuple[int, ...] = (whole_number('batches', batches, 2),)
    else:
        counts = tuple(count for count in COUNTS if count <= len(above) and count <= max(at_most, COUNTS[-1]))
    if not counts or counts[0] > len(above):
        least = min(COUNTS) if batches is None else batches
        raise ValueError(f'values must have at least {least} elements, got {len(above)}')
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
