"""The share of the time that a count has each value."""

import numpy as np
from numpy.typing import NDArray


class Shares:
    """A sum of the time at each value of a count that is never below 0."""

    def __init__(self) -> None:
        self._seconds: NDArray[np.float64] = np.zeros(1)

    def add(self, values: NDArray[np.int64], seconds: NDArray[np.float64]) -> None:
        """Add the seconds spent at each of these values."""
        more: NDArray[np.float64] = np.bincount(values, weights=seconds, minlength=len(self._seconds)).astype(
            np.float64
        )
        more[: len(self._seconds)] += self._seconds
        self._seconds = more

    def shares(self) -> NDArray[np.float64]:
        """Return the share of the time at 0, 1, 2, ... up to the highest value that took any time.

        The shares sum to 1; if no time passed, they are ``[1.0]``.
        """
        total = self._seconds.sum()
        if not total:
            return np.ones(1)
        highest = int(np.flatnonzero(self._seconds)[-1])
        shares: NDArray[np.float64] = self._seconds[: highest + 1] / total
        return shares


def mean(shares: NDArray[np.float64]) -> float:
    """Return the mean of the count over time."""
    return float(np.arange(len(shares)) @ shares)


def quantile(shares: NDArray[np.float64], share: float) -> int:
    """Return the smallest value that is not exceeded for this share of the time."""
    return min(int(np.searchsorted(np.cumsum(shares), share - 1e-12)), len(shares) - 1)
