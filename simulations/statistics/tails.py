"""How heavy the tail of measured values is."""

import math

import numpy as np
from numpy.typing import NDArray


_LEAST = 100


def tail_index(values: NDArray[np.float64]) -> float:
    """Return the tail index: the power with which the probability of large values falls.

    With an index of 2 or less the variance is infinite, with one of 1 or less the mean is. The
    estimate is that of B. M. Hill, "A simple general approach to inference about the tail of a
    distribution", Annals of Statistics 3, 1975, from the sqrt(n) largest values.

    Args:
        values: at least 0, in any order. Fewer than 100 say nothing, and the result is infinite.

    Example::

        tail_index(np.random.default_rng(1).pareto(1.5, 100_000) + 1)  # about 1.5
    """
    positive = np.sort(np.asarray(values, np.float64))
    positive = positive[positive > 0]
    if len(positive) < _LEAST:
        return math.inf
    largest = positive[-math.isqrt(len(positive)) - 1 :]
    spread = float(np.log(largest[1:] / largest[0]).mean())
    return 1 / spread if spread else math.inf
