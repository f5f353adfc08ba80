"""A run cut into stretches with equal numbers of jobs: a few hundred sums, however long the run is.

They are the basis of intervals and means. Shares count jobs to the end of the run. Means over time
end with the last arrival: while the pool then runs empty, it is not in use as it was before.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulations.history.events import EXPIRED, FAILED, REFUSED, RETRYING, STARTS, WHATS
from simulations.measuring.counts import Spans
from simulations.measuring.time_shares import Histogram


_GRANTED = np.isin(np.arange(len(WHATS)), STARTS)
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
        expired: slots that expired under a running body.
        granted: jobs that got a slot.
        seconds: the length of the stretch.
        occupancy: live slots times seconds.
        running: running bodies times seconds.
        overrun: bodies beyond their slot times seconds.
    """

    jobs: NDArray[np.float64]
    refused: NDArray[np.float64]
    attempts: NDArray[np.float64]
    attempts_refused: NDArray[np.float64]
    expired: NDArray[np.float64]
    granted: NDArray[np.float64]
    seconds: NDArray[np.float64]
    occupancy: NDArray[np.float64]
    running: NDArray[np.float64]
    overrun: NDArray[np.float64]

    def after(self, cut: int) -> 'Series':
        """Return the series without its first ``cut`` stretches."""
        return Series(*(column[cut:] for column in self))


_COUNTS, _TIMES = 5, 6
"""Columns from the first of these on end with the last arrival; from the second, they are times."""


def _columns(spans: Spans) -> Iterator[NDArray[Any]]:
    """Yield what each event adds to each field of a series, in their order."""
    whats = spans.block.whats
    refused, again = whats == REFUSED, whats == RETRYING
    outcome = refused | _ENDS_ASKING[whats]
    yield outcome
    yield refused
    yield outcome | again
    yield refused | again
    yield whats == EXPIRED
    yield _GRANTED[whats]
    yield spans.seconds
    for level in spans.before:
        yield level * spans.seconds


class Window(NamedTuple):
    """What happened between two instants of a run: from the end of the warm-up to the last arrival.

    Attributes:
        series: the sums over its stretches.
        end: the instant of the last arrival; 0 if no job arrived.
        occupancy: the share of the time at which 0, 1, 2, ... slots were live, of all pools.
        overrun: the share of the time at which 0, 1, 2, ... bodies ran beyond their slot.
    """

    series: Series
    end: float
    occupancy: NDArray[np.float64]
    overrun: NDArray[np.float64]


class SeriesMaker:
    """Adds up stretch by stretch; if there would be too many, neighbouring pairs are merged.

    Args:
        together: the number of jobs that arrive together; no such batch is divided.
    """

    def __init__(self, together: int = 1) -> None:
        self._width = together
        self._arrived = 0
        self._newest = -1
        self._first: float | None = None
        self._last: float | None = None
        self._sums = np.zeros((len(Series._fields), STRETCHES))
        self._drained = np.zeros(len(Series._fields) - _COUNTS)
        self._histograms = Histogram(STRETCHES), Histogram(STRETCHES)

    def add(self, spans: Spans) -> None:
        """Add the next events."""
        block = spans.block
        newest = np.maximum.accumulate(np.maximum(block.jobs, self._newest))
        arrivals = np.diff(newest, prepend=self._newest) > 0
        self._newest = int(newest[-1])
        arrived = np.cumsum(arrivals)
        place = self._arrived + arrived - 1
        self._arrived += int(arrived[-1])
        while self._arrived > self._width * STRETCHES:
            self._join()
        # What an event counts belongs to the newest job; the time before it to the one before.
        stretch = np.maximum(place, 0) // self._width
        stretch_before = np.maximum(place - arrivals, 0) // self._width
        if arrived[-1]:
            self._drained[:] = 0
            self._last = float(block.times[np.flatnonzero(arrivals)[-1]])
            if self._first is None:
                self._first = float(block.times[0])
            for histogram in self._histograms:
                histogram.take_in()
        # What happens at the instant of the last arrival, such as its grant, is not drain yet.
        drain = 0 if self._last is None else int(np.searchsorted(block.times, self._last, side='right'))
        for row, value in enumerate(_columns(spans)):
            where = stretch if row < _TIMES else stretch_before
            found = np.bincount(where - where[0], weights=value)
            self._sums[row, where[0] : where[0] + len(found)] += found
            if row >= _COUNTS:
                self._drained[row - _COUNTS] += value[drain:].sum()
        for histogram, count in zip(self._histograms, (spans.before[0], spans.before[2]), strict=True):
            histogram.add(stretch_before, count, spans.seconds, drain)

    def _join(self) -> None:
        self._width *= 2
        joined = self._sums.reshape(len(self._sums), -1, 2).sum(axis=2)
        self._sums[:, : STRETCHES // 2] = joined
        self._sums[:, STRETCHES // 2 :] = 0
        for histogram in self._histograms:
            histogram.join()

    def series(self) -> Series:
        """Return the stretches so far."""
        sums = self._sums.copy()
        stretches = -(-self._arrived // self._width)
        if self._window_has_length():
            last = sums[_COUNTS:, max(stretches - 1, 0)]
            # The difference of equal sums may be less than 0 by a rounding.
            np.maximum(last - self._drained, 0, out=last)
        return Series(*sums[:, :stretches])

    def window(self, cut: int) -> Window:
        """Return the stretches from number ``cut`` on, which starts a group of stretches."""
        whole = not self._window_has_length()
        shares = [each.shares(cut, whole) for each in self._histograms]
        return Window(self.series().after(cut), self._last or 0.0, *shares)

    def _window_has_length(self) -> bool:
        """Return whether time passed while jobs arrived; if not, means are over the entire run."""
        return self._first is not None and self._last is not None and self._first < self._last
