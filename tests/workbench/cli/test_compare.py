"""``pool-sim compare``: the designs that its options describe, its output, and what it refuses."""

import argparse
import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from simulations import Leave, Retry, Scenario, StoppingRule, compare
from simulations.cli import _parser, main
from simulations.cli.compare import parse_change, request


SMALL = ['compare', '--jobs', '300', '--seed', '4', '--replications', '2', '--workers', '1']
BASE = Scenario(arrivals='poisson:6', holding='exp:1', max_size=5, slot_exp=600.0, jobs=300, seed=4, replications=2)


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def parsed(*words: str) -> argparse.Namespace:
    return _parser('compare').parse_args(['compare', *words])


def designs(*words: str) -> tuple[Scenario, Scenario | None]:
    return request(parsed(*words))[0]


def differences(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main([*words, '--json', '-', '--no-pictures']) == 0
    loaded: dict[str, Any] = json.loads(capsys.readouterr().out)
    return loaded


def test_it_writes_the_differences_that_the_library_finds(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SMALL, '--with', 'max_size=7', '--json', 'found.json']) == 0
    found = compare(BASE, BASE.replace(max_size=7), workers=1)
    out = capsys.readouterr().out

    assert str(found) in out
    assert json.loads(Path('found.json').read_text()) == json.loads(json.dumps(found.to_json()))
    assert Path('pool-sim-results/compare.png').read_bytes().startswith(b'\x89PNG')
    assert f'wrote {Path("pool-sim-results/compare.png")}' in out


def test_json_is_alone_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    """Its keys are figures, each with ``difference`` and ``ci``."""
    found = differences(capsys, *SMALL, '--vary', 'slot_exp=0.5,60')

    assert {'refusal_share', 'attempts', 'occupancy_mean', 'overrun_mean', 'wait_mean', 'throughput'} <= set(found)
    for each in found.values():
        low, high = each['ci']
        assert low <= each['difference'] <= high


def test_the_repeat_line_gives_the_same_again(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SMALL, '--with', 'retry=exp:1', '--with', 'tries=3', '--no-pictures']) == 0
    first = capsys.readouterr().out
    [line] = [line for line in first.splitlines() if 'repeat it with: ' in line]
    words = shlex.split(line.partition('repeat it with: ')[2])[1:]

    assert main([*words, '--workers', '1', '--no-pictures']) == 0
    assert capsys.readouterr().out == first


def test_options_apply_to_both_and_changes_to_the_second_alone() -> None:
    first, second = designs('crash-loop', '--max-size', '8', '--with', 'slot_exp=5', '--with', 'crash-probability=0')

    assert second is not None
    assert (first.max_size, first.slot_exp, first.crash_probability) == (8, 60, 0.05)
    assert (second.max_size, second.slot_exp, second.crash_probability) == (8, 5, 0)


def test_two_scenarios_are_named(tmp_path: Path) -> None:
    BASE.replace(title='Mine').save(tmp_path / 'mine.toml')
    first, second = designs('crash-loop', 'mine.toml', '--jobs', '50', '--with', 'max_size=9')

    assert first == Scenario.load('crash-loop').replace(jobs=50, horizon=None, lesson='')
    assert second is not None
    assert (second.max_size, second.jobs, str(second.arrivals)) == (9, 50, 'poisson:6')
    assert request(parsed('crash-loop', 'mine.toml'))[1][:3] == ['compare', 'crash-loop', 'mine.toml']


def test_a_change_replaces_what_it_excludes() -> None:
    """A rate excludes other arrivals, and a number of jobs excludes a horizon."""
    first, second = designs('--rate', '3', '--jobs', '9', '--with', 'arrivals=periodic:2', '--with', 'horizon=70')

    assert second is not None
    assert (str(first.arrivals), first.jobs, first.horizon) == ('poisson:3', 9, None)
    assert (str(second.arrivals), second.jobs, second.horizon) == ('periodic:2', None, 70)
    _, second = designs('--arrivals', 'periodic:2', '--horizon', '70', '--with', 'rate=3', '--with', 'jobs=9')
    assert second is not None
    assert (str(second.arrivals), second.jobs, second.horizon) == ('poisson:3', 9, None)


def test_first_come_first_served_is_compared_with_retrying() -> None:
    first, second = designs('api-connection-limit', '--with', 'retry=none')

    assert second is not None
    assert isinstance(first.on_refusal, Retry)
    assert second.on_refusal == Leave()


def test_a_fault_of_the_second_alone() -> None:
    first, second = designs('--with', 'fault=pause at=3 lasting=1', '--with', 'fault=crash at=9', '--with', 'workers=2')

    assert second is not None
    assert first.faults == ()
    assert [fault.kind for fault in second.faults] == ['pause', 'crash']
    assert (first.workers, second.workers) == (1, 2)


def test_a_trace_is_compared_with_itself(capsys: pytest.CaptureFixture[str]) -> None:
    Path('log.csv').write_text('arrival,holding\n' + ''.join(f'{n},5\n' for n in range(50)))
    columns = ['--arrival', 'arrival', '--holding', 'holding']
    assert main(['compare', 'log.csv', *columns, '--max-size', '3', '--with', 'max_size=4', '--no-pictures']) == 0
    out = capsys.readouterr().out

    assert 'every run of this trace is the same' in out
    assert 'assumed: slots never expire' in out
    assert 'B refuses fewer jobs: 20% of the jobs fewer' in out


def test_the_half_width_is_that_of_the_difference() -> None:
    first, second = designs('--half-width', '0.01', '--with', 'max_size=7', '--jobs', '300')

    assert first.half_width == 0.01
    found = compare(first, second, workers=1)
    again = compare(first, second, workers=1, rule=StoppingRule(half_width=0.01))
    assert found.points[0].pairs == again.points[0].pairs
    assert found.differences['refusal_share'].interval.half_width <= 0.01


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        ([], 'there is nothing to compare: name a second scenario, or say what differs in B with --with slot_exp=5'),
        (['--vary', 'max_size=5'], 'there is nothing to compare'),
        (['--with', 'slot_ex=5'], 'there is no option --slot-ex that describes a scenario: did you mean slot_exp?'),
        (['--with', 'seed=5'], 'there is no option --seed that describes a scenario'),
        (['--with', 'slot_exp'], "'slot_exp': write NAME=VALUE, such as slot_exp=5"),
        (['--with', 'max_size=many'], "'max_size=many': max_size must be a whole number, not 'many'"),
        (['--with', 'workers=two'], "'workers=two': "),
        (['--with', 'protocol=none'], "'protocol=none': choose from nx, "),
        (['--with', 'tries=3'], '--tries needs jobs that try again'),
        (['--vary', 'load=1,2', '--vary', 'load=3'], '--vary load is given twice'),
        (['--with', 'max_size=7', '--replications', '1'], 'replications must be at least 2, got 1'),
        (['crash-loop', 'nope'], "no scenario is called 'nope'"),
    ],
)
def test_a_request_that_cannot_be_carried_out(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        status: Any = main(['compare', '--jobs', '50', '--workers', '1', *words])
    except SystemExit as ended:
        status = ended.code
    error = capsys.readouterr().err

    assert status == 2
    assert message in error
    assert 'Traceback' not in error


def test_a_broken_promise_ends_with_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    """The second design takes slots by a protocol that admits too many."""
    words = ['compare', '--jobs', '2000', '--workers', '1', '--slot-exp', '60', '--latency', 'exp:0.05']
    assert main([*words, '--with', 'protocol=check-then-add', '--with', 'workers=4', '--no-pictures']) == 1
    assert 'max_size' in capsys.readouterr().err


def test_a_change_is_read_as_the_option_is() -> None:
    assert parse_change('slot_exp=none').value is None
    assert parse_change('--max-size=3').value == 3
    assert parse_change('crash_probability=0.5').option.flag == '--crash'
    assert parse_change('fault=pause at=3 lasting=1').text == 'fault=pause at=3 lasting=1'
