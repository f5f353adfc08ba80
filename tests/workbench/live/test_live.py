"""Live runs: the same scenario in wall-clock time, reported and judged like a simulation."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest
import redis

from simulations import Retry, Scenario
from simulations.faults import (
    Crash,
    Failover,
    Fault,
    FlushScripts,
    Partition,
    Pause,
    Restart,
    ServerClock,
    ServerPause,
    WorkerClock,
)
from simulations.history.events import WHATS
from simulations.judging import read_calls
from simulations.live import LiveResult, Moment, NotebookView, TerminalView, live, live_view
from simulations.live.outcome.compare import share_intervals
from simulations.live.outcome.measured import MANY_LATE
from simulations.live.view import html, lines


pytestmark = pytest.mark.usefixtures('running_server')


JOBS = 160


def busy(**changes: object) -> Scenario:
    """Return a scenario with five slots at an offered load of four: about 20 % are refused."""
    fields: dict[str, object] = {
        'arrivals': 'poisson:20',
        'holding': 'exp:0.2',
        'max_size': 5,
        'slot_exp': 20.0,
        'workers': 2,
        'jobs': JOBS,
    }
    return Scenario(title='A busy pool', **(fields | changes))  # type: ignore[arg-type]


@pytest.fixture(scope='module')
def lived() -> tuple[LiveResult, list[Moment]]:
    """Run threads on a real server, at ten times real time; return the moments shown as well."""
    moments: list[Moment] = []
    return live(busy(), threads=6, speed=10.0, show=moments.append), moments


def test_a_live_run_keeps_every_promise_and_leaves_nothing(lived: tuple[LiveResult, list[Moment]]) -> None:
    """Every grant and refusal is judged; the server never counts more than ``max_size``."""
    result, _ = lived
    measured, figures = result.measured, result.figures

    assert result.violations == []
    assert figures.jobs == JOBS
    assert figures.granted == result.judgement.grants
    assert figures.refused == result.judgement.refusals > 0
    assert 1 <= measured.sampled_peak <= 5
    assert 1 <= measured.bodies_peak <= 5
    assert measured.looks > 10
    assert measured.leaked == measured.failed == measured.missed == 0


def test_it_has_the_report_the_history_and_the_figures_of_a_simulation(
    lived: tuple[LiveResult, list[Moment]], tmp_path: Path
) -> None:
    """In scenario seconds, ordered by time, with every key of the JSON and both runs."""
    result, _ = lived
    assert result.simulated is not None
    history = list(result.history)

    assert [event.time for event in history] == sorted(event.time for event in history)
    assert {event.what for event in history} <= set(WHATS)
    assert max(event.occupancy for event in history) <= 5
    assert history[-1].occupancy == history[-1].running == 0
    # At twenty a second; on a busy machine jobs may start late, but never before they are due.
    assert JOBS / 40 < result.simulated.figures.last - result.simulated.figures.first < JOBS / 5
    assert result.figures.last - result.figures.first > JOBS / 40
    assert result.simulated.to_json().keys() <= result.to_json().keys() | {'why_no_theory'}
    assert json.loads(json.dumps(result.to_json()))['live']['processes'] == 2
    for words in ('scenario time', 'simulated', 'started late', 'verdict', 'every slot is free'):
        assert words in str(result)
    assert 'time simulated' not in str(result)
    late = result.measured.late > MANY_LATE * result.measured.jobs
    assert ('no longer the workload' in str(result)) is late
    assert 'scenario time' in result._repr_html_()
    assert 'jobs refused' in result._repr_html_()


def test_both_runs_have_the_same_jobs(lived: tuple[LiveResult, list[Moment]]) -> None:
    """Both have the same number of jobs, and their figures are compared, with intervals."""
    result, _ = lived
    comparison = result.comparison
    assert comparison is not None
    assert result.simulated is not None

    assert result.simulated.figures.jobs == result.figures.jobs
    assert comparison.live.refusal_share == result.figures.refusal_share
    assert comparison.simulated.refusal_share == result.simulated.figures.refusal_share
    assert comparison._replace(live=comparison.simulated).distance == 0 < comparison.distance < 1
    assert comparison.to_json()['of'] == 'jobs'


def test_the_share_of_the_time_at_each_number_of_slots_has_an_interval() -> None:
    """The interval surrounds the share, within 0 and 1; a run that is too short has none."""
    long, short = busy(jobs=2000).replay(), busy(jobs=20).replay()
    start = long.figures.first + long.figures.warm_up
    window = (start, start + long.figures.measured)
    intervals = share_intervals(long.history.block(), len(long.occupancy_shares), window)

    assert intervals is not None
    assert [share for share, _, _ in intervals] == pytest.approx(long.occupancy_shares.tolist())
    assert all(0 <= low < share < high <= 1 for share, low, high in intervals)
    assert share_intervals(short.history.block(), len(short.occupancy_shares), (0, 1)) is None


def test_its_pictures_are_drawn_as_those_of_a_simulation(lived: tuple[LiveResult, list[Moment]]) -> None:
    """Occupancy, slots, shares and both runs side by side; without a killed worker, no recovery."""
    mpl.use('agg')
    result, _ = lived

    assert 'Live' not in result.plot_occupancy().get_title()
    assert result.plot_slots().get_title()
    labels = [text.get_text() for text in result.plot_comparison().get_legend().get_texts()]  # type: ignore[union-attr]
    assert labels == ['simulated', 'live']
    with pytest.raises(ValueError, match='nothing to draw'):
        result.plot_recovery()


def test_a_run_is_shown_while_it_runs(lived: tuple[LiveResult, list[Moment]]) -> None:
    """The last moment has every job; on a terminal each moment is drawn over the one before."""
    result, moments = lived
    last = moments[-1]

    assert len(moments) > 1
    assert last.granted + last.refused == result.figures.attempts
    assert [moment.seconds for moment in moments] == sorted(moment.seconds for moment in moments)

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal, plain = Terminal(), io.StringIO()
    for file in (terminal, plain):
        view = TerminalView(file)
        for seconds in (0.0, 0.5, 1.0):
            view(last._replace(seconds=seconds))
    assert terminal.getvalue().count('\x1b[3F') == 2
    assert '\x1b' not in plain.getvalue()
    assert plain.getvalue().count('\n') == 2
    assert f'{last.granted:,} granted' in lines(last)[2]
    assert '<polyline' in html(last, [(0.0, 1), (1.0, 2)])


def test_tasks_of_asyncio_do_the_same() -> None:
    """Attempts are repeated after a pause, until the jobs give up."""
    result = live(busy(on_refusal=Retry('exp:0.5', tries=3)), tasks=20, speed=10.0)

    assert result.violations == []
    assert result.figures.jobs == JOBS
    assert result.figures.retries > 0
    assert result.figures.granted_later > 0
    assert result.comparison is not None
    assert result.comparison.of == 'attempts'


def test_memory_has_one_process_and_no_server() -> None:
    """Slots of holders that crash alone last until their expiry, and bodies may outlive slots."""
    scenario = busy(workers=1, slot_exp=0.4, crash_probability=0.1, holding='exp:0.3')
    result = live(scenario, store='memory', speed=8.0, seconds=0.9)

    assert result.violations == []
    assert result.figures.crashed > 0
    assert result.figures.recovered == result.figures.crashed
    assert result.figures.expired_while_running > 0
    assert result.measured.looks > 10
    assert result.measured.leaked == 0


def test_clients_are_threads_that_ask_again_and_again() -> None:
    """They make the scenario's number of jobs, numbered in the order in which they asked."""
    result = live(busy(arrivals='clients:8:exp:0.4', jobs=60, horizon=None), speed=20.0, compare=False)

    assert result.violations == []
    assert result.figures.jobs == 60
    granted = [call for call in result.calls if call.what == 'acquire']
    first = {int(call.token): call.called for call in granted}
    assert sorted(first) == list(range(60))
    assert [first[number] for number in range(60)] == sorted(first.values())


def test_a_process_with_too_few_threads_says_how_many_jobs_started_late() -> None:
    """One thread cannot run a load for four: arrivals are not throttled silently."""
    result = live(busy(workers=1, jobs=60), threads=1, speed=10.0, compare=False)

    assert result.measured.late > 20
    assert f'{result.measured.late:,} jobs, because all threads of the process were busy' in str(result)
    assert 'no longer the workload of the scenario: use more threads' in str(result)


def test_on_a_server_of_others_only_its_own_keys_are_touched(socket: str, server: 'redis.Redis') -> None:
    """With many pools at the URL of a server, only what was there before is there afterwards."""
    server.set('theirs', 'kept')
    result = live(busy(keys='zipf:5', max_size=2), store=f'unix://{socket}', speed=10.0, compare=False)

    assert result.violations == []
    assert result.figures.pools == 5
    assert server.keys('*') == [b'theirs']


@pytest.mark.parametrize(
    ('fault', 'store', 'words'),
    [
        (WorkerClock(at=1.0, by=5.0), 'valkey', 'share one clock'),
        (ServerClock(at=1.0, by=5.0), 'valkey', 'the clock of its machine'),
        (Failover(at=1.0, lasting=1.0), 'valkey', 'no replica'),
        (Restart(at=1.0), 'redis://nowhere.invalid', 'other users of the server redis://nowhere'),
        (ServerPause(at=1.0, lasting=1.0), 'redis://nowhere.invalid', 'other users of the server redis://nowhere'),
        (FlushScripts(at=1.0), 'redis://nowhere.invalid', 'other users of the server redis://nowhere'),
        (Partition(at=1.0, lasting=1.0), 'rediss://nowhere.invalid', 'encrypted'),
        (Crash(at=1.0), 'memory', 'several processes, which store memory lacks'),
        (Pause(at=1.0, lasting=1.0, workers=(1,)), 'memory', 'worker 1, but with 1 process the last worker is 0'),
    ],
)
def test_an_accident_that_cannot_happen_is_refused_before_anything_starts(
    fault: Fault, store: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says why, in a sentence."""
    monkeypatch.setattr(subprocess, 'Popen', None)
    with pytest.raises(ValueError, match=words):
        live(busy(faults=[fault]), processes=1 if store == 'memory' else None, store=store)


@pytest.mark.parametrize(
    ('options', 'error', 'words'),
    [
        ({'speed': 0}, ValueError, 'speed must be'),
        ({'seconds': -1}, ValueError, 'seconds must be'),
        ({'threads': 0}, ValueError, 'threads must be'),
        ({'tasks': 'many'}, TypeError, 'tasks must be'),
        ({'processes': 0}, ValueError, 'processes must be'),
        ({'processes': 2, 'store': 'memory'}, ValueError, 'processes share no memory, got 2'),
        ({'store': 'fakeredis'}, ValueError, "cannot use the store 'fakeredis'"),
        ({'store': 3}, TypeError, 'store must be'),
        ({'seed': -1}, ValueError, 'seed must be'),
    ],
)
def test_what_cannot_be_is_refused_at_once(options: dict[str, object], error: type[Exception], words: str) -> None:
    """The error names the argument, with its value."""
    with pytest.raises(error, match=words):
        live(busy(), **options)  # type: ignore[arg-type]


def test_the_command_writes_what_a_simulation_writes(tmp_path: Path) -> None:
    """Report, figures, history, calls and pictures, with only the figures on standard output."""
    command = ['live', 'slow-downstream', '--jobs', '40', '--speed', '20', '--processes', '2', '--tasks', '10']
    files = ['--out', '.', '--csv', 'history.csv', '--calls', 'calls', '--json', '-']
    done = subprocess.run(
        [sys.executable, '-m', 'simulations', *command, *files],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures['jobs'] == 40
    assert figures['seed'] == 1
    assert figures['live']['tasks'] == 10
    assert 'refusals judged, 0 violations' in done.stderr
    assert '--processes 2 --tasks 10 --speed 20' in done.stderr
    assert {path.name for path in tmp_path.glob('*.png')} >= {'occupancy.png', 'comparison.png'}
    assert len(read_calls(tmp_path / 'calls')) >= 40
    assert (tmp_path / 'history.csv').read_text().startswith('time,what,job,key,occupancy,running\n')


def test_the_command_refuses_in_one_line(tmp_path: Path) -> None:
    """The exit status is that of a request that cannot be carried out."""
    scenario = busy(faults=[Failover(at=1.0, lasting=1.0)])
    scenario.save(tmp_path / 'mine.toml')
    done = subprocess.run(
        [sys.executable, '-m', 'simulations', 'live', 'mine.toml'],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=120,
        check=False,
    )

    assert done.returncode == 2
    assert done.stderr.startswith('pool-sim: a live run cannot do failover, because ')
    assert done.stderr.count('\n') == 1


def test_in_a_notebook_one_output_is_redrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers and the recent occupancy are redrawn in place, in one output."""
    drawn: list[str] = []

    class Handle:
        def update(self, shown: Any) -> None:
            drawn.append(shown.data)

    monkeypatch.setattr('IPython.display.display', lambda *_, **options: Handle() if options['display_id'] else None)
    view = NotebookView()
    moment = Moment(0.0, 2.0, 3, 5, 3, 10, 2, 0, 0, 5.0, 1.0, 0.001, 2)
    for seconds in (0.0, 0.5):
        view(moment._replace(seconds=seconds))

    assert len(drawn) == 2
    assert '3/5 slots' in drawn[0]
    assert '<polyline' in drawn[1]


def test_outside_of_a_notebook_the_same_call_shows_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """The lines go to standard error, and the call returns the result."""
    result = live_view(busy(workers=1, jobs=20), store='memory', speed=50.0, compare=False)

    assert result.figures.jobs == 20
    assert f'{result.figures.granted} granted, {result.figures.refused} refused' in capsys.readouterr().err


def test_what_is_simulated_in_its_own_way_is_not_lived_through() -> None:
    """A live run uses the library as shipped."""
    with pytest.raises(ValueError, match='the protocol nx can only be simulated'):
        live(busy().replace(protocol='nx'))
