"""A sweep that was interrupted goes on where it stopped."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import simulations.sweeps.run
from simulations import Retry, Scenario, sweep
from simulations.sweeps.journal import Journal
from simulations.sweeps.outcome import Outcome
from simulations.sweeps.run import run_once
from tests.support.paths import ROOT


SMALL = Scenario(
    arrivals='poisson:6', holding='exp:1', max_size=5, slot_exp=2.0, crash_probability=0.1, jobs=150, seed=2
)
VARY = {'max_size': (2, 4), 'slot_exp': (0.5, None)}
RUNS = 8


@pytest.fixture(scope='module')
def whole() -> str:
    """Return the table of an uninterrupted sweep without a journal."""
    return sweep(SMALL, VARY, replications=2, workers=1).to_csv()


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that receives a number for each run that is made."""
    numbers: list[int] = []

    def counted(scenario: Scenario, seed: int, store: str) -> Outcome:
        numbers.append(seed)
        return run_once(scenario, seed, store)

    monkeypatch.setattr(simulations.sweeps.run, 'run_once', counted)
    return numbers


def go_on(journal: Path) -> str:
    return sweep(SMALL, VARY, replications=2, workers=1, journal=journal).to_csv()


def test_interrupted_from_the_keyboard_it_goes_on_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: str, made: list[int]
) -> None:
    """Finished runs are not repeated, and the table is that of an uninterrupted sweep."""
    counted = simulations.sweeps.run.run_once

    def interrupted(scenario: Scenario, seed: int, store: str) -> Outcome:
        if len(made) == 3:
            raise KeyboardInterrupt
        return counted(scenario, seed, store)

    with monkeypatch.context() as patch:
        patch.setattr(simulations.sweeps.run, 'run_once', interrupted)
        with pytest.raises(KeyboardInterrupt):
            go_on(tmp_path / 'journal')
    assert len(made) == 3
    assert go_on(tmp_path / 'journal') == whole
    assert len(made) == RUNS
    assert go_on(tmp_path / 'journal') == whole
    assert len(made) == RUNS


def test_a_killed_process_loses_no_finished_run_and_leaves_no_process(
    tmp_path: Path, whole: str, made: list[int]
) -> None:
    """After SIGKILL the two worker processes end, and the sweep continues when started again."""
    journal = tmp_path / 'journal'
    program = """
import os, sys
from pathlib import Path
import simulations.sweeps.run as run
from simulations import Scenario, sweep
from simulations.sweeps.processes import processes

if __name__ == '__main__':
    with processes(2) as executor:
        print(executor.submit(os.getpid).result(), flush=True)
        for _ in run.outcomes(iter([(0, run.at(Scenario(arrivals='poisson:6', holding='exp:1', max_size=5,
            jobs=3_000_000), {}), 0)]), executor, 'memory'):
            pass
"""
    busy = subprocess.Popen([sys.executable, '-c', program], stdout=subprocess.PIPE, text=True, cwd=tmp_path)
    assert busy.stdout is not None
    worker = int(busy.stdout.readline())
    busy.kill()
    busy.wait(timeout=60)
    busy.stdout.close()
    for _ in range(600):
        if not _runs(worker):
            break
        time.sleep(0.05)
    assert not _runs(worker)

    killing = f"""
import os, signal
import simulations.sweeps.run as run
from tests.workbench.sweeps.test_journal import SMALL, VARY
from simulations import sweep
make, made = run.run_once, []
def counted(*given):
    if len(made) == 5: os.kill(os.getpid(), signal.SIGKILL)
    made.append(1)
    return make(*given)
run.run_once = counted
sweep(SMALL, VARY, replications=2, workers=1, journal={str(journal)!r})
"""
    done = subprocess.run([sys.executable, '-c', killing], timeout=60, check=False, cwd=ROOT)
    assert done.returncode == -9
    assert journal.read_text().count('\n') == 1 + 5
    assert go_on(journal) == whole
    assert len(made) == RUNS - 5


def test_processes_that_wait_leave_an_interruption_to_the_one_that_started_them(tmp_path: Path) -> None:
    """An interrupt from the keyboard reaches all of them; the workers end silently."""
    program = """
import os, random, time
from concurrent.futures import wait
from simulations.sweeps.processes import processes

if __name__ == '__main__':
    try:
        with processes(2) as executor:
            started = set()
            while len(started) < 2:
                busy = [executor.submit(time.sleep, random.random() / 20) for _ in range(3)]
                started.add(executor.submit(os.getpid).result())
            wait(busy)
            print('ready', flush=True)
            time.sleep(60)
    except KeyboardInterrupt:
        print('interrupted', flush=True)
"""
    with (tmp_path / 'err').open('w') as err:
        waiting = subprocess.Popen(
            [sys.executable, '-c', program],
            stdout=subprocess.PIPE,
            stderr=err,
            text=True,
            start_new_session=True,
            # Who starts the tests in the background may have them ignore the keyboard.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        assert waiting.stdout is not None
        assert waiting.stdout.readline() == 'ready\n'
        os.killpg(waiting.pid, signal.SIGINT)
        assert waiting.stdout.read() == 'interrupted\n'
        assert waiting.wait(timeout=60) == 0
        waiting.stdout.close()
    assert (tmp_path / 'err').read_text() == ''


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    # One that ended and that nobody asked after is still listed.
    return not Path(f'/proc/{process}/stat').exists() or ' Z ' not in Path(f'/proc/{process}/stat').read_text()


def test_a_journal_that_was_cut_off_anywhere_is_gone_on_with(tmp_path: Path, whole: str, made: list[int]) -> None:
    """Complete lines are kept and the file is repaired, wherever it was cut off."""
    journal = tmp_path / 'journal'
    go_on(journal)
    text = journal.read_bytes()
    starts = [place for place in range(len(text)) if text[place - 1 : place] == b'\n']
    cuts = {0, 1, 20, *starts, *(place - 1 for place in starts), *(place + 7 for place in starts), len(text)}
    for cut in sorted(cuts):
        journal.write_bytes(text[:cut])
        made.clear()
        assert go_on(journal) == whole
        assert len(made) == RUNS - max(0, text[:cut].count(b'\n') - 1)
        assert sorted(journal.read_bytes().splitlines()) == sorted(text.splitlines())


def test_runs_may_be_finished_in_any_order(tmp_path: Path, whole: str, made: list[int]) -> None:
    """Several processes finish them in any order."""
    go_on(tmp_path / 'journal')
    head, *lines = (tmp_path / 'journal').read_text().splitlines(keepends=True)
    random.Random(1).shuffle(lines)
    (tmp_path / 'journal').write_text(head + ''.join(lines[:6]))
    made.clear()
    assert go_on(tmp_path / 'journal') == whole
    assert len(made) == 2


@pytest.mark.parametrize(
    'other',
    [
        lambda journal: sweep(SMALL.replace(seed=3), VARY, replications=2, workers=1, journal=journal),
        lambda journal: sweep(SMALL.replace(holding='exp:2'), VARY, replications=2, workers=1, journal=journal),
        lambda journal: sweep(SMALL.replace(on_refusal=Retry('exp:1', tries=2)), VARY, replications=2, journal=journal),
        lambda journal: sweep(SMALL, VARY, replications=3, workers=1, journal=journal),
        lambda journal: sweep(SMALL, {**VARY, 'max_size': (2, 5)}, replications=2, workers=1, journal=journal),
        lambda journal: sweep(SMALL, dict(reversed(VARY.items())), replications=2, workers=1, journal=journal),
    ],
)
def test_the_journal_of_another_sweep_is_refused_and_left_alone(tmp_path: Path, other: Callable[[Path], Any]) -> None:
    """With another seed, scenario, number of runs or order, its numbers mean other runs."""
    journal = tmp_path / 'journal'
    go_on(journal)
    before = journal.read_bytes()
    with pytest.raises(
        ValueError, match='journal belongs to another sweep, or is not a journal: name another, or remove it'
    ):
        other(journal)
    assert journal.read_bytes() == before


@pytest.mark.parametrize('text', ['a letter', 'a letter\n', '{"sweep": 1}\n', '[1, 2]\n{}\n', '{}\n'])
def test_a_file_that_is_no_journal_is_refused_and_left_alone(tmp_path: Path, text: str) -> None:
    """It may contain something important."""
    (tmp_path / 'journal').write_text(text)
    with pytest.raises(ValueError, match='belongs to another sweep'):
        go_on(tmp_path / 'journal')
    assert (tmp_path / 'journal').read_text() == text


@pytest.mark.parametrize('part', ['trace', 'arrivals', 'holding', 'mixture', 'pause'])
def test_a_file_that_changed_meanwhile_makes_it_another_sweep(tmp_path: Path, part: str) -> None:
    """The scenario contains only the name of the file."""
    path = tmp_path / 'file.csv'
    made_up: dict[str, Any] = {'arrivals': 'poisson:1', 'holding': 'exp:1', 'max_size': 1, 'jobs': 3}

    def scenario(second: int) -> Scenario:
        header = 'arrival,holding\n0,1\n' if part in ('trace', 'arrivals') else '1\n'
        path.write_text(header + (f'{second},1\n' if part in ('trace', 'arrivals') else f'{second}\n'))
        os.utime(path, (second, second))
        match part:
            case 'trace':
                return Scenario(trace=path, max_size=1)
            case 'arrivals':
                return Scenario(**made_up | {'arrivals': f'trace:{path}'})
            case 'holding':
                return Scenario(**made_up | {'holding': f'file:{path}'})
            case 'mixture':
                return Scenario(**made_up | {'holding': f'mix:1*const:1+1*file:{path}'})
        return Scenario(**made_up, on_refusal=Retry(f'file:{path}', tries=2))

    def run(second: int) -> None:
        sweep(scenario(second), {'max_size': [1, 2]}, workers=1, journal=tmp_path / 'journal')

    run(5)
    run(5)
    with pytest.raises(ValueError, match='belongs to another sweep'):
        run(6)


def test_every_digit_of_an_outcome_is_kept() -> None:
    """An outcome read from the journal equals the one written, with intervals or without."""
    for jobs in (5, 150):
        found = run_once(SMALL.replace(jobs=jobs), 1, 'memory')
        assert Outcome.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_a_run_is_on_disk_as_soon_as_it_is_finished(tmp_path: Path) -> None:
    """It is written before the file is closed."""
    with Journal(tmp_path / 'journal', 'this') as journal:
        journal.keep(4, run_once(SMALL, 1, 'memory'))
        assert json.loads((tmp_path / 'journal').read_text().splitlines()[1])[0] == 4
