"""A run cut into stretches with equal numbers of jobs: a few hundred sums, however long the run is.

They are the basis of intervals. The time after the last job, when the pool runs empty, is left out.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulations.history.events import EXPIRED, FAILED, REFUSED, RETRYING, STARTS, WHATS
from simulations.measuring.counts import Spans


_ENDS_ASKING = np.isin(np.arange(len(WHATS)), (*STARTS, FAILED))
STRETCHES = 1024
"""The largest number of stretches; with enough jobs there are at least half as many."""


class Series(NamedTuple):
    """Sums over each stretch of a run, in order; a job counts where it was granted a slot or left.

    Attributes:
        jobs: jobs that were granted, refused or failed.
        refused: jobs that left without a slot.
        attempts: attempts to acquire, including those after a refusal.
        attempts_refused: attempts that were refused.
        seconds: the length of the stretch.
        occupancy: live slots times seconds.
        overrun: bodies beyond their slot times seconds.
        expired: slots that expired under a running body.
    """

    jobs: NDArray[np.float64]
    refused: NDArray[np.float64]
    attempts: NDArray[np.float64]
    attempts_refused: NDArray[np.float64]
    seconds: NDArray[np.float64]
    occupancy: NDArray[np.float64]
    overrun: NDArray[np.float64]
    expired: NDArray[np.float64]

    def after(self, cut: int) -> 'Series':
        """Return the series without its first ``cut`` stretches."""
        return Series(*(column[cut:] for column in self))


class SeriesMaker:
    """Adds up stretch by stretch; if there would be too many, neighbouring pairs are merged."""

    def __init__(self) -> None:
        self._width = 1
        self._done = 0
        self._sums = np.zeros((len(Series._fields), STRETCHES))
        self._since_last = np.zeros(len(Series._fields))

    def add(self, spans: Spans) -> None:
        """Add the next events."""
        whats = spans.block.whats
        refused, again = whats == REFUSED, whats == RETRYING
        outcome = refused | _ENDS_ASKING[whats]
        done = np.cumsum(outcome)
        place = self._done + done - outcome
        self._done += int(done[-1])
        while self._done > self._width * STRETCHES:
            self._join()
        stretch = place // self._width
        np.minimum(stretch, STRETCHES - 1, out=stretch)
        values = (
            outcome,
            refused,
            outcome | again,
            refused | again,
            spans.seconds,
            spans.before[0] * spans.seconds,
            spans.before[2] * spans.seconds,
            whats == EXPIRED,
        )
        first = int(stretch[0])
        if done[-1]:
            self._since_last[:] = 0
        last = int(np.flatnonzero(outcome)[-1]) + 1 if done[-1] else 0
        for row, value in enumerate(values):
            found = np.bincount(stretch - first, weights=value)
            self._sums[row, first : first + len(found)] += found
            self._since_last[row] += value[last:].sum()

    def _join(self) -> None:
        self._width *= 2
        joined = self._sums.reshape(len(self._sums), -1, 2).sum(axis=2)
        self._sums[:, : STRETCHES // 2] = joined
        self._sums[:, STRETCHES // 2 :] = 0

    def series(self) -> Series:
        """Return the stretches so far."""
        sums = self._sums.copy()
        sums[:, min(self._done // self._width, STRETCHES - 1)] -= self._since_last
        return Series(*sums[:, : -(-self._done // self._width)])
