"""Metrics in the multiprocess mode of ``prometheus_client``, in which processes share files.

Each change is written to a file at once, so that any process can show the sum.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from py_cachify.events import Event
from py_cachify.metrics._listener import PoolMetrics
from py_cachify.metrics._names import (
    COUNT,
    ERROR,
    EVENTS,
    EXP,
    KIND,
    KINDS,
    MAX,
    PENDING,
    STATE,
    TIMEOUTS,
    USE_TIME,
    USED,
    WAIT_TIME,
    Metric,
    error_type,
)


if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry


class Instruments:
    """The metrics of all pools."""

    def __init__(self, buckets: Sequence[float]) -> None:
        from prometheus_client import Counter, Gauge, Histogram

        def gauge(metric: Metric, *labels: str, mode: Literal['livesum', 'max']) -> Gauge:
            return Gauge(*metric.described(*labels), registry=None, multiprocess_mode=mode)

        def counter(metric: Metric, *labels: str) -> Counter:
            return Counter(*metric.described(*labels), registry=None)

        def histogram(metric: Metric) -> Histogram:
            return Histogram(*metric.described(), registry=None, buckets=buckets)

        self.count = gauge(COUNT, STATE, mode='livesum')
        self.max = gauge(MAX, mode='max')
        self.exp = gauge(EXP, mode='max')
        self.pending = gauge(PENDING, mode='livesum')
        self.timeouts = counter(TIMEOUTS)
        self.wait_time = histogram(WAIT_TIME)
        self.use_time = histogram(USE_TIME)
        self.events = counter(EVENTS, KIND, ERROR)

    def register(self, registry: 'CollectorRegistry') -> None:
        """Show all metrics in a registry, or none of them.

        Raises:
            ValueError: the registry has metrics of these names already.
        """
        registered: list[Any] = []
        for metric in vars(self).values():
            try:
                registry.register(metric)
            except ValueError:
                for each in registered:
                    registry.unregister(each)
                raise
            registered.append(metric)


class InstrumentsOfPool(PoolMetrics):
    """The metrics of one name, looked up once."""

    __slots__ = ('all_events', 'count', 'events', 'exp', 'max', 'name', 'pending', 'timeouts', 'use_time', 'wait_time')

    def __init__(self, instruments: Instruments, name: str) -> None:
        super().__init__()
        self.count = instruments.count.labels(name, USED)
        self.max = instruments.max.labels(name)
        self.exp = instruments.exp.labels(name)
        self.pending = instruments.pending.labels(name)
        self.timeouts = instruments.timeouts.labels(name)
        self.wait_time = instruments.wait_time.labels(name)
        self.use_time = instruments.use_time.labels(name)
        # A counter that appears with its first event would hide that event from rate().
        self.events = {kind: instruments.events.labels(name, kind, '') for kind in KINDS}
        self.all_events, self.name = instruments.events, name

    def sized(self, max_size: int, slot_exp: float | None) -> None:
        self.max.set(max_size)
        self.exp.set(slot_exp or 0)

    def queued(self) -> None:
        self.pending.inc()

    def granted(self, event: Event) -> None:
        if event.has_queued:
            self.pending.dec()
        self.count.inc()
        self.wait_time.observe(event.waited)
        self.events['granted'].inc()

    def without_slot(self, event: Event) -> None:
        if event.has_queued:
            self.pending.dec()
        if event.kind == 'timed_out':
            self.timeouts.inc()
        self.noticed(event)

    def ended(self, event: Event, held: float) -> None:
        self.count.dec()
        self.use_time.observe(held)
        self.noticed(event)

    def noticed(self, event: Event) -> None:
        if event.kind == 'failed':
            self.all_events.labels(self.name, 'failed', error_type(event.error)).inc()
        else:
            self.events[event.kind].inc()
