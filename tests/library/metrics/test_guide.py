"""The guide's chapter *Metrics*: its examples run as they stand, and it lists what is exported."""

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import prometheus_client
import pytest
from opentelemetry.sdk.metrics import MeterProvider

import py_cachify
from py_cachify import MemoryClient, Observation, init_cachify, observe, pool, pooled
from py_cachify.metrics import _names as names
from tests.library.metrics.scrapes import KIND
from tests.support.paths import ROOT
from tests.support.stores import GUIDE


CHAPTER = GUIDE.read_text(encoding='utf-8').partition('\n## Metrics\n')[2].partition('\n## ')[0]
EXAMPLES = re.findall(r'```python\n(.*?)```', CHAPTER, re.DOTALL)
METRICS = [each for each in vars(names).values() if isinstance(each, names.Metric)]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run the example that contains a text, then use pools, and return the metrics."""
    registry = prometheus_client.CollectorRegistry()
    monkeypatch.setattr(prometheus_client, 'REGISTRY', registry)
    ports: list[int] = []
    monkeypatch.setattr(prometheus_client, 'start_http_server', ports.append)
    observations: list[Observation] = []

    def remembering(listener: Any) -> Observation:
        observations.append(observe(listener))
        return observations[-1]

    def run(part: str, **known: Any) -> SimpleNamespace:
        init_cachify(MemoryClient())
        [code] = [each for each in EXAMPLES if part in each]
        with monkeypatch.context() as patch:
            patch.setattr(py_cachify, 'observe', remembering)
            exec(compile(code, 'README.md', 'exec'), {'observe': remembering, **known})
        with pool('import-1', max_size=1), pytest.raises(py_cachify.CachifyPoolFullError):
            pool('import-1', max_size=1).acquire()
        pooled('mail-{user}', max_size=2)(lambda user: None)('ann')
        samples = [sample for metric in registry.collect() for sample in metric.samples]
        return SimpleNamespace(ports=ports, samples=samples)

    yield run
    for observation in observations:
        observation.stop()


def pools(served: SimpleNamespace) -> set[str]:
    return {sample.labels['py_cachify_pool_name'] for sample in served.samples}


def test_prometheus_shows_pools_by_their_templates(served: Any) -> None:
    shown = served('start_http_server')

    assert shown.ports == [9000]
    assert pools(shown) == {'(no template)', 'mail-{user}'}
    assert {sample.labels[KIND] for sample in shown.samples if sample.value and KIND in sample.labels} == {
        'granted',
        'refused',
        'released',
    }


def test_keys_are_shown_when_asked_for(served: Any) -> None:
    assert pools(served('by_key')) == {'import-1', 'mail-{user}'}


def test_a_function_gives_the_names(served: Any) -> None:
    from py_cachify.metrics import PrometheusListener

    assert pools(served('kind_of_pool', PrometheusListener=PrometheusListener)) == {'imports', 'others'}


def test_opentelemetry_takes_the_global_provider(served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    reader = InMemoryMetricReader()
    provider = MeterProvider(metric_readers=[reader])
    monkeypatch.setattr('opentelemetry.metrics._internal.get_meter_provider', lambda: provider)

    served('OpenTelemetryListener')

    data = reader.get_metrics_data()
    assert data is not None
    assert {metric.name for metric in data.resource_metrics[0].scope_metrics[0].metrics} == {
        metric.name for metric in METRICS
    }


def test_the_table_lists_each_metric_by_both_names() -> None:
    rows = re.findall(r'^\| `(py_cachify\.[\w.]+)` \| `(\w+)` \|', CHAPTER, re.MULTILINE)

    counters = (names.TIMEOUTS, names.EVENTS)
    assert dict(rows) == {
        metric.name: metric.for_prometheus + ('_total' if metric in counters else '') for metric in METRICS
    }
    for attribute in (names.POOL, names.STATE, names.KIND, names.ERROR):
        assert f'`{attribute}`' in CHAPTER


def test_the_command_prints_where_the_dashboard_is() -> None:
    [command] = re.findall(r'```sh\npython -c "(.*)"\n```', CHAPTER)
    printed = subprocess.run(
        [sys.executable, '-c', command],
        env=os.environ | {'PYTHONPATH': str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert Path(printed.strip()).samefile(ROOT / 'py_cachify' / 'metrics' / 'grafana.json')


def test_each_extra_is_named() -> None:
    assert set(re.findall(r"'\.\[(\w+)\]'", CHAPTER)) == {'prometheus', 'opentelemetry'}
