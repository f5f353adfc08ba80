"""A service under load, seen in three ways at the same time, which agree on every count.

Four processes with six threads each use three pools on a real server.  They are scraped over HTTP
and recorded while ``pool-ctl watch`` runs.  Again and again the service freezes, so that there is
an instant for which all can be compared.

By hand, for longer: ``ACCOUNTS_FREEZES=100 pytest -s tests/library/production``.
"""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from py_cachify.recording import read_recording
from tests.library.production.service import POOLS
from tests.library.waiting.crowd import LIMIT
from tests.support.paths import ROOT


PROCESSES = 4
FREEZES = int(os.environ.get('ACCOUNTS_FREEZES', '4'))
GOES_ON_FOR = 0.5
"""How long the service runs between two freezes, in seconds."""


class Worker:
    """One process of the service."""

    def __init__(self, socket: str, recording: Path, seed: int) -> None:
        command = [sys.executable, '-m', 'tests.library.production.service', socket, str(recording), str(seed)]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def say(self, word: str) -> dict[str, Any]:
        """Tell it a word, and return its answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f'{word}\n')
        return dict(json.loads(self.process.stdout.readline()))

    def end(self) -> None:
        """Kill it, if it has not ended."""
        self.process.kill()
        self.process.communicate()

    def scrape(self) -> dict[tuple[str, str, str], float]:
        """Return its metrics by name, pool and kind."""
        with urllib.request.urlopen(f'http://127.0.0.1:{self.port}/metrics', timeout=LIMIT) as reply:
            text = reply.read().decode()
        return {
            (
                sample.name,
                sample.labels.get('py_cachify_pool_name', ''),
                sample.labels.get('py_cachify_event_kind', ''),
            ): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if family.name.startswith('py_cachify')
        }


@pytest.fixture
def workers(running_server: Path, tmp_path: Path) -> Iterator[list[Worker]]:
    with ExitStack() as stack:
        made = []
        for seed in range(PROCESSES):
            worker = Worker(str(running_server), tmp_path / 'pool.csv', seed)
            stack.callback(worker.end)
            made.append(worker)
        yield made


@pytest.fixture
def watch(running_server: Path, tmp_path: Path) -> Iterator[Path]:
    """What ``pool-ctl watch --json`` prints meanwhile."""
    output = tmp_path / 'watched'
    command = [sys.executable, '-m', 'py_cachify.ctl', '--url', f'unix://{running_server}']
    with output.open('wb') as out:
        process = subprocess.Popen([*command, 'watch', '--json', '--interval', '0.1'], cwd=ROOT, stdout=out)
        yield output
        process.terminate()
        process.wait()


def scraped(workers: list[Worker], name: str, kind: str = '') -> Counter[str]:
    """Return a metric by template, over all processes."""
    total: Counter[str] = Counter()
    for worker in workers:
        for (sample, pool, of_kind), value in worker.scrape().items():
            if (sample, of_kind) == (name, kind):
                total[pool] += int(value)
    return +total


def watched(output: Path) -> tuple[Counter[str], Counter[str]]:
    """Return occupancy and queue by template, of a refresh that began after the call."""
    before, until = output.read_text().count('\n'), time.monotonic() + LIMIT
    while time.monotonic() < until:
        lines = output.read_text().splitlines(keepends=True)
        # The first new line may be of a refresh that was under way.
        if len(lines) > before + 1 and lines[before + 1].endswith('\n'):
            # Other tests may have left pools on the server.
            listed = {each['key'].replace('1', '{user_id}'): each for each in json.loads(lines[before + 1])['list']}
            found = {template: listed[template] for template in POOLS if template in listed}
            occupancy = Counter({name: each['occupancy'] for name, each in found.items()})
            return +occupancy, +Counter({name: each['waiting'] for name, each in found.items()})
        time.sleep(0.02)
    raise AssertionError('pool-ctl watch prints nothing any more')


def frozen(workers: list[Worker]) -> Counter[str]:
    """Freeze the service; return what its bodies count, once nothing changes any more."""
    for worker in workers:
        worker.say('freeze')
    before = None
    while True:
        held: Counter[str] = Counter()
        outcomes: Counter[str] = Counter()
        for worker in workers:
            answer = worker.say('count')
            held.update(answer['held'])
            outcomes.update(answer['outcomes'])
        now = +held, outcomes, scraped(workers, 'py_cachify_slot_pending_requests')
        if now == before:
            return +held
        before = now
        # Longer than any waits for a slot of a pool that gives up.
        time.sleep(0.3)


def test_metrics_pool_ctl_and_the_recording_agree_on_every_count(
    workers: list[Worker], watch: Path, tmp_path: Path
) -> None:
    compared = waited = 0
    for _ in range(FREEZES):
        for worker in workers:
            worker.say('go')
        time.sleep(GOES_ON_FOR)
        held = frozen(workers)
        occupancy, waiting = watched(watch)
        assert scraped(workers, 'py_cachify_slot_count') == held
        assert occupancy == held
        assert scraped(workers, 'py_cachify_slot_pending_requests') == waiting
        assert all(held[template] <= size for template, size in POOLS.items())
        compared += sum(held.values())
        waited += sum(waiting.values())
    own: Counter[str] = Counter()
    # All of them, because those that end first wait for slots that others hold.
    for worker in workers:
        worker.say('go')
    for worker in workers:
        own.update(worker.say('end')['outcomes'])
    recorded = Counter(f'{each.template} {each.outcome}' for each in read_recording(tmp_path / 'pool.csv'))
    assert recorded == own
    for kind in ('released', 'refused', 'timed_out'):
        of_kind = {template: own[f'{template} {kind}'] for template in POOLS}
        assert scraped(workers, 'py_cachify_slot_events_total', kind) == +Counter(of_kind)
    total = sum(own.values())
    print(
        f'{total} attempts of {PROCESSES} processes: {dict(own)}; {FREEZES} instants with {compared} slots and '
        f'{waited} waiters'
    )
    assert total > 0
