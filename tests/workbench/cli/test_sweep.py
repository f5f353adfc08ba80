"""``pool-sim sweep``: a table, pictures, and a journal for when it is interrupted."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import simulations.sweeps.run
from py_cachify import MemoryClient
from simulations import Scenario, Trace, sweep
from simulations.cli import main


DRAWN = ['sweep', '--jobs', '200', '--seed', '4', '--workers', '1', '--slot-exp', '0.5']
SMALL = [*DRAWN, '--no-pictures']
SIZES = ['--vary', 'max_size=2:6:2']


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def table(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main([*words, '--json', '-']) == 0
    loaded: dict[str, Any] = json.loads(capsys.readouterr().out)
    return loaded


def test_it_writes_the_table_that_the_library_makes(capsys: pytest.CaptureFixture[str]) -> None:
    """It writes CSV, JSON and a picture, then removes the journal, which is no longer needed."""
    assert main([*DRAWN, *SIZES, '--json', 'table.json']) == 0
    scenario = Scenario(arrivals='poisson:6', holding='exp:1', max_size=5, slot_exp=0.5, jobs=200, seed=4)
    found = sweep(scenario, {'max_size': (2, 4, 6)}, workers=1)
    folder = Path('pool-sim-results')
    assert (folder / 'sweep.csv').read_text() == found.to_csv()
    assert json.loads(Path('table.json').read_text()) == {'seed': 4, 'points': json.loads(json.dumps(found.to_json()))}
    assert (folder / 'sweep.png').read_bytes().startswith(b'\x89PNG')
    assert sorted(path.name for path in folder.iterdir()) == ['sweep.csv', 'sweep.png']
    out = capsys.readouterr().out
    assert str(found) in out
    assert f'wrote {folder / "sweep.csv"}' in out


def test_json_is_alone_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    """It has a row for each point with its values and an interval; the last name varies fastest."""
    found = table(capsys, *SMALL, *SIZES, '--vary', 'slot_exp=0.1:0.3:0.1')
    assert [(row['max_size'], row['slot_exp']) for row in found['points']] == [
        (size, life) for size in (2, 4, 6) for life in (0.1, 0.2, 0.3)
    ]
    assert [path.name for path in Path('pool-sim-results').iterdir()] == ['sweep.csv']
    for row in found['points']:
        assert row['refusal_share_low'] <= row['refusal_share'] <= row['refusal_share_high']
        assert row['refusal_share_theory'] is not None


def test_a_sweep_over_expiries_alone_shows_the_trade_off_as_well() -> None:
    """The trade-off is a separate picture."""
    assert main([*DRAWN, '--vary', 'slot_exp=0.2,1,5,none', '--crash', '0.1']) == 0
    assert Path('pool-sim-results/trade-off.png').read_bytes().startswith(b'\x89PNG')


def test_the_time_that_jobs_wait_is_varied_and_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    """Seconds, any time and a distribution are values; the command can be repeated."""
    assert main([*DRAWN, '--vary', 'wait=0,0.5,none,exp:2', '--json', 'first.json']) == 0
    [line] = [line for line in capsys.readouterr().out.splitlines() if 'repeat it with' in line]
    first = json.loads(Path('first.json').read_text())
    assert [row['wait'] for row in first['points']] == [0, 0.5, None, 'exp:2']
    assert Path('pool-sim-results/sweep-wait.png').read_bytes().startswith(b'\x89PNG')
    assert table(capsys, *shlex.split(line)[4:], '--no-pictures') == first


@pytest.mark.parametrize(
    'words',
    [
        ['--vary', 'max_size=2:6:2', '--vary', 'load=0.12345,1.0000001', '--holding', 'lognormal:-0.123456789:1'],
        ['--vary', 'slot_exp=0.5,none', '--vary', 'crash_probability=0,0.05', '--retry', 'exp:1', '--tries', '3'],
        ['--vary', 'load=1,2', '--rate', '3.3', '--replications', '2', '--keys', 'zipf:3'],
    ],
)
def test_the_line_that_repeats_it_does_so(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    """The repeat line, copied from the report, produces the same table, byte for byte."""
    assert main([*SMALL, *words]) == 0
    [line] = [line for line in capsys.readouterr().out.splitlines() if 'repeat it with: pool-sim ' in line]
    first = Path('pool-sim-results/sweep.csv').read_bytes()
    assert main([*shlex.split(line)[4:], '--workers', '1', '--no-pictures', '--out', 'again']) == 0
    assert Path('again/sweep.csv').read_bytes() == first


def test_the_line_that_repeats_a_trace_or_a_file_does_so(capsys: pytest.CaptureFixture[str]) -> None:
    """The options that change its fields are repeated as well."""
    Trace([(number * 0.5, 1.0 + number % 3) for number in range(60)]).to_csv('calls.csv')
    Scenario(title='Mine', arrivals='poisson:4', holding='exp:1', max_size=3, jobs=100).save('mine.toml')
    for words in (['calls.csv', '--thin', '0.7'], ['mine.toml', '--holding', 'exp:2', '--jobs', '90']):
        assert main(['sweep', *words, '--seed', '4', '--workers', '1', '--no-pictures', *SIZES]) == 0
        [line] = [line for line in capsys.readouterr().out.splitlines() if 'repeat it with: pool-sim ' in line]
        first = Path('pool-sim-results/sweep.csv').read_bytes()
        assert main([*shlex.split(line)[4:], '--workers', '1', '--no-pictures', '--out', 'again']) == 0
        assert Path('again/sweep.csv').read_bytes() == first
        capsys.readouterr()


def _stop_after(monkeypatch: pytest.MonkeyPatch, most: int) -> list[int]:
    make, made = simulations.sweeps.run.run_once, list[int]()

    def counted(scenario: Scenario, seed: int, store: str) -> Any:
        if len(made) == most:
            raise KeyboardInterrupt
        made.append(scenario.max_size)
        return make(scenario, seed, store)

    monkeypatch.setattr(simulations.sweeps.run, 'run_once', counted)
    return made


def test_started_again_it_goes_on_and_with_fresh_it_begins_anew(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """After an interruption (status 130) one of three runs is missing; ``--fresh`` repeats all."""
    assert main([*SMALL, *SIZES, '--out', 'whole']) == 0
    for words, missing in ([], [6]), (['--fresh'], [2, 4, 6]):
        with monkeypatch.context() as patch:
            made = _stop_after(patch, 2)
            assert main([*SMALL, *SIZES]) == 130
            assert made == [2, 4]
        assert capsys.readouterr().err.splitlines()[-1] == 'pool-sim: interrupted'
        assert Path('pool-sim-results/sweep.jsonl').exists()
        with monkeypatch.context() as patch:
            made = _stop_after(patch, 99)
            assert main([*SMALL, *SIZES, *words]) == 0
            assert made == missing
        assert Path('pool-sim-results/sweep.csv').read_bytes() == Path('whole/sweep.csv').read_bytes()
        assert not Path('pool-sim-results/sweep.jsonl').exists()


def test_another_sweep_does_not_take_an_interrupted_one_for_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The other sweep is refused in one line, and the journal is left alone."""
    with monkeypatch.context() as patch:
        _stop_after(patch, 2)
        assert main([*SMALL, *SIZES]) == 130
    before = Path('pool-sim-results/sweep.jsonl').read_bytes()
    capsys.readouterr()
    assert main([*SMALL, '--vary', 'max_size=2:8:2']) == 2
    expected = 'sweep.jsonl belongs to another sweep, or is not a journal: name another, or remove it'
    assert expected in capsys.readouterr().err
    assert Path('pool-sim-results/sweep.jsonl').read_bytes() == before


def _as_in_a_terminal() -> None:
    """Restore the handling of keyboard interrupts, which tests in the background may ignore."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_interrupted_from_the_keyboard_two_processes_say_one_line(tmp_path: Path) -> None:
    """The interruption reaches all processes, as in a terminal; finished runs are kept."""
    command = Path(sys.executable).with_name('pool-sim')
    words = ['sweep', '--jobs', '20000', '--vary', 'max_size=1:200:1', '--workers', '2']
    with Path('err').open('w') as err:
        running = subprocess.Popen(
            [str(command), *words], stderr=err, stdout=err, start_new_session=True, preexec_fn=_as_in_a_terminal
        )
        journal = tmp_path / 'pool-sim-results' / 'sweep.jsonl'
        for _ in range(1200):
            if journal.exists() and journal.read_bytes().count(b'\n') > 2:
                break
            time.sleep(0.05)
        os.killpg(running.pid, signal.SIGINT)
        assert running.wait(timeout=60) == 130
    # Python's own tracker of semaphores may have something to say after it.
    assert 'pool-sim: interrupted' in Path('err').read_text().splitlines()
    assert 'Traceback' not in Path('err').read_text()
    assert journal.read_bytes().count(b'\n') > 2


def test_a_broken_promise_ends_with_status_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The events before the violation are shown, as for a single run."""
    take = MemoryClient.take_slot
    monkeypatch.setattr(
        MemoryClient, 'take_slot', lambda self, key, token, size, life: take(self, key, token, 99, life)
    )
    assert main([*SMALL, *SIZES]) == 1
    err = capsys.readouterr().err
    assert 'occupancy violated at' in err
    assert 'the events before it:' in err
    assert 'Traceback' not in err


@pytest.mark.parametrize(
    ('words', 'complaint'),
    [
        ([], 'the following arguments are required: --vary'),
        (['--vary', 'max_size'], 'write NAME=FIRST:LAST:STEP or NAME=A,B,C'),
        (['--vary', 'slot_exp=inf'], 'is infinite, not a number, or has more than 400 digits'),
        (['--vary', 'max_size=none'], 'max_size must be a whole number'),
        (['--vary', 'max_size=1', '--vary', 'max_size=2'], '--vary max_size is given twice: list all its values'),
        ([*SIZES, '--workers', '0'], 'workers must be at least 1, got 0'),
        ([*SIZES, '--thin', '0.5'], '--thin applies to a trace: name the file of the trace'),
        (['trace.csv', *SIZES, '--rate', '5'], '--rate describes generated jobs, but trace.csv is a trace'),
        (['trace.csv', *SIZES, '--keys', 'zipf:3'], '--keys describes generated jobs, but trace.csv is a trace'),
        (['nowhere', *SIZES], "no scenario is called 'nowhere'"),
        ([*SIZES, '--json', 'no/table.json'], 'cannot write the file no/table.json'),
        ([*SIZES, '--out', 'trace.csv'], 'cannot write to the folder trace.csv'),
        ([*SIZES, '--store', 'disk'], "there is no store 'disk'"),
        (['--vary', 'crash_probability=0,0.1', '--slot-exp', 'none', '--retry', 'exp:1'], 'set slot_exp, or tries'),
    ],
)
def test_what_cannot_be_done_gets_one_clear_line_and_status_2(
    capsys: pytest.CaptureFixture[str], words: list[str], complaint: str
) -> None:
    """The request is refused before any run is made."""
    Trace([(0, 1), (1, 1)]).to_csv('trace.csv')
    try:
        status = main(['sweep', *words])
    except SystemExit as ended:
        status = int(str(ended.code))
    shown = capsys.readouterr()
    assert status == 2
    assert complaint in shown.err
    lines = [line for line in shown.err.splitlines() if 'runs/s' not in line and line.strip()]
    assert len(lines) == 1
    assert lines[0].startswith('pool-sim: ')
    assert shown.out == ''
