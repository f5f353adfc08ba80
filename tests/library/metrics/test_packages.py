"""The packages that a listener needs: absent, shared, or set up late."""

import os
import subprocess
import sys
import textwrap

import pytest
from opentelemetry.sdk.metrics import Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader
from prometheus_client import CollectorRegistry, Gauge

from py_cachify.metrics import OpenTelemetryListener, PrometheusListener
from tests.library.metrics.attempts import GRANTED, QUEUED, tell, while_held, without_slot
from tests.support.paths import ROOT


pytestmark = pytest.mark.quick


def run(code: str) -> str:
    """Run code in a process of its own, and return what it prints."""
    return subprocess.run(
        [sys.executable, '-c', textwrap.dedent(code)],
        env=os.environ | {'PYTHONPATH': str(ROOT)},
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def test_the_module_imports_neither_package() -> None:
    code = """
        import sys
        import py_cachify.metrics
        print([name for name in ('prometheus_client', 'opentelemetry') if name in sys.modules])
    """
    assert run(code) == '[]\n'


@pytest.mark.parametrize(
    ('listener', 'package', 'module', 'extra'),
    [
        ('PrometheusListener', 'prometheus_client', 'prometheus_client', 'prometheus'),
        ('OpenTelemetryListener', 'opentelemetry-api', 'opentelemetry', 'opentelemetry'),
    ],
)
def test_a_missing_package_is_named_with_its_extra(listener: str, package: str, module: str, extra: str) -> None:
    code = f"""
        import sys
        sys.modules[{module!r}] = None
        from py_cachify.metrics import {listener}
        try:
            {listener}()
        except ModuleNotFoundError as error:
            print(error)
    """
    assert run(code) == (
        f'{listener} needs the package {package}, which the extra `{extra}` installs:'
        f" pip install 'py-cachify-lab[{extra}]'\n"
    )


@pytest.fixture(params=['alone', 'multiprocess'])
def mode(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With and without the multiprocess mode of ``prometheus_client``."""
    if request.param == 'multiprocess':
        monkeypatch.setenv('PROMETHEUS_MULTIPROC_DIR', 'unused: the package was imported before')


@pytest.mark.usefixtures('mode')
def test_a_second_listener_in_a_registry_is_refused_and_the_first_goes_on() -> None:
    registry = CollectorRegistry()
    first = PrometheusListener(registry=registry)

    with pytest.raises(ValueError, match=r'^the registry already has metrics of these names: make one Prom'):
        PrometheusListener(registry=registry)

    tell(first, GRANTED)
    labels = {'py_cachify_pool_name': 'mail-{user_id}', 'py_cachify_slot_state': 'used'}
    assert registry.get_sample_value('py_cachify_slot_count', labels) == 1
    PrometheusListener(registry=CollectorRegistry())


@pytest.mark.usefixtures('mode')
def test_a_listener_that_is_refused_registers_nothing() -> None:
    registry = CollectorRegistry()
    Gauge('py_cachify_slot_max', 'of somebody else', registry=registry)

    with pytest.raises(ValueError, match=r'^the registry already has metrics'):
        PrometheusListener(registry=registry)

    assert [metric.name for metric in registry.collect()] == ['py_cachify_slot_max']


def test_the_global_registry_is_the_default() -> None:
    code = """
        from prometheus_client import generate_latest
        from py_cachify.metrics import PrometheusListener
        from tests.library.metrics.attempts import *
        tell(PrometheusListener(), GRANTED)
        print('py_cachify_slot_count{' in generate_latest().decode())
    """
    assert run(code) == 'True\n'


def test_a_provider_may_be_set_after_the_listener_was_made() -> None:
    """As when a program observes its pools before it configures OpenTelemetry."""
    code = """
        from opentelemetry.metrics import set_meter_provider
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import InMemoryMetricReader
        from py_cachify.metrics import OpenTelemetryListener
        from tests.library.metrics.attempts import *

        listener = OpenTelemetryListener()
        tell(listener, GRANTED)
        reader = InMemoryMetricReader()
        set_meter_provider(MeterProvider(metric_readers=[reader]))
        tell(listener, GRANTED, while_held('released'))
        [resource] = reader.get_metrics_data().resource_metrics
        [scope] = resource.scope_metrics
        values = {metric.name: metric.data.data_points[0] for metric in scope.metrics}
        print(scope.scope.name, values['py_cachify.slot.count'].value, values['py_cachify.slot.use_time'].count)
    """
    assert run(code) == 'py_cachify 1 1\n'


def test_the_sdk_shows_names_units_and_attributes_of_the_conventions() -> None:
    reader = InMemoryMetricReader()
    listener = OpenTelemetryListener(meter_provider=MeterProvider(metric_readers=[reader]))
    tell(listener, GRANTED)
    tell(listener, GRANTED, while_held('failed', ValueError('no')))
    tell(listener, without_slot('timed_out'))
    listener(QUEUED)

    data = reader.get_metrics_data()
    assert data is not None
    [scope] = data.resource_metrics[0].scope_metrics
    units = {metric.name: metric.unit for metric in scope.metrics}
    points = {
        metric.name: {
            frozenset((point.attributes or {}).items()): getattr(point, 'value', getattr(point, 'count', None))
            for point in metric.data.data_points
        }
        for metric in scope.metrics
    }

    pool = ('py_cachify.pool.name', 'mail-{user_id}')
    only = frozenset([pool])
    events = {dict(key).get('py_cachify.event.kind'): key for key in points['py_cachify.slot.events']}
    assert events['failed'] == {pool, ('py_cachify.event.kind', 'failed'), ('error.type', 'ValueError')}
    assert events['granted'] == {pool, ('py_cachify.event.kind', 'granted')}
    del points['py_cachify.slot.events']
    assert points == {
        'py_cachify.slot.count': {only | {('py_cachify.slot.state', 'used')}: 1},
        'py_cachify.slot.max': {only: 3},
        'py_cachify.slot.exp': {only: 30.0},
        'py_cachify.slot.pending_requests': {only: 1},
        'py_cachify.slot.timeouts': {only: 1},
        'py_cachify.slot.wait_time': {only: 2},
        'py_cachify.slot.use_time': {only: 1},
    }
    assert units == {
        'py_cachify.slot.count': '{slot}',
        'py_cachify.slot.max': '{slot}',
        'py_cachify.slot.exp': 's',
        'py_cachify.slot.pending_requests': '{request}',
        'py_cachify.slot.timeouts': '{timeout}',
        'py_cachify.slot.wait_time': 's',
        'py_cachify.slot.use_time': 's',
        'py_cachify.slot.events': '{event}',
    }


def test_two_readers_see_the_same_counts_each_in_its_own_way() -> None:
    """One reader wants totals, and the other what was added since it last read."""
    totals = InMemoryMetricReader()
    changes = InMemoryMetricReader(preferred_temporality={Histogram: AggregationTemporality.DELTA})
    listener = OpenTelemetryListener(meter_provider=MeterProvider(metric_readers=[totals, changes]))

    def read(reader: InMemoryMetricReader) -> tuple[int, int]:
        data = reader.get_metrics_data()
        assert data is not None
        found = {metric.name: metric.data for metric in data.resource_metrics[0].scope_metrics[0].metrics}
        [used] = found['py_cachify.slot.count'].data_points
        waited = found['py_cachify.slot.wait_time'].data_points
        return getattr(used, 'value', -1), sum(getattr(point, 'count', 0) for point in waited)

    tell(listener, GRANTED)
    assert (read(totals), read(changes)) == ((1, 1), (1, 1))
    tell(listener, GRANTED)
    assert (read(totals), read(changes)) == ((2, 2), (2, 1))
