"""A run cut into stretches with equal numbers of jobs: a few hundred sums, however long the run is.

They are the basis of intervals and means. Shares count jobs to the end of the run. Means over time
end with the last arrival: while the pool then runs empty, it is not in use as it was before.
"""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulations.history.events import EXPIRED, FAILED, REFUSED, RETRYING, STARTS, TIMED_OUT, WHATS
from simulations.measuring.counts import IN_QUEUE, Spans
from simulations.measuring.time_shares import Histogram
from simulations.measuring.waits import WaitHistogram, WaitTimes
from simulations.statistics.intervals import Interval


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
        timed_out: attempts whose wait timed out.
        waited: jobs that waited.
        within: jobs that got a slot within the time that was asked about.
        wait: the seconds for which jobs waited.
        granted: jobs that got a slot.
        seconds: the length of the stretch.
        occupancy: live slots times seconds.
        running: running bodies times seconds.
        overrun: bodies beyond their slot times seconds.
        queue: waiting jobs times seconds.
    """

    jobs: NDArray[np.float64]
    refused: NDArray[np.float64]
    attempts: NDArray[np.float64]
    attempts_refused: NDArray[np.float64]
    expired: NDArray[np.float64]
    timed_out: NDArray[np.float64]
    waited: NDArray[np.float64]
    within: NDArray[np.float64]
    wait: NDArray[np.float64]
    granted: NDArray[np.float64]
    seconds: NDArray[np.float64]
    occupancy: NDArray[np.float64]
    running: NDArray[np.float64]
    overrun: NDArray[np.float64]
    queue: NDArray[np.float64]

    def after(self, cut: int) -> 'Series':
        """Return the series without its first ``cut`` stretches."""
        return Series(*(column[cut:] for column in self))


_COUNTS, _TIMES = map(Series._fields.index, ('granted', 'seconds'))
"""Columns from the first of these on end with the last arrival; from the second, they are times."""


def _columns(spans: Spans, waits: NDArray[np.float64], within: float) -> Iterator[NDArray[Any] | None]:
    """Yield what each event adds to each field of a series, in order; ``None`` for nothing."""
    waiting = bool(waits.any()) or bool(spans.before[IN_QUEUE].any())
    whats = spans.block.whats
    refused, again = whats == REFUSED, whats == RETRYING
    outcome = refused | _ENDS_ASKING[whats]
    yield outcome
    yield refused
    yield outcome | again
    yield refused | again
    yield whats == EXPIRED
    granted = _GRANTED[whats]
    yield whats == TIMED_OUT if waiting else None
    yield waits > 0 if waiting else None
    yield granted & (waits <= within) if waiting else granted
    yield waits if waiting else None
    yield granted
    yield spans.seconds
    *levels, queue = spans.before
    for level in levels:
        yield level * spans.seconds
    yield queue * spans.seconds if waiting else None


class Window(NamedTuple):
    """What happened between two instants of a run: from the end of the warm-up to the last arrival.

    Attributes:
        series: the sums over its stretches.
        end: the instant of the last arrival; 0 if no job arrived.
        occupancy: the share of the time at which 0, 1, 2, ... slots were live, of all pools.
        overrun: the share of the time at which 0, 1, 2, ... bodies ran beyond their slot.
        waits: how long jobs waited.
    """

    series: Series
    end: float
    occupancy: NDArray[np.float64]
    overrun: NDArray[np.float64]
    waits: WaitTimes


class SeriesMaker:
    """Adds up stretch by stretch; if there would be too many, neighbouring pairs are merged.

    Args:
        together: the number of jobs that arrive together; no such batch is divided.
        within: count the jobs that got a slot within so many seconds.
        patience: the seconds after which many jobs give up; infinite if there is no such time.
    """

    def __init__(self, together: int = 1, within: float = 0.0, patience: float = math.inf) -> None:
        self._within = within
        self._width = together
        self._arrived = 0
        self._newest = -1
        self._first: float | None = None
        self._last: float | None = None
        self._sums = np.zeros((len(Series._fields), STRETCHES))
        self._drained = np.zeros(len(Series._fields) - _COUNTS)
        self._histograms = Histogram(STRETCHES), Histogram(STRETCHES)
        self._waits = WaitHistogram(STRETCHES, patience)

    def add(self, spans: Spans, waits: NDArray[np.float64]) -> None:
        """Add the next events, each with the seconds for which its job waited."""
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
        for row, value in enumerate(_columns(spans, waits, self._within)):
            if value is None:
                continue
            where = stretch if row < _TIMES else stretch_before
            found = np.bincount(where - where[0], weights=value)
            self._sums[row, where[0] : where[0] + len(found)] += found
            if row >= _COUNTS:
                self._drained[row - _COUNTS] += value[drain:].sum()
        for histogram, count in zip(self._histograms, (spans.before[0], spans.before[2]), strict=True):
            histogram.add(stretch_before, count, spans.seconds, drain)
        self._waits.add(stretch, waits)

    def _join(self) -> None:
        self._width *= 2
        joined = self._sums.reshape(len(self._sums), -1, 2).sum(axis=2)
        self._sums[:, : STRETCHES // 2] = joined
        self._sums[:, STRETCHES // 2 :] = 0
        for histogram in (*self._histograms, self._waits):
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
        occupancy, overrun = (each.shares(cut, whole) for each in self._histograms)
        series = self.series().after(cut)
        waits = self._waits.times(cut, float(series.jobs.sum()))
        return Window(series, self._last or 0.0, occupancy, overrun, waits)

    def quantile_intervals(self, cut: int, confidence: float, at_most: int) -> dict[str, Interval]:
        """Return the quantiles of the waiting time with their intervals, from ``cut`` on."""
        return self._waits.quantile_intervals(cut, self.series().after(cut).jobs, confidence, at_most)

    def _window_has_length(self) -> bool:
        """Return whether time passed while jobs arrived; if not, means are over the entire run."""
        return self._first is not None and self._last is not None and self._first < self._last
