"""The figures of a run, kept up to date event by event."""

from typing import NamedTuple

from simulations.history import EXPIRED, GRANTED, OCCUPANCY, OVERRUN, REFUSED, RUNNING, WHATS, Event


class Figures(NamedTuple):
    """What came of a run.  Means are over time, from the first arrival to the last event.

    Attributes:
        jobs: how many arrived.
        granted: how many got a slot.
        refused: how many found the pool full.
        refusal_share: refused / jobs, between 0 and 1.
        occupancy_mean: live slots, of all pools together where there are many.
        occupancy_peak: the most live slots that one pool had.
        running_peak: the most bodies that ran at once, of all pools together.
        expired_while_running: slots that expired before their body ended.
        overrun_mean: bodies that run beyond their slot.
        overrun_peak: the most of them at once.
        pools: how many keys were asked.
        first: the instant of the first arrival, in seconds; 0 if none came.
        last: the instant of the last event, in seconds.
    """

    jobs: int
    granted: int
    refused: int
    refusal_share: float
    occupancy_mean: float
    occupancy_peak: int
    running_peak: int
    expired_while_running: int
    overrun_mean: float
    overrun_peak: int
    pools: int
    first: float
    last: float


class _Level:
    """A number that changes in steps: its mean over time, and its peak."""

    def __init__(self) -> None:
        self.now = 0
        self.peak = 0
        self._area = 0.0
        self._since = 0.0

    def step(self, time: float, change: int) -> None:
        self._area += self.now * (time - self._since)
        self._since = time
        self.now += change
        self.peak = max(self.peak, self.now)

    def mean(self, first: float, last: float) -> float:
        if last <= first:
            return 0.0
        return (self._area + self.now * (last - self._since)) / (last - first)


class Tally:
    """Counts events as they come."""

    def __init__(self) -> None:
        self._counts = dict.fromkeys(WHATS, 0)
        self._first: float | None = None
        self._last = 0.0
        self._occupancy = _Level()
        self._overrun = _Level()
        self._running = _Level()
        self._occupancy_peak = 0

    def add(self, event: Event) -> None:
        """Count one more event; they come in order of time."""
        if self._first is None:
            self._first = event.time
        self._last = event.time
        self._counts[event.what] += 1
        for level, changes in (
            (self._occupancy, OCCUPANCY),
            (self._overrun, OVERRUN),
            (self._running, RUNNING),
        ):
            if event.what in changes:
                level.step(event.time, changes[event.what])
        self._occupancy_peak = max(self._occupancy_peak, event.occupancy)

    def figures(self, pools: int) -> Figures:
        """What it comes to so far."""
        granted, refused = self._counts[GRANTED], self._counts[REFUSED]
        first = 0.0 if self._first is None else self._first
        return Figures(
            jobs=granted + refused,
            granted=granted,
            refused=refused,
            refusal_share=refused / (granted + refused) if granted + refused else 0.0,
            occupancy_mean=self._occupancy.mean(first, self._last),
            occupancy_peak=self._occupancy_peak,
            running_peak=self._running.peak,
            expired_while_running=self._counts[EXPIRED],
            overrun_mean=self._overrun.mean(first, self._last),
            overrun_peak=self._overrun.peak,
            pools=pools,
            first=first,
            last=self._last,
        )
