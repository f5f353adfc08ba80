"""Read metrics as Prometheus does: over HTTP, in its text format."""

import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple

import pytest
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from prometheus_client import CollectorRegistry, Metric, start_http_server
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from py_cachify.metrics import OpenTelemetryListener, PrometheusListener


POOL, KIND = 'py_cachify_pool_name', 'py_cachify_event_kind'
KINDS_OF_LISTENER = ('prometheus', 'prometheus, multiprocess', 'opentelemetry')
"""In multiprocess mode, ``prometheus_client`` keeps the counts; other tests look at its files."""


class Scraped(NamedTuple):
    """A listener, and where its metrics are served."""

    listener: Any
    port: int

    def samples(self) -> list[Sample]:
        """Return all samples of this library that a scrape shows now."""
        with urllib.request.urlopen(f'http://127.0.0.1:{self.port}/metrics') as answer:
            text = answer.read().decode()
        families = text_string_to_metric_families(text)
        return [
            sample
            for family in families
            for sample in family.samples
            if sample.name.startswith('py_cachify') and not sample.name.endswith('_created')
        ]

    def value(self, name: str, **labels: str) -> float:
        """Return the sum of the samples of ``py_cachify_slot_NAME`` with these labels.

        The labels may be called ``pool``, ``kind`` and ``error``.
        """
        wanted = {
            {'pool': POOL, 'kind': KIND, 'error': 'error_type'}.get(key, key): text for key, text in labels.items()
        }
        found = [
            sample.value
            for sample in self.samples()
            if sample.name == f'py_cachify_slot_{name}' and wanted.items() <= sample.labels.items()
        ]
        assert found, f'a scrape has no py_cachify_slot_{name} with {wanted}'
        return sum(found)


class _Current(CollectorRegistry):
    """The registry of the test that runs, so that one server serves all tests."""

    def __init__(self) -> None:
        super().__init__()
        self.current = CollectorRegistry()

    def collect(self) -> Iterable[Metric]:
        return self.current.collect()


@cache
def _server() -> tuple[_Current, int]:
    registry = _Current()
    server, _ = start_http_server(0, '127.0.0.1', registry)  # its thread ends with the process
    return registry, server.server_port


@contextmanager
def scraped(kind: str, **options: Any) -> Iterator[Scraped]:
    """A listener of this kind, made with these options, whose metrics are served."""
    serving, port = _server()
    registry = serving.current = CollectorRegistry()
    if kind == 'prometheus, multiprocess':
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv('PROMETHEUS_MULTIPROC_DIR', 'unused: the package was imported before')
            listener = PrometheusListener(registry=registry, **options)
        yield Scraped(listener, port)
    elif kind == 'prometheus':
        yield Scraped(PrometheusListener(registry=registry, **options), port)
    else:
        provider = MeterProvider(metric_readers=[PrometheusMetricReader(registry=registry)])
        yield Scraped(OpenTelemetryListener(meter_provider=provider, **options), port)
        provider.shutdown()
