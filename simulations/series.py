"""A run cut into stretches of equally many jobs, for intervals: a few hundred sums, however long the run is."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulations.history import GRANTED, REFUSED, RETRYING
from simulations.levels import Spans


STRETCHES = 1024
"""As many at most, and half as many at least, once there are as many jobs."""


class Series(NamedTuple):
    """Sums over each stretch of a run, in order; a job counts where it was granted a slot or left.

    Attributes:
        jobs: granted or refused.
        refused: left without a slot.
        attempts: jobs, and refusals after which a job asked again.
        attempts_refused: of them.
        seconds: length of the stretch.
        occupancy: live slots times seconds.
        overrun: bodies beyond their slot times seconds.
    """

    jobs: NDArray[np.float64]
    refused: NDArray[np.float64]
    attempts: NDArray[np.float64]
    attempts_refused: NDArray[np.float64]
    seconds: NDArray[np.float64]
    occupancy: NDArray[np.float64]
    overrun: NDArray[np.float64]

    def after(self, cut: int) -> 'Series':
        """The stretches from the ``cut``-th on."""
        return Series(*(column[cut:] for column in self))


class SeriesMaker:
    """Adds up stretch by stretch; where there would be too many, two become one."""

    def __init__(self) -> None:
        self._width = 1
        self._done = 0
        self._sums = np.zeros((len(Series._fields), STRETCHES))

    def add(self, spans: Spans) -> None:
        """The events that follow."""
        whats = spans.block.whats
        refused, again = whats == REFUSED, whats == RETRYING
        outcome = refused | (whats == GRANTED)
        done = np.cumsum(outcome)
        place = self._done + done - outcome
        self._done += int(done[-1])
        while self._done > self._width * STRETCHES:
            self._join()
        stretch = place // self._width
        # After the last job of all, time goes on in the last stretch.
        np.minimum(stretch, STRETCHES - 1, out=stretch)
        values = (
            outcome,
            refused,
            outcome | again,
            refused | again,
            spans.seconds,
            spans.before[0] * spans.seconds,
            spans.before[2] * spans.seconds,
        )
        first = int(stretch[0])
        for sums, value in zip(self._sums, values, strict=True):
            found = np.bincount(stretch - first, weights=value)
            sums[first : first + len(found)] += found

    def _join(self) -> None:
        self._width *= 2
        joined = self._sums.reshape(len(self._sums), -1, 2).sum(axis=2)
        self._sums[:, : STRETCHES // 2] = joined
        self._sums[:, STRETCHES // 2 :] = 0

    def series(self) -> Series:
        """The stretches so far; time after the last job belongs to the last."""
        used = -(-self._done // self._width)
        if used and used < STRETCHES:
            self._sums[:, used - 1] += self._sums[:, used]
            self._sums[:, used] = 0
        return Series(*self._sums[:, :used].copy())
