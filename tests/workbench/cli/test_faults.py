"""Faults on the command line: they happen, are reported, and can be repeated."""

import json
import shlex
from pathlib import Path

import pytest

from simulations import Scenario
from simulations.cli import main


FAULTY = (
    'run --rate 4 --max-size 4 --slot-exp 5 --jobs 300 --workers 3 --latency 0.01 --timeout 0.5 --driver-retries 1'
    " --fault 'pause at=20 lasting=15 workers=0' --fault 'lose replies every=exp:20 lasting=3 share=0.5 workers=all'"
    ' --store memory'
)


def ran(words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, dict[str, object]]:
    """Return exit status, report and figures."""
    status = main([*shlex.split(words), '--out', str(tmp_path), '--json', str(tmp_path / 'figures.json')])
    return status, capsys.readouterr().out, json.loads((tmp_path / 'figures.json').read_text())


def test_a_run_with_faults_reports_them_and_is_repeated_by_its_own_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The repeat line produces the same history."""
    status, report, figures = ran(f'{FAULTY} --no-pictures', tmp_path, capsys)
    [again] = [line.partition('repeat it with: pool-sim ')[2] for line in report.splitlines() if 'repeat it' in line]
    _, _, repeated = ran(f'{again} --no-pictures', tmp_path, capsys)

    assert status == 0
    assert (
        'workers                3; latency const:0.01 s each way, time-out 0.5 s, 1 retry by the client library'
        in report
    )
    assert '1 x pause' in report
    assert 'that may or may not have happened' in report
    assert 'left with an error because the store did not answer' in report
    assert 'checked after every command' in report
    assert figures['workers'] == 3
    assert figures['faults'][0]['kind'] in ('pause', 'lose replies')  # type: ignore[index]
    assert repeated['history_hash'] == figures['history_hash']


def test_a_fault_after_the_end_of_the_run_is_said_never_to_have_happened(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whether its instant is given or drawn, and next to those of its kind that did happen."""
    words = 'run --rate 4 --max-size 4 --slot-exp 5 --jobs 300 --workers 3 --store memory --no-pictures'
    words += " --fault 'server pause at=1e9 lasting=1' --fault 'pause at=5,400,1e6 lasting=1'"
    words += " --fault 'crash every=const:1e5'"
    _, report, figures = ran(words, tmp_path, capsys)
    missed = {(each['kind'], each['at']) for each in figures['faults_missed']}  # type: ignore[attr-defined]
    [over] = {each['over'] for each in figures['faults_missed']}  # type: ignore[attr-defined]

    assert missed == {('server pause', 1e9), ('pause', 400), ('pause', 1e6), ('crash', 1e5)}
    assert [each['kind'] for each in figures['faults']] == ['pause']  # type: ignore[attr-defined]
    assert 60 < over < 100
    [row] = [line.split(maxsplit=1)[1] for line in report.splitlines() if line.startswith('  faults ')]
    assert row == (
        '1 x pause;'
        f' 1 x crash never happened: it was to start at 100000 s, after the end of the run at {over:g} s;'
        f' 2 x pause never happened: they were to start from 400 s on, after the end of the run at {over:g} s;'
        f' 1 x server pause never happened: it was to start at 1e+09 s, after the end of the run at {over:g} s'
    )


def test_of_faults_that_all_happened_none_is_missed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A fault without end is not missed where it happened at least once."""
    _, report, figures = ran(f'{FAULTY} --no-pictures', tmp_path, capsys)

    assert figures['faults_missed'] == []
    assert 'never happened' not in report


def test_what_was_asked_for_is_saved_as_a_scenario(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file contains the faults, the network and the workers."""
    ran(f'{FAULTY} --no-pictures --save {tmp_path / "mine.toml"}', tmp_path, capsys)
    scenario = Scenario.load(tmp_path / 'mine.toml')

    assert [fault.kind for fault in scenario.faults] == ['pause', 'lose replies']
    assert (scenario.workers, scenario.network.retries) == (3, 1)  # type: ignore[union-attr]


def test_options_change_the_network_of_a_scenario(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Other fields stay; the lesson, which is about other numbers, is omitted."""
    _, report, _ = ran('run long-pause --latency exp:0.05 --store memory --no-pictures', tmp_path, capsys)

    assert 'latency exp:0.05 s each way, time-out 1 s' in report
    assert '2 x pause' in report
    assert 'six bodies' not in report


def test_a_broken_pool_is_reported_and_the_status_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The run continues to its end, with its pictures."""
    status, report, figures = ran(
        'run --rate 6 --max-size 3 --slot-exp 5 --jobs 500 --latency exp:0.05 --protocol check-then-add --store memory',
        tmp_path,
        capsys,
    )

    assert status == 1
    assert 'VIOLATED: occupancy violated' in report
    assert figures['jobs'] == 500
    assert int(figures['violations']) > 1  # type: ignore[call-overload]
    assert (tmp_path / 'occupancy.png').exists()


def test_a_run_is_done_twice_where_that_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The report says that both runs were the same."""
    status, report, _ = ran(f'{FAULTY} --no-pictures --twice', tmp_path, capsys)

    assert status == 0
    assert 'ran twice: all' in report


@pytest.mark.parametrize(
    ('words', 'complaint'),
    [
        ("run --fault 'crush at=1'", "fault 'crush at=1': write KIND name=value ..."),
        (
            "run --fault 'crash at=1 workers=3' --workers 2",
            'crash: there is no worker 3: with workers=2 the highest number is 1',
        ),
        (
            'run --latency soon',
            "latency must be a number of seconds such as 0.002, or a distribution such as exp:0.002, got 'soon'",
        ),
        ('run --protocol nx --store fakeredis', 'in memory only, but the store is fakeredis'),
        ('run --protocol check-then-add --slot-exp none', 'the protocol check-then-add needs slot_exp'),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    words: str, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit status is 2."""
    try:
        status = main([*shlex.split(words), '--jobs', '10', '--out', str(tmp_path)])
    except SystemExit as left:
        status = int(left.code or 0)

    assert status == 2
    assert complaint in capsys.readouterr().err.splitlines()[-1]
