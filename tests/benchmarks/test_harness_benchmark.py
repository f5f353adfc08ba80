"""The benchmark of the harness measures what it says; no test depends on its speed."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import redis

from py_cachify.backends.memory import MemoryBackend
from simulations import open_store
from simulations.theory import erlang_b
from tests.benchmarks.harness import growth, one_run, rows_memory, rows_queue, rows_server
from tests.benchmarks.harness.bare import Bare
from tests.benchmarks.harness.command import main
from tests.benchmarks.harness.growth import Run, straight_line
from tests.benchmarks.harness.load import QUICK
from tests.benchmarks.harness.replayed import Replayed, ReplayedQueue
from tests.benchmarks.harness.rows_server import round_trips


PNG = b'\x89PNG\r\n\x1a\n'


@pytest.mark.usefixtures('running_server')
def test_every_row_can_be_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In quick mode all rows except those of ciw have finite ratios, and the curve is drawn."""
    numbers, table, picture = (tmp_path / name for name in ('rows.json', 'table.md', 'curve.png'))
    assert main(['--quick', '--json', str(numbers), '--markdown', str(table), '--curve', str(picture)]) == 0
    written = json.loads(numbers.read_text())
    rows = {row['measure']: row for row in written['rows']}
    queue = [rows_queue.BARE_ROW, rows_queue.CIW_ROW, rows_queue.COST_ROW]
    assert list(rows) == [rows_memory.BARE_ROW, rows_memory.CIW_ROW, *queue, rows_server.ROW, *growth.ROWS.values()]
    assert rows.pop(rows_memory.CIW_ROW)['why'] == rows.pop(rows_queue.CIW_ROW)['why'] == 'needs --others'
    assert all(math.isfinite(number) and number > 0 for row in rows.values() for number in row['ratio'].values())
    assert all(row['met'] is None and not row['broken'] for row in rows.values())
    assert [(run['jobs'], run['history']) for run in written['curve']] == [
        (jobs, history) for history in (True, False) for jobs in QUICK.growth_jobs
    ]
    assert table.read_text() == capsys.readouterr().out
    assert table.read_text().count('quick: not judged') == len(rows)
    assert picture.read_bytes().startswith(PNG)


def test_a_broken_promise_is_the_exit_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A store that refuses although a slot is free: 1, and the rows name the broken promise."""
    monkeypatch.setattr(MemoryBackend, 'acquire', lambda *_: None)
    assert main(['memory', '--quick']) == 1
    assert capsys.readouterr().out.count('honest refusal violated') == 2


def test_a_promise_broken_in_another_process_is_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The answer of a run in its own process reaches the exit status."""
    assert _one_run(monkeypatch, capsys, '5', 'kept').keys() == {'seconds', 'peak'}
    monkeypatch.setattr(MemoryBackend, 'acquire', lambda *_: None)
    answer = _one_run(monkeypatch, capsys, '5', 'kept')
    assert answer['broken'].startswith('honest refusal violated')

    class Answered:
        stdout = json.dumps(answer)

    monkeypatch.setattr(subprocess, 'run', lambda *_, **__: Answered)
    assert main(['growth', '--quick']) == 1
    assert capsys.readouterr().out.count('**broken**') == len(growth.ROWS)


def test_a_refusal_more_or_less_than_the_bare_model_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both draw the same jobs, so a difference means that one of them is wrong."""
    monkeypatch.setattr(Bare, '_run', lambda self, jobs: setattr(self, 'refused', 10**6))
    assert main(['memory', '--quick']) == 1


def test_the_curve_wants_its_rows() -> None:
    """The error comes before anything is measured."""
    with pytest.raises(SystemExit) as status:
        main(['memory', '--curve', 'curve.png'])
    assert status.value.code == 2


# --- the contestants


def test_bare_simpy_refuses_just_the_jobs_that_the_harness_refuses() -> None:
    """It draws from the same streams, and so has the same load."""
    bare, ours = Bare(), Replayed()
    for jobs in (1, 1_000, 5_000):
        bare.chunk(jobs)
        ours.chunk(jobs)
        assert bare.refused == ours.refused
    assert ours.refused > 400


def test_jobs_wait_as_long_in_bare_simpy_as_in_the_harness() -> None:
    """Both serve the same jobs in order of arrival."""
    bare, ours = Bare(waits=True), ReplayedQueue()
    for jobs in (1, 1_000, 5_000):
        bare.chunk(jobs)
        ours.chunk(jobs)
        assert bare.waited == pytest.approx(ours.waited, rel=1e-9)
    assert ours.waited > 400


def test_other_waiting_times_than_those_of_the_bare_model_are_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Bare, '_run', lambda self, jobs: setattr(self, 'waited', 1e6))
    assert main(['queue', '--quick']) == 1


def test_the_round_trips_of_a_run_are_counted(running_server: Path) -> None:
    """The server counts an acquire for each job, a release for each slot, and a final size."""
    with redis.Redis(unix_socket_path=str(running_server)) as client, open_store(f'unix://{running_server}') as store:
        ours = Replayed(store)
        ours.chunk(1)  # loads the scripts
        before = _scripts_called(client)
        ours.chunk(300)
        assert ours.refused > 10
        assert _scripts_called(client) - before == round_trips(300, ours.refused) + 1


def test_the_load_is_three_erlangs_on_five_slots() -> None:
    """So the share of refused jobs is about that of Erlang's formula."""
    ours = Replayed()
    ours.chunk(20_000)
    assert ours.refused / 20_000 == pytest.approx(erlang_b(5, 3.0), abs=0.01)


# --- growth


def test_a_straight_line_goes_through_the_first_and_the_last_but_one() -> None:
    """Round by round, whatever is between them."""
    peaks = ([10.0, 20.0], [99.0, 0.0], [20.0, 20.0], [0.0, 0.0])
    runs = [Run(jobs, True, [], each) for jobs, each in zip((100, 200, 300, 1_100), peaks, strict=True)]
    assert straight_line(runs) == [60.0, 20.0]


@pytest.mark.skipif(sys.platform == 'win32', reason='Windows counts a peak by other means: run it on Linux or macOS')
def test_a_peak_is_that_of_its_own_process() -> None:
    """It is not that of a large parent process, and it remains when the memory is freed."""
    ballast = bytearray(os.urandom(1_000) * 200_000)
    code = 'import tests.benchmarks.harness.one_run as r; a = r.peak_memory(); x = b"x" * 50_000_000; del x; print('
    done = subprocess.run([sys.executable, '-c', f'{code}a, r.peak_memory())'], stdout=subprocess.PIPE, check=True)
    before, after = map(int, done.stdout.split())
    assert before < len(ballast)
    assert 45_000_000 < after - before < 60_000_000


def _one_run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    monkeypatch.setattr(sys, 'argv', ['one_run', *arguments])
    one_run.main()
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def _scripts_called(client: Any) -> int:
    return int(client.info('commandstats')['cmdstat_evalsha']['calls'])
