"""The dashboard is one that Grafana can load, and each of its queries finds what is exported.

Grafana itself is not run.  Its own types of dashboards read the file, and a real Prometheus server
answers its queries.
"""

import asyncio
import itertools
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
import redis
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard
from grafana_foundation_sdk.models.prometheus import Dataquery
from matplotlib.figure import Figure

from tests import dashboard_life
from tests.library.metrics.attempts import GRANTED, QUEUED, tell, while_held, without_slot
from tests.library.metrics.dashboard import as_sent, dashboard, names_in, targets
from tests.library.metrics.prometheus_server import NoPrometheusError, prometheus_server
from tests.library.metrics.scrapes import KINDS_OF_LISTENER, Scraped, scraped
from tests.support.paths import ROOT
from tests.support.servers import or_skip


ERROR = redis.ConnectionError()


def tell_of_everything(scrape: Scraped) -> None:
    """At least one event of each kind, and something that is held and pending."""
    tell(scrape.listener, GRANTED, while_held('renewed'), while_held('lost'), while_held('overrun'))
    tell(scrape.listener, GRANTED, while_held('released'))
    tell(scrape.listener, GRANTED, while_held('failed', ERROR))
    tell(scrape.listener, without_slot('refused'))
    tell(scrape.listener, without_slot('timed_out'))
    tell(scrape.listener, without_slot('failed', asyncio.CancelledError()))
    tell(scrape.listener, GRANTED)
    scrape.listener(QUEUED)


def test_the_file_has_what_grafana_needs() -> None:
    board = dashboard()

    assert board['title']
    assert re.fullmatch(r'[\w-]{1,40}', board['uid'])
    assert board['schemaVersion'] >= 36  # the first whose panels name their data source as an object
    ids = [panel['id'] for panel in board['panels']]
    assert len(ids) == len(set(ids))
    assert all(panel['title'] and panel['description'] for panel in board['panels'])
    for panel in board['panels']:
        references = [target['refId'] for target in panel['targets']]
        assert len(references) == len(set(references))


def test_no_panels_overlap_or_leave_the_grid() -> None:
    cells: dict[tuple[int, int], str] = {}
    for panel in dashboard()['panels']:
        place = panel['gridPos']
        assert 0 <= place['x'] < place['x'] + place['w'] <= 24
        for cell in itertools.product(
            range(place['x'], place['x'] + place['w']), range(place['y'], place['y'] + place['h'])
        ):
            assert cells.setdefault(cell, panel['title']) == panel['title'], f'{panel["title"]} over {cells[cell]}'


def test_every_variable_is_defined() -> None:
    """Among them the data source, which is asked for when the file is imported."""
    board = dashboard()
    defined = {variable['name']: variable for variable in board['templating']['list']}

    used = set(re.findall(r'\$\{?(\w+)', json.dumps(board))) - {'__rate_interval', '__all'}
    assert used == set(defined)
    assert defined['datasource']['type'] == 'datasource'
    assert defined['datasource']['query'] == 'prometheus'

    def sources(part: Any) -> list[Any]:
        if isinstance(part, list):
            return [source for each in part for source in sources(each)]
        if not isinstance(part, dict):
            return []
        found = [source for each in part.values() for source in sources(each)]
        return [part['datasource'], *found] if 'datasource' in part else found

    assert len(sources(board)) > len(board['panels'])
    assert all(source == {'type': 'prometheus', 'uid': '${datasource}'} for source in sources(board))


def test_the_types_of_grafana_read_all_of_it() -> None:
    """What they do not know they drop, so nothing may be missing from what they write again."""
    register_default_plugins()
    source = dashboard()

    read = Dashboard.from_json(source)

    written = json.loads(JSONEncoder(sort_keys=True).encode(read))
    assert list(missing(source, written)) == []
    lines = [target for panel in read.panels or [] for target in getattr(panel, 'targets', [])]
    assert [type(line) for line in lines] == [Dataquery] * len(list(targets()))


def missing(part: Any, of: Any, path: str = '') -> Any:
    """Yield the paths in ``part`` that have another value in ``of``, or none."""
    if isinstance(part, dict) and isinstance(of, dict):
        for key, value in part.items():
            yield from missing(value, of.get(key), f'{path}/{key}')
    elif isinstance(part, list) and isinstance(of, list) and len(part) == len(of):
        for number, (value, other) in enumerate(zip(part, of, strict=True)):
            yield from missing(value, other, f'{path}/{number}')
    elif part != of:
        yield path


def test_an_unknown_field_is_named() -> None:
    source = dashboard()
    source['panels'][0]['fieldConfig']['defaults']['uint'] = 's'
    written = json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(source)))
    assert list(missing(source, written)) == ['/panels/0/fieldConfig/defaults/uint']


@pytest.mark.parametrize('kind', KINDS_OF_LISTENER)
def test_every_name_in_a_query_is_exported(kind: str) -> None:
    """Metrics, and the labels that those metrics have; so are those of the legends."""
    with scraped(kind) as scrape:
        tell_of_everything(scrape)
        exported: dict[str, set[str]] = {}
        for sample in scrape.samples():
            exported.setdefault(sample.name, set()).update(sample.labels)

    seen = set()
    variable = next(each for each in dashboard()['templating']['list'] if each['name'] == 'pool')
    asked = re.fullmatch(r'label_values\((\w+), (\w+)\)', variable['query']['query'])
    assert asked is not None
    assert asked[2] in exported[asked[1]]
    for title, query, legend in targets():
        metrics, labels = names_in(query)
        assert metrics, title
        for metric in metrics:
            assert labels <= exported[metric], (title, metric)
        grouped = {name for names in re.findall(r'\bby \(([^)]*)\)', query) for name in re.split(r',\s*', names)}
        assert set(re.findall(r'{{(\w+)}}', legend)) <= grouped, title
        seen |= metrics
    shown = {name.removesuffix('_bucket') for name in seen}
    expected = {re.sub(r'_(bucket|count|sum)$', '', name) if '_time_' in name else name for name in exported}
    assert expected - shown == {'py_cachify_slot_timeouts_total'}  # its panel has the events of that kind


def test_every_query_finds_something_in_a_real_prometheus(tmp_path: Path) -> None:
    """After a scrape that saw the counters at zero, and one that saw them later."""
    with (
        scraped('prometheus') as scrape,
        or_skip(NoPrometheusError),
        prometheus_server(tmp_path, scrape.port) as server,
    ):
        tell_of_everything(scrape)
        while not server.has_scraped('py_cachify_slot_max'):
            time.sleep(0.1)
        waiting = {(title, as_sent(query, interval='10m')) for title, query, _ in targets()}
        waiting |= {('in the guide', query) for query in queries_of_the_guide()}
        while waiting:  # it hangs, and names the query in its traceback, if one of them never finds anything
            tell_of_everything(scrape)
            waiting = {each for each in waiting if not finds(server.ask('query', query=each[1])['result'])}
            time.sleep(0.1)

        [held] = server.ask('query', query=as_sent(next(targets())[1]))['result']
        assert held['metric'] == {'py_cachify_pool_name': 'mail-{user_id}'}
        assert float(held['value'][1]) >= 2


def queries_of_the_guide() -> list[str]:
    """The queries that the guide prints, over a longer time, because this test is short."""
    [block] = re.findall(r'```promql\n(.*?)```', (ROOT / 'py_cachify' / 'README.md').read_text('utf-8'), re.DOTALL)
    queries = [re.sub(r'\[\w+\]', '[10m]', query) for query in block.strip().split('\n\n')]
    assert len(queries) == 3
    return queries


def finds(result: Any) -> bool:
    return any(series['value'][1] != 'NaN' for series in result)


def test_the_picture_has_the_panels_where_the_dashboard_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ``python -m tests.gallery`` draws, of some seconds instead of a minute."""
    monkeypatch.setattr(dashboard_life, 'SECONDS', 6.0)
    monkeypatch.setattr(dashboard_life, 'RUSH', (1.0, 3.0))
    monkeypatch.setattr(dashboard_life, 'DOWN', (3.0, 3.5))
    monkeypatch.setattr(dashboard_life, 'LONG_BODIES', (4.0, 6.0))
    figure = Figure(figsize=(11, 9.5))

    with or_skip(NoPrometheusError), or_skip(FileNotFoundError):
        dashboard_life.draw(figure)

    panels = dashboard()['panels']
    assert [ax.get_title() for ax in figure.axes] == [panel['title'] for panel in panels]
    for ax, panel in zip(figure.axes, panels, strict=True):
        is_left = panel['gridPos']['x'] < 8
        assert (ax.get_position().x0 < 1 / 3) == is_left
    labels = {str(line.get_label()) for ax in figure.axes for line in ax.get_lines()}
    assert {'reports', 'mail', 'reports (limit)', 'reports timed_out', 'reports p95'} <= labels
