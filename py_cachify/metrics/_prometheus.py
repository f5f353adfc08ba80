"""Metrics for Prometheus, shown by the package ``prometheus_client``.

The counters of that package take longer than a lock and an addition.  So the listener notes events,
counts many at a time, and the package collects its counts at each scrape.  Only in multiprocess
mode, where the counts must be in files, are they kept by the package.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from py_cachify.events import Event
from py_cachify.metrics._listener import MetricsListener, PoolMetrics
from py_cachify.metrics._multiprocess import Instruments, InstrumentsOfPool
from py_cachify.metrics._names import (
    COUNT,
    ERROR,
    EVENTS,
    EXP,
    KIND,
    MAX,
    PENDING,
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
from py_cachify.metrics._tally import Tally


if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client import Metric as Family

F = TypeVar('F')


class PrometheusListener(MetricsListener):
    """Count what happens to attempts, and show it in a registry of ``prometheus_client``.

    One listener serves any number of pools and ``Cachify`` objects.  In the multiprocess mode of
    ``prometheus_client``, the gauges that count are summed over the processes that live, so call
    ``multiprocess.mark_process_dead()`` as that package says.

    Args:
        registry: where the metrics are registered, by default the global registry.
        name: the pool's name in the labels, from any event of an attempt.  It must depend on the
            key, the template and the prefix alone, so that all events of an attempt have one name.
        buckets: the upper bounds of the buckets of the two histograms, in seconds.

    Raises:
        ModuleNotFoundError: ``prometheus_client`` is not installed.
        TypeError: ``name`` is not callable.
        ValueError: the registry has such metrics already, or ``buckets`` are not increasing.

    Example::

        observe(PrometheusListener())
        prometheus_client.start_http_server(9000)
    """

    def __init__(
        self,
        *,
        registry: 'CollectorRegistry | None' = None,
        name: Callable[[Event], str] = by_template,
        buckets: Sequence[float] = SECONDS,
    ) -> None:
        check_name(name)
        self._bounds = check_buckets(buckets)
        try:
            import prometheus_client
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                'PrometheusListener needs the package prometheus_client, which the extra `prometheus` installs:'
                " pip install 'py-cachify-lab[prometheus]'",
                name=error.name,
            ) from error
        # The package asks for the same variables.
        shares_files = bool({'PROMETHEUS_MULTIPROC_DIR', 'prometheus_multiproc_dir'} & os.environ.keys())
        self._instruments = Instruments(self._bounds) if shares_files else None
        # Multiprocess mode has no scrape here.
        super().__init__(name, at_once=shares_files)
        registry = registry or prometheus_client.REGISTRY
        try:
            if self._instruments is None:
                registry.register(self)
            else:
                self._instruments.register(registry)
        except ValueError as error:
            raise ValueError(
                'the registry already has metrics of these names: make one PrometheusListener for each registry, which'
                ' may serve any number of pools'
            ) from error

    def _make(self, name: str) -> PoolMetrics:
        if self._instruments is not None:
            return InstrumentsOfPool(self._instruments, name)
        return Tally(self.lock, self._bounds)

    def describe(self) -> 'Iterator[Family]':
        """Yield what shows the names of the metrics; the registry calls it to refuse a second."""
        return self.collect()

    def collect(self) -> 'Iterator[Family]':
        """Yield the metrics; the registry calls it at each scrape."""
        from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
        from prometheus_client.utils import floatToGoString

        self.count_noted()
        pools = [(as_label(name), pool.counts()) for name, pool in list(self._pools.items()) if isinstance(pool, Tally)]
        gauges = [_family(GaugeMetricFamily, metric) for metric in (MAX, EXP, PENDING)]
        count = _family(GaugeMetricFamily, COUNT, STATE)
        timeouts = _family(CounterMetricFamily, TIMEOUTS)
        events = _family(CounterMetricFamily, EVENTS, KIND, ERROR)
        histograms = [_family(HistogramMetricFamily, metric) for metric in (WAIT_TIME, USE_TIME)]
        bounds = [*map(floatToGoString, self._bounds), '+Inf']
        for name, counts in pools:
            count.add_metric([name, USED], counts.used)
            for gauge, value in zip(gauges, (counts.max_size, counts.slot_exp, counts.pending), strict=True):
                gauge.add_metric([name], value or 0)
            timeouts.add_metric([name], counts.events['timed_out', ''])
            for (kind, error), number in counts.events.items():
                events.add_metric([name, kind, error], number)
            for histogram, times in zip(histograms, (counts.wait_time, counts.use_time), strict=True):
                histogram.add_metric([name], list(zip(bounds, times.cumulative, strict=True)), times.sum)
        yield from (count, *gauges, timeouts, *histograms, events)


def _family(kind: Callable[..., F], metric: Metric, *labels: str) -> F:
    name, description, all_labels = metric.described(*labels)
    return kind(name, description, labels=all_labels)
