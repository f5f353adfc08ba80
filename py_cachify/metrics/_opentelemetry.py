"""Metrics for OpenTelemetry, given to the package ``opentelemetry-api``.

An instrument of the SDK takes some microseconds for each call, so the listener notes events, counts
many at a time, and tells the SDK its counts when they are collected.  The histograms must be told
each value, which takes nearly all of the time.  They are told later than it happened, so they do
not connect it with a trace.
"""

from collections.abc import Callable, Iterable, Sequence
from threading import RLock
from typing import TYPE_CHECKING

from py_cachify.events import Event
from py_cachify.metrics._listener import MetricsListener, PoolMetrics
from py_cachify.metrics._names import (
    COUNT,
    ERROR,
    EVENTS,
    EXP,
    KIND,
    MAX,
    PENDING,
    POOL,
    SECONDS,
    STATE,
    TIMEOUTS,
    USE_TIME,
    USED,
    WAIT_TIME,
    Metric,
    as_label,
    by_template,
    check_buckets,
    check_name,
)
from py_cachify.metrics._tally import Counts, Tally


if TYPE_CHECKING:
    from opentelemetry.metrics import CallbackOptions, Histogram, MeterProvider, Observation


class OpenTelemetryListener(MetricsListener):
    """Count what happens to attempts in instruments of OpenTelemetry.

    One listener serves any number of pools and ``Cachify`` objects.  The instruments belong to the
    meter ``py_cachify``.  If no provider is set yet, they begin to work when one is.  Make the
    provider in each worker after it was forked, as OpenTelemetry says.

    Args:
        meter_provider: where the instruments are made, by default the global provider.
        name: the pool's name in the attributes, from any event of an attempt.  It must depend on
            the key, the template and the prefix alone, so that all events of an attempt have one
            name.
        buckets: the upper bounds of the buckets of the two histograms, in seconds.  A view of the
            provider takes precedence.

    Raises:
        ModuleNotFoundError: ``opentelemetry-api`` is not installed.
        TypeError: ``name`` is not callable.
        ValueError: ``buckets`` are not increasing.

    Example::

        observe(OpenTelemetryListener())
    """

    def __init__(
        self,
        *,
        meter_provider: 'MeterProvider | None' = None,
        name: Callable[[Event], str] = by_template,
        buckets: Sequence[float] = SECONDS,
    ) -> None:
        check_name(name)
        bounds = check_buckets(buckets)
        try:
            from opentelemetry.metrics import Observation, get_meter
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                'OpenTelemetryListener needs the package opentelemetry-api, which the extra `opentelemetry` installs:'
                " pip install 'py-cachify-lab[opentelemetry]'",
                name=error.name,
            ) from error
        super().__init__(name)
        meter = get_meter('py_cachify', meter_provider=meter_provider)

        def histogram(metric: Metric) -> 'Histogram':
            return meter.create_histogram(
                metric.name,
                metric.unit,
                metric.description,
                explicit_bucket_boundaries_advisory=bounds,
            )

        def observed(
            create: 'Callable[[str, list[Callable[[CallbackOptions], Iterable[Observation]]], str, str], object]',
            metric: Metric,
            values: 'Callable[[Counts], Iterable[tuple[float, dict[str, str]]]]',
        ) -> None:
            def collect(_: 'CallbackOptions') -> 'Iterable[Observation]':
                self.count_noted()
                for name, pool in list(self._pools.items()):
                    assert isinstance(pool, Tally)
                    for value, attributes in values(pool.counts()):
                        yield Observation(value, {POOL: as_label(name), **attributes})

            create(metric.name, [collect], metric.unit, metric.description)

        self._wait_time, self._use_time = histogram(WAIT_TIME), histogram(USE_TIME)
        sums, gauges = meter.create_observable_up_down_counter, meter.create_observable_gauge
        observed(sums, COUNT, lambda counts: [(counts.used, {STATE: USED})])
        observed(sums, PENDING, lambda counts: [(counts.pending, {})])
        observed(gauges, MAX, lambda counts: [(counts.max_size or 0, {})])
        observed(gauges, EXP, lambda counts: [(counts.slot_exp or 0, {})])
        observed(meter.create_observable_counter, TIMEOUTS, lambda counts: [(counts.events['timed_out', ''], {})])
        observed(meter.create_observable_counter, EVENTS, _events)

    def _make(self, name: str) -> PoolMetrics:
        return _TimedTally(self.lock, self._wait_time, self._use_time, name)


def _events(counts: Counts) -> 'Iterable[tuple[float, dict[str, str]]]':
    for (kind, error), number in counts.events.items():
        yield number, {KIND: kind, ERROR: error} if error else {KIND: kind}


class _TimedTally(Tally):
    """A tally whose times are told to the histograms of OpenTelemetry as well."""

    __slots__ = ('attributes', 'record_use_time', 'record_wait_time')

    def __init__(self, lock: RLock, wait_time: 'Histogram', use_time: 'Histogram', name: str) -> None:
        super().__init__(lock, ())
        self.record_wait_time, self.record_use_time = wait_time.record, use_time.record
        self.attributes = {POOL: name}

    def granted(self, event: Event) -> None:
        super().granted(event)
        self.record_wait_time(event.waited, self.attributes)

    def ended(self, event: Event, held: float) -> None:
        super().ended(event, held)
        self.record_use_time(held, self.attributes)
