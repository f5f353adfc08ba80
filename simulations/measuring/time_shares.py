"""The share of the time that a count has each value, in any part of a run."""

import itertools

import numpy as np
from numpy.typing import NDArray


GROUP = 4
"""A histogram is kept for each group of so many stretches; a window starts with a group."""


class Histogram:
    """The seconds that a count, never below 0, spends at each value, by groups of stretches.

    What happens after the last arrival is kept apart, until another job arrives.

    Args:
        stretches: the largest number of stretches.
    """

    def __init__(self, stretches: int) -> None:
        self._groups: list[NDArray[np.float64]] = [np.zeros(0)] * (stretches // GROUP)
        self._drained: NDArray[np.float64] = np.zeros(0)
        self._last = 0

    def add(
        self, stretch: NDArray[np.int64], values: NDArray[np.int64], seconds: NDArray[np.float64], drain: int
    ) -> None:
        """Add the seconds at each value in each stretch; from ``drain`` on, no job arrived."""
        group = stretch // GROUP
        edges = [0, *(np.flatnonzero(np.diff(group[:drain])) + 1).tolist(), drain] if drain else []
        for begin, end in itertools.pairwise(edges):
            here = int(group[begin])
            self._groups[here] = _sum(self._groups[here], _seconds(values[begin:end], seconds[begin:end]))
        self._drained = _sum(self._drained, _seconds(values[drain:], seconds[drain:]))
        self._last = int(group[-1])

    def take_in(self) -> None:
        """Count what happened since the last arrival as part of its group: another job arrived."""
        self._groups[self._last] = _sum(self._groups[self._last], self._drained)
        self._drained = np.zeros(0)

    def join(self) -> None:
        """Merge neighbouring pairs of groups."""
        half = len(self._groups) // 2
        joined = [_sum(self._groups[2 * each], self._groups[2 * each + 1]) for each in range(half)]
        self._groups = joined + [np.zeros(0)] * half
        self._last //= 2

    def shares(self, cut: int, drain: bool) -> NDArray[np.float64]:
        """Return the share of the time at 0, 1, 2, ... up to the highest value that took any time.

        The shares sum to 1; if no time passed, they are ``[1.0]``.

        Args:
            cut: the first stretch to count.
            drain: also count what happened after the last arrival.
        """
        total = self._drained if drain else np.zeros(0)
        for group in self._groups[cut // GROUP :]:
            total = _sum(total, group)
        whole = total.sum()
        if not whole:
            return np.ones(1)
        shares: NDArray[np.float64] = total[: int(np.flatnonzero(total)[-1]) + 1] / whole
        return shares


def _seconds(values: NDArray[np.int64], seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.bincount(values, weights=seconds).astype(np.float64) if len(values) else np.zeros(0)


def _sum(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    longer, shorter = (one, other) if len(one) >= len(other) else (other, one)
    total = longer.copy()
    total[: len(shorter)] += shorter
    return total


def mean(shares: NDArray[np.float64]) -> float:
    """Return the mean of the count over time."""
    return float(np.arange(len(shares)) @ shares)


def quantile(shares: NDArray[np.float64], share: float) -> int:
    """Return the smallest value that is not exceeded for this share of the time."""
    return min(int(np.searchsorted(np.cumsum(shares), share - 1e-12)), len(shares) - 1)
