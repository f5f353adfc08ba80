"""``pool-sim size``: the smallest pool, and the expiry."""

import json
import shlex
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from py_cachify import MemoryClient
from simulations import Scenario, Trace, choose_expiry, size_pool
from simulations.cli import main


DRAWN = ['size', '--rate', '3', '--jobs', '300', '--seed', '4', '--workers', '1']
SMALL = [*DRAWN, '--no-pictures']


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main([*words, '--json', '-']) == 0
    loaded: dict[str, Any] = json.loads(capsys.readouterr().out)
    return loaded


def test_json_tells_size_share_and_interval(capsys: pytest.CaptureFixture[str]) -> None:
    """JSON is alone on standard output, with the keys that scripts rely on and Erlang's answer."""
    found = answer(capsys, *SMALL, '--target', '0.08')
    assert found['max_size'] == found['max_size_theory'] == 6
    low, high = found['refusal_share_ci']
    assert low <= found['refusal_share'] <= high
    assert found['refusal_share'] < 0.08
    assert (found['seed'], found['target'], found['of']) == (4, 0.08, 'jobs')
    scenario = Scenario(arrivals='poisson:3', holding='exp:1', max_size=5, slot_exp=600.0, jobs=300, seed=4)
    assert found == {'seed': 4, **json.loads(json.dumps(size_pool(scenario, 0.08).to_json()))}


def test_sizes_over_time_are_replaced_by_one(capsys: pytest.CaptureFixture[str]) -> None:
    """The answer says so."""
    words = ['autoscaler-step', '--jobs', '500', '--wait-within', '1', '--share', '0.5', '--no-pictures']
    main(['size', *words, '--workers', '1'])

    assert 'assumed: one size at all times, instead of 5 slots, 10 from 60 s on' in capsys.readouterr().out


def test_two_processes_give_the_same_answer(capsys: pytest.CaptureFixture[str]) -> None:
    """The answers agree to the last digit."""
    alone = answer(capsys, *SMALL, '--target', '0.08')
    assert answer(capsys, *DRAWN[:-1], '2', '--target', '0.08', '--no-pictures') == alone


def test_it_reports_and_draws_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    """The report is the library's text, and the picture shows the reason."""
    assert main([*DRAWN, '--target', '0.08', '--json', 'answer.json']) == 0
    out = capsys.readouterr().out
    assert 'max_size 6 is the smallest that refuses less than 0.08 of the jobs' in out
    assert json.loads(Path('answer.json').read_text())['max_size'] == 6
    folder = Path('pool-sim-results')
    assert [path.name for path in folder.iterdir()] == ['size.png']
    assert (folder / 'size.png').read_bytes().startswith(b'\x89PNG')
    assert f'wrote {folder / "size.png"}' in out
    assert 'wrote answer.json' in out


def test_with_recovery_it_chooses_the_expiry_first(capsys: pytest.CaptureFixture[str]) -> None:
    """The pool is sized with that expiry; the JSON and the pictures show both."""
    words = [*DRAWN, '--target', '0.08', '--crash', '0.1', '--recovery', '6', '--overrun-share', '0.01']
    found = answer(capsys, *words)
    scenario = Scenario(
        arrivals='poisson:3', holding='exp:1', max_size=5, slot_exp=600.0, crash_probability=0.1, jobs=300, seed=4
    )
    assert found['expiry'] == json.loads(json.dumps(choose_expiry(scenario, 6, 0.01).to_json()))
    assert found['slot_exp'] == found['expiry']['slot_exp'] == 6
    assert found['max_size_theory'] == found['max_size']
    assert Path('pool-sim-results/expiry.png').read_bytes().startswith(b'\x89PNG')


def test_where_no_expiry_does_both_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """The pool is sized with the shortest expiry that few enough jobs outlive."""
    words = [*SMALL, '--holding', 'const:2', '--target', '0.08', '--recovery', '1']
    assert main([*words, '--json', 'answer.json']) == 0
    found = json.loads(Path('answer.json').read_text())
    assert 'no slot_exp meets both conditions: with 1 s, ' in capsys.readouterr().out
    assert found['expiry']['slot_exp'] is None
    assert found['slot_exp'] == found['expiry']['slot_exp_shortest'] == pytest.approx(2, rel=0.01)


@pytest.mark.parametrize(
    'words',
    [
        ['--target', '0.0512345', '--holding', 'lognormal:-0.123456789:1'],
        ['--target', '0.08', '--crash', '0.1', '--recovery', '6', '--overrun-share', '0.01'],
        ['--target', '0.2', '--retry', 'exp:1', '--slot-exp', 'none'],
    ],
)
def test_the_line_that_repeats_it_does_so(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    """The repeat line, copied from the report, produces the same answer."""
    assert main([*SMALL, *words, '--json', 'first.json']) == 0
    [line] = [line for line in capsys.readouterr().out.splitlines() if 'repeat it with: pool-sim ' in line]
    assert main([*shlex.split(line)[4:], '--workers', '1', '--no-pictures', '--json', 'again.json']) == 0
    assert Path('again.json').read_bytes() == Path('first.json').read_bytes()


def test_a_trace_gets_its_exact_answer(capsys: pytest.CaptureFixture[str]) -> None:
    """Five simultaneous jobs need five slots; the repeat line names the file."""
    Trace([(0, 1)] * 5).to_csv('burst.csv')
    assert answer(capsys, 'size', 'burst.csv', '--target', '0.08', '--no-pictures')['max_size'] == 5
    assert main(['size', 'burst.csv', '--target', '0.08', '--no-pictures']) == 0
    assert 'repeat it with: pool-sim size burst.csv ' in capsys.readouterr().out


def test_the_first_line_states_the_expiry_that_was_assumed(capsys: pytest.CaptureFixture[str]) -> None:
    """Slots of your own log never expire; those of a generated workload do after ten minutes."""
    Trace([(0, 1)] * 5).to_csv('burst.csv')
    for words, line in (
        (['burst.csv'], 'assumed: slots never expire, because --slot-exp was not given'),
        (['--rate', '3', '--jobs', '300'], 'assumed: slots expire after 10 minutes, because --slot-exp was not given'),
    ):
        assert main(['size', *words, '--target', '0.08', '--no-pictures', '--workers', '1']) == 0
        assert capsys.readouterr().out.splitlines()[0] == line
    assert main(['size', 'burst.csv', '--target', '0.08', '--no-pictures', '--slot-exp', '7']) == 0
    assert 'assumed' not in capsys.readouterr().out


def test_records_that_cannot_be_used_are_reported(capsys: pytest.CaptureFixture[str]) -> None:
    """They are in the text and in the JSON, as those of a replay."""
    Path('log.csv').write_text('arrival,holding\n0,1\n1,\n2,1\n3,-1\n')
    words = ['log.csv', '--no-pictures', '--slot-exp', 'none', '--json', '-']
    assert main(['replay', *words]) == 0
    replayed = json.loads(capsys.readouterr().out)
    found = answer(capsys, 'size', *words[:-2], '--target', '0.5')
    assert found['skipped'] == replayed['skipped'] != {}
    assert main(['size', *words[:-2], '--target', '0.5']) == 0
    assert 'records not used' in capsys.readouterr().out


def test_an_answer_that_cannot_be_told_ends_with_status_3(capsys: pytest.CaptureFixture[str]) -> None:
    """`max_size` is null, the sizes that are not excluded are there, and the text says why."""
    words = ['size', '--arrivals', 'bursty:1:20:9:5', '--jobs', '100', '--target', '0.1', '--slot-exp', '600']
    words += ['--crash', '0.01', '--most-jobs', '1000', '--no-pictures', '--workers', '1']
    assert main([*words, '--json', '-']) == 3
    found = json.loads(capsys.readouterr().out)
    assert found['max_size'] is None
    assert found['max_size_low'] >= 1
    assert found['max_size_high'] is None
    assert 'from so short a workload: the share of refused jobs is shifted' in found['why_not']
    assert main(words) == 3
    assert 'max_size cannot be told: from so short a workload: ' in capsys.readouterr().out
    # Holders that crash while slots never expire take all of them in the end.
    lost = ['size', '--rate', '3', '--crash', '0.1', '--jobs', '300', '--slot-exp', 'none', '--no-pictures']
    assert main([*lost, '--workers', '1', '--json', '-']) == 3
    found = json.loads(capsys.readouterr().out)
    assert (found['max_size'], found['max_size_high']) == (None, None)


def test_a_broken_promise_ends_with_status_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The events before the violation are shown, as for a single run."""
    take = MemoryClient.take_slot
    monkeypatch.setattr(
        MemoryClient, 'take_slot', lambda self, key, token, size, life: take(self, key, token, size + 1, life)
    )
    assert main([*SMALL, '--target', '0.08']) == 1
    assert 'occupancy violated at' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('words', 'complaint'),
    [
        (['--target', '0'], 'target must be more than 0 and less than 1, got 0.0'),
        (['--target', '1'], 'target must be more than 0 and less than 1, got 1.0'),
        (['--target', 'nan'], 'target must be a number, got nan'),
        (['--target', 'few'], "argument --target: invalid float value: 'few'"),
        (['--recovery', '0'], 'recovery must be finite and more than 0, got 0.0'),
        (['--recovery', '6', '--overrun-share', '1'], 'overrun_share must be more than 0 and less than 1, got 1.0'),
        (['--workers', '0'], 'workers must be at least 1, got 0'),
        (['--horizon', '1e-9'], 'no job arrives in this scenario: there is nothing to size a pool for'),
        (['--kind', 'swf'], '--kind applies to a trace: name the file of the trace'),
        (['trace.csv', '--horizon', '5'], '--horizon describes generated jobs, but trace.csv is a trace'),
        (['--json', 'no/answer.json'], 'cannot write the file no/answer.json'),
        (['--out', 'trace.csv'], 'cannot write to the folder trace.csv'),
        (['nowhere'], "no scenario is called 'nowhere'"),
    ],
)
def test_what_cannot_be_done_gets_one_clear_line_and_status_2(
    capsys: pytest.CaptureFixture[str], words: list[str], complaint: str
) -> None:
    """No request ends with a traceback."""
    Trace([(0, 1), (1, 1)]).to_csv('trace.csv')
    try:
        status = main(['size', *words])
    except SystemExit as ended:
        status = int(str(ended.code))
    shown = capsys.readouterr()
    assert status == 2
    assert complaint in shown.err
    lines = [line for line in shown.err.splitlines() if ' runs' not in line and line.strip()]
    assert len(lines) == 1
    assert lines[0].startswith('pool-sim: ')
    assert shown.out == ''
