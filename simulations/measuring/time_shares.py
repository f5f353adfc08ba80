"""For what share of the time a count had each value."""

import numpy as np
from numpy.typing import NDArray


class Shares:
    """Adds up the time at each value of a count that is never below 0."""

    def __init__(self) -> None:
        self._seconds: NDArray[np.float64] = np.zeros(1)

    def add(self, values: NDArray[np.int64], seconds: NDArray[np.float64]) -> None:
        """So many seconds were spent at each of these values."""
        more: NDArray[np.float64] = np.bincount(values, weights=seconds, minlength=len(self._seconds)).astype(
            np.float64
        )
        more[: len(self._seconds)] += self._seconds
        self._seconds = more

    def shares(self) -> NDArray[np.float64]:
        """The share of the time at 0, 1, 2, ... up to the highest that took any time; sums to 1, or is ``[1.0]``."""
        whole = self._seconds.sum()
        if not whole:
            return np.ones(1)
        highest = int(np.flatnonzero(self._seconds)[-1])
        shares: NDArray[np.float64] = self._seconds[: highest + 1] / whole
        return shares


def mean(shares: NDArray[np.float64]) -> float:
    """The mean of the count over time."""
    return float(np.arange(len(shares)) @ shares)


def quantile(shares: NDArray[np.float64], share: float) -> int:
    """The smallest value that is not exceeded for this share of the time."""
    return min(int(np.searchsorted(np.cumsum(shares), share - 1e-12)), len(shares) - 1)
