"""Occupancy, running bodies and the queue over time, in memory that does not grow with the run.

A short run is kept event by event. A long run is kept as an envelope: the minimum, the mean and the
maximum in each of a few hundred equal spans of time.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulations.measuring.counts import IN_QUEUE, Spans


Floats = NDArray[np.float64]

STEPS_KEPT = 2000
SPANS = 1024
"""The largest number of spans; there are at least half as many."""
_OCCUPANCY, _RUNNING, _QUEUE, _PRESENT = _ROWS = range(4)
"""The rows of the bands."""
_SHORTEST = 1e-9


class Steps(NamedTuple):
    """The counts after each event.

    Attributes:
        times: in seconds.
        occupancy: live slots, in all pools together.
        running: running bodies.
        queue: waiting jobs, in the queues of all pools together.
    """

    times: Floats
    occupancy: NDArray[np.int64]
    running: NDArray[np.int64]
    queue: NDArray[np.int64]

    @property
    def present(self) -> NDArray[np.int64]:
        """Live slots and waiting jobs together."""
        return self.occupancy + self.queue


class Band(NamedTuple):
    """The minimum, the mean over time and the maximum of a count in each span."""

    minimum: Floats
    mean: Floats
    maximum: Floats


class Envelope(NamedTuple):
    """The counts of a long run.

    Attributes:
        edges: where the spans begin, and where the last ends, in seconds.
        occupancy: the band of live slots.
        running: the band of running bodies.
        queue: the band of waiting jobs.
        present: the band of live slots and waiting jobs together. Its extremes are not the sums of
            the other two, because these need not be at the same instant.
    """

    edges: Floats
    occupancy: Band
    running: Band
    queue: Band
    present: Band


class Timeline:
    """A record of the counts of a run."""

    def __init__(self) -> None:
        self._steps: list[Spans] | None = []
        self._events = 0
        self._start = 0.0
        self._width = 0.0
        self._end = 0.0
        self._minimum = np.full((len(_ROWS), SPANS), np.inf)
        self._maximum = np.full((len(_ROWS), SPANS), -np.inf)
        self._area = np.zeros((len(_ROWS), SPANS))
        self._waited = False

    def add(self, spans: Spans) -> None:
        """Add the next events."""
        times = spans.block.times
        if not self._events:
            self._start = self._end = float(times[0])
        self._events += len(times)
        if self._steps is not None:
            self._steps = [*self._steps, spans] if self._events <= STEPS_KEPT else None
        last = float(times[-1])
        if not self._width and last > self._start:
            self._width = max((last - self._start) / (SPANS // 2), _SHORTEST)
        while (last - self._start) >= self._width * SPANS > 0:
            self._join()
        self._end = last
        if not self._waited and spans.after[IN_QUEUE].any():
            self._begin_queue()
        before, after = spans.before, spans.after
        self._fill(_OCCUPANCY, spans, before[0], after[0])
        self._fill(_RUNNING, spans, before[1], after[1])
        if self._waited:
            self._fill(_QUEUE, spans, before[IN_QUEUE], after[IN_QUEUE])
            self._fill(_PRESENT, spans, before[0] + before[IN_QUEUE], after[0] + after[IN_QUEUE])

    def _begin_queue(self) -> None:
        """Count the queue from now on: in most runs no job waits, and counting takes time."""
        self._waited = True
        for rows in (self._minimum, self._maximum, self._area):
            rows[_PRESENT] = rows[_OCCUPANCY]
            rows[_QUEUE] = np.where(np.isfinite(rows[_OCCUPANCY]), 0.0, rows[_OCCUPANCY])

    def _place(self, times: Floats) -> NDArray[np.int64]:
        if not self._width:
            return np.zeros(len(times), np.int64)
        places: NDArray[np.int64] = ((times - self._start) / self._width).astype(np.int64)
        return np.minimum(places, SPANS - 1)

    def _fill(self, row: int, spans: Spans, before: NDArray[np.int64], after: NDArray[np.int64]) -> None:
        times = spans.block.times
        place = self._place(times)
        minimum, maximum = self._minimum[row], self._maximum[row]
        # The events are in order, so those of one span follow one another.
        starts = np.flatnonzero(np.diff(place, prepend=-1))
        there = place[starts]
        minimum[there] = np.minimum(minimum[there], np.minimum.reduceat(after, starts))
        maximum[there] = np.maximum(maximum[there], np.maximum.reduceat(after, starts))
        first, last = int(self._place(spans.since[:1])[0]), int(place[-1])
        # The count at the beginning of a span is that of the last event before it.
        begins = np.arange(first + 1, last + 1)
        events_before = np.searchsorted(place, begins, side='left')
        level = np.concatenate([before[:1], after])[events_before]
        minimum[begins] = np.minimum(minimum[begins], level)
        maximum[begins] = np.maximum(maximum[begins], level)
        area = np.concatenate([[0.0], np.cumsum(before * spans.seconds)])
        moments = np.concatenate([spans.since[:1], times])
        edges = np.concatenate([moments[:1], self._start + begins * self._width, moments[-1:]])
        self._area[row, first : last + 1] += np.diff(np.interp(edges, moments, area))

    def _join(self) -> None:
        self._width *= 2
        half = SPANS // 2
        for values, join, empty in (
            (self._minimum, np.min, np.inf),
            (self._maximum, np.max, -np.inf),
            (self._area, np.sum, 0.0),
        ):
            values[:, :half] = join(values.reshape(len(_ROWS), half, 2), axis=2)
            values[:, half:] = empty

    def steps(self) -> Steps | None:
        """Return the counts after each event, or ``None`` if the run was long."""
        if self._steps is None:
            return None
        if not self._steps:
            return Steps(np.empty(0), *(np.empty(0, np.int64) for _ in range(3)))
        times = np.concatenate([spans.block.times for spans in self._steps])
        levels = np.concatenate([spans.after for spans in self._steps], axis=1)
        return Steps(times, levels[0], levels[1], levels[IN_QUEUE])

    def envelope(self) -> Envelope:
        """Return the counts in spans; the last span may end before its edge."""
        if not self._waited:
            self._begin_queue()
        used = int(self._place(np.array([self._end]))[0]) + 1 if self._events else 0
        edges = (self._start + np.arange(used + 1) * self._width).astype(np.float64)
        lengths = np.clip(self._end - edges[:-1], 0, self._width)
        bands = []
        for minimum, area, maximum in zip(self._minimum, self._area, self._maximum, strict=True):
            last = maximum[:used] if not self._width else area[:used] / np.where(lengths, lengths, 1.0)
            means = np.where(lengths > 0, last, maximum[:used])
            bands.append(Band(minimum[:used].copy(), means, maximum[:used].copy()))
        return Envelope(edges, *bands)
