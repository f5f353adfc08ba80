"""How much of a run to leave out because it started with an empty pool."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from simulations.statistics.intervals import finite_numbers


_GROUP = 5


class Warmup(NamedTuple):
    """Where the warm-up of a series ends; ``str()`` returns a sentence about it.

    Attributes:
        cut: the number of values to leave out at the beginning.
        of: the number of values.
        conclusive: whether the end of the warm-up was found. If not, the run is too short, and
            ``cut`` is half of it.
    """

    cut: int
    of: int
    conclusive: bool

    def __str__(self) -> str:
        if self.conclusive:
            return f'warm-up: the first {self.cut:,} of {self.of:,} values (MSER-5)'
        return f'warm-up: not over after half of {self.of:,} values (MSER-5): run longer'


def mser5(values: Sequence[float]) -> Warmup:
    """Return the cut after which the mean of the rest is known best, by the MSER-5 rule.

    Values are averaged in groups of five. Of all cuts in the first half, the rule takes the one at
    which the variance of the rest, divided by its number, is smallest: cutting biased values
    reduces the variance, cutting other values only reduces the number. K. P. White, "An effective
    truncation heuristic for bias reduction in simulation output", Simulation 69, 1997; K. P. White,
    M. J. Cobb and S. C. Spratt, "A comparison of five steady-state truncation heuristics for
    simulation", Winter Simulation Conference 2000.

    Args:
        values: one for each equal span of time, or for each job, from the beginning of a run; at
            least 20.

    Raises:
        TypeError, ValueError: the values are too few, or not finite numbers.

    Example::

        occupancy = occupancy[mser5(occupancy).cut:]
    """
    series = np.array(finite_numbers('values', values))
    groups = len(series) // _GROUP
    if groups < 4:
        raise ValueError(f'values must have at least {4 * _GROUP} elements, got {len(series)}')
    means = series[: groups * _GROUP].reshape(groups, _GROUP).mean(axis=1)
    # Centred on the mean of the second half, so that subtracting squares loses no digits: a
    # constant is exactly 0.
    means -= means[groups // 2 :].mean()
    rest = np.arange(groups, 0, -1)
    sums, squares = np.cumsum(means[::-1])[::-1], np.cumsum(np.square(means[::-1]))[::-1]
    scatter = squares - np.square(sums) / rest
    half = groups // 2
    best = int(np.argmin((scatter / np.square(rest))[: half + 1]))
    return Warmup(best * _GROUP, len(series), best < half)
