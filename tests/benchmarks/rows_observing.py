"""What listeners cost, each compared with a pool that has none."""

import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from prometheus_client import CollectorRegistry

from py_cachify import Cachify, init_cachify
from py_cachify.metrics import OpenTelemetryListener, PrometheusListener
from py_cachify.recording import record
from tests.benchmarks.bench import Bench
from tests.benchmarks.loops import async_with_loop, with_loop
from tests.benchmarks.rounds import Chunk, ratios
from tests.benchmarks.sizes import ROOM
from tests.benchmarks.table import Row, microseconds


def observing_rows(bench: Bench) -> list[Row]:
    """Return the rows of a pool with a listener, with an empty body, on a server."""
    rows = []
    with (
        tempfile.TemporaryDirectory() as folder,
        bench.client() as client,
        bench.async_client() as (runner, async_client),
        ExitStack() as observed,
    ):

        def observe(start: Callable[[Cachify], AbstractContextManager[Any]]) -> Cachify:
            made = init_cachify(client, async_client, is_global=False)
            observed.enter_context(start(made))
            return made

        def stopped(made: Cachify) -> AbstractContextManager[Any]:
            made.observe(print).stop()
            return nullcontext()

        provider = MeterProvider([InMemoryMetricReader()])
        ways: dict[str, tuple[Callable[[Cachify], AbstractContextManager[Any]], float | None]] = {
            'no listener any longer': (stopped, 1.03),
            'an empty listener': (lambda made: made.observe(lambda _: None), None),
            'Prometheus': (lambda made: made.observe(PrometheusListener(registry=CollectorRegistry())), 1.05),
            'OpenTelemetry': (lambda made: made.observe(OpenTelemetryListener(meter_provider=provider)), 1.05),
            'recording': (lambda made: record(Path(folder) / 'pool.csv', cachify=made), 1.08),
        }
        pools = {'none': observe(nullcontext).pool('observed', ROOM)}
        pools |= {name: observe(start).pool('observed', ROOM) for name, (start, _) in ways.items()}
        for side in ('sync', 'async'):
            chunks: dict[str, Chunk] = {
                name: with_loop(each) if side == 'sync' else async_with_loop(runner, each)
                for name, each in pools.items()
            }
            with bench.store_cores():
                times = bench.times(chunks)
            rows += [
                Row(
                    f'observing, {side}, {name}',
                    ratios(times[name], times['none']),
                    'a pool that was never observed',
                    microseconds(times[name], times['none']),
                    bound=bound,
                )
                for name, (_, bound) in ways.items()
            ]
        provider.shutdown()
    return rows
