"""The command ``pool-sim explore``."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import redis

from simulations.cli import main


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder that the command runs in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words: str) -> int:
    try:
        return main(['explore', *words])
    except SystemExit as ended:
        return int(str(ended.code))


def found(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    status = run(*words, '--json', '-')
    return status, json.loads(capsys.readouterr().out)


def test_a_broken_pool_ends_with_status_1_its_story_and_three_files(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It writes the schedule, a test and a picture; the terminal shows the story."""
    assert run('check-then-add') == 1
    told = capsys.readouterr().out

    assert '   5. Client A sends Add(pool, A1, 10) and receives None; A1 holds a slot.' in told
    assert '! 2 clients hold a slot of a pool of 1 at the same time: A1, B1' in told
    assert 'repeat it with: pool-sim explore check-then-add' in told
    results = folder / 'pool-sim-results'
    assert sorted(path.name for path in results.iterdir()) == [
        'check_then_add.json',
        'check_then_add.png',
        'test_check_then_add.py',
    ]
    assert run('--replay', str(results / 'check_then_add.json')) == 1
    assert run('memory', '--replay', str(results / 'check_then_add.json')) == 0
    assert 'check-then-add goes wrong' in capsys.readouterr().out
    done = subprocess.run(
        [sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', str(results / 'test_check_then_add.py')],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1
    assert '2 clients hold a slot of a pool of 1 at the same time' in done.stdout


def test_the_shipped_pool_ends_with_status_0(capsys: pytest.CaptureFixture[str]) -> None:
    """The JSON contains how much was searched."""
    status, told = found(capsys, 'memory', '--clients', '2', '--max-size', '1', '--faults', '1')

    assert status == 0
    assert told['violation'] is told['schedule'] is None
    assert told['complete']
    assert told['exhaustive']
    assert told['scope']['clients'] == 2
    assert told['schedules'] > 100
    assert told['states'] > 100


def test_a_search_that_is_cut_off_ends_with_status_3(capsys: pytest.CaptureFixture[str]) -> None:
    """The verdict says so, and the repeat line has the same limit."""
    assert run('memory', '--most-states', '100', '--slot-exp', 'none', '--between', '0') == 3
    told = capsys.readouterr().out

    assert 'verdict     CUT OFF after 100 states: nothing went wrong so far' in told
    assert 'repeat it with: pool-sim explore memory --between 0 --slot-exp none --most-states 100' in told
    assert run('check-then-add', '--most-states', '100') == 1


def test_numbers_that_are_given_are_not_limited_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    """The default limits faults and stops together; whoever asks for more gets the product."""
    small = ('memory', '--clients', '1', '--max-size', '1')
    scopes = [found(capsys, *small, *more)[1]['scope'] for more in ((), ('--faults', '2'), ('--between', '2'))]

    assert [scope['together'] for scope in scopes] == [2, None, None]
    assert [(scope['faults'], scope['between']) for scope in scopes] == [(2, 1), (2, 1), (2, 2)]


def test_only_the_faults_that_are_named_happen(capsys: pytest.CaptureFixture[str]) -> None:
    """The repeat line names these faults."""
    assert run('memory', '--clients', '2', '--max-size', '1', '--kinds', 'crash,store forgets') == 1
    told = capsys.readouterr().out

    assert 'The store forgets everything.' in told
    assert "--kinds 'crash,store forgets'" in told


def test_random_schedules_are_as_many_as_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """The same seed produces the same schedules."""
    words = ('memory', '--clients', '4', '--faults', '2', '--schedules', '50', '--seed', '3')
    status, told = found(capsys, *words)
    _, again = found(capsys, *words)

    assert (status, told['schedules'], told['seed'], told['exhaustive']) == (0, 50, 3, False)
    assert told | {'seconds': 0} == again | {'seconds': 0}


def test_a_schedule_is_replayed_on_a_server_as_well(
    folder: Path, capsys: pytest.CaptureFixture[str], server: 'redis.Redis', socket: str
) -> None:
    """The scripts run where they are deployed; a schedule that fails elsewhere may pass there."""
    schedule = {'protocol': 'redis', 'clients': 2, 'max_size': 1, 'slot_exp': 10, 'rounds': 1}
    moves = [[0, 'step'], [1, 'step'], 'wait', [0, 'step']]
    (folder / 'it.json').write_text(json.dumps(schedule | {'moves': moves}))

    assert run('--replay', 'it.json', '--store', f'unix://{socket}') == 0
    assert 'nothing goes wrong in this schedule' in capsys.readouterr().out
    status, told = found(
        capsys, 'redis', '--clients', '2', '--max-size', '1', '--faults', '0', '--store', f'unix://{socket}'
    )
    assert (status, told['violation']) == (0, None)
    assert server.dbsize() == 0


@pytest.mark.parametrize(
    ('words', 'complaint'),
    [
        ([], 'name the protocol to explore: redis, memory, nx, redis-wait'),
        (['mine'], "there is no protocol 'mine': choose redis"),
        (['memory', '--clients', '0'], 'clients must be at least 1'),
        (['memory', '--schedules', '0'], 'schedules must be at least 1'),
        (
            ['memory', '--kinds', 'crash,flood'],
            "unknown fault 'flood': the nearest is 'clock ahead'; choose from crash, lose request",
        ),
        (['memory', '--most-states', '0'], 'most_states must be at least 1'),
        (['memory', '--most-states', '9', '--schedules', '9'], '--most-states applies to an exhaustive search'),
        (['memory', '--slot-exp', '2.5'], "slot_exp must be a whole number of seconds, or none, not '2.5'"),
        (['memory', '--store', 'fakeredis'], '--store applies to protocols whose names begin with redis'),
        (['redis', '--store', 'disk'], "the store 'disk' cannot be explored"),
        (['--replay', 'nowhere.json'], 'cannot read the schedule nowhere.json'),
        (['memory', '--exhaustive', '--schedules', '3'], 'not allowed with argument'),
    ],
)
def test_what_cannot_be_done_gets_one_line_and_status_2(
    words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Errors are reported as by the other commands."""
    assert run(*words) == 2
    said = capsys.readouterr().err

    assert complaint in said
    assert len([line for line in said.splitlines() if line.startswith('pool-sim: ')]) == 1
