"""Counts of one pool name, kept in this process and cheap to change."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from threading import RLock
from typing import NamedTuple

from py_cachify.events import Event
from py_cachify.metrics._listener import PoolMetrics
from py_cachify.metrics._names import KINDS, error_type


class TimesSnapshot(NamedTuple):
    """The times of a histogram: for each bucket how many are at most its bound, and their sum."""

    cumulative: list[int]
    sum: float


class Times:
    """A histogram of times in seconds."""

    __slots__ = ('bounds', 'buckets', 'sum')

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.buckets = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def add(self, seconds: float) -> None:
        """Count a time in the first bucket whose bound is not less."""
        self.buckets[bisect_left(self.bounds, seconds)] += 1
        self.sum += seconds

    def snapshot(self) -> TimesSnapshot:
        """Return the counts as Prometheus shows them; the last bucket has no bound."""
        return TimesSnapshot(list(accumulate(self.buckets)), self.sum)


class Counts(NamedTuple):
    """What a tally shows at one instant."""

    used: int
    pending: int
    max_size: int | None
    slot_exp: float | None
    events: dict[tuple[str, str], int]
    wait_time: TimesSnapshot
    use_time: TimesSnapshot


class Tally(PoolMetrics):
    """Count for one pool name; the listener holds its lock, which ``counts()`` takes too."""

    __slots__ = ('events', 'failed', 'lock', 'pending', 'use_time', 'used', 'wait_time')

    def __init__(self, lock: RLock, bounds: Sequence[float]) -> None:
        super().__init__()
        # Re-entrant, because a finalizer may give back a slot while its thread is counting.
        self.lock = lock
        self.used = self.pending = 0
        self.events: dict[str, int] = dict.fromkeys(KINDS, 0)
        self.failed: Counter[str] = Counter()
        self.wait_time, self.use_time = Times(bounds), Times(bounds)

    def sized(self, max_size: int, slot_exp: float | None) -> None:
        """Change nothing: the size is read when the counts are."""

    def queued(self) -> None:
        self.pending += 1

    def granted(self, event: Event) -> None:
        self.pending -= event.has_queued
        self.used += 1
        self.events['granted'] += 1
        self.wait_time.add(event.waited)

    def without_slot(self, event: Event) -> None:
        self.pending -= event.has_queued
        self.noticed(event)

    def ended(self, event: Event, held: float) -> None:
        self.used -= 1
        self.use_time.add(held)
        self.noticed(event)

    def noticed(self, event: Event) -> None:
        if event.kind == 'failed':
            self.failed[error_type(event.error)] += 1
        else:
            self.events[event.kind] += 1

    def counts(self) -> Counts:
        """Return all counts of the same instant."""
        with self.lock:
            events = {(kind, ''): count for kind, count in self.events.items()}
            events |= {('failed', error): count for error, count in self.failed.items()}
            return Counts(
                self.used,
                self.pending,
                self.max_size,
                self.slot_exp,
                events,
                self.wait_time.snapshot(),
                self.use_time.snapshot(),
            )
