"""``pool-sim size`` answers for each pool of a recording, and says what it assumes."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from simulations.cli import main


HEADER = 'v,arrival,key,template,outcome,wait,holding,max_size,slot_exp\n'
TARGET = ['--target', '0.1', '--no-pictures', '--workers', '1']


def burst(
    key: str,
    jobs: int,
    *,
    template: str = '',
    refused: int = 0,
    wait: str = '0.0002',
    max_size: int = 2,
    life: str = '600',
) -> str:
    """Return attempts that come at the same second; without ``refused`` as many slots suit them."""
    lines = []
    for number in range(jobs):
        outcome, holding = ('refused', '') if number < refused else ('released', '2.500000')
        lines.append(
            f'1,2026-07-01T09:00:00.{number:06d}Z,{key},{template},{outcome},{wait},{holding},{max_size},{life}\n'
        )
    return ''.join(lines)


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def recorded(*bursts: str) -> None:
    Path('pool.csv').write_text(HEADER + ''.join(bursts))


def answer(capsys: pytest.CaptureFixture[str], *words: str, status: int = 0) -> dict[str, Any]:
    assert main(['size', 'pool.csv', *TARGET, *words, '--json', '-']) == status
    loaded: dict[str, Any] = json.loads(capsys.readouterr().out)
    return loaded


def test_each_pool_of_a_recording_gets_its_own_answer(capsys: pytest.CaptureFixture[str]) -> None:
    """Pools of one template get one; pools without a template are never put together."""
    recorded(burst('m1', 3, template='m-{u}'), burst('m2', 5, template='m-{u}'), burst('x', 7, life=''), burst('y', 2))
    found = answer(capsys)
    assert [(each['pool'], each['pools'], each['max_size'], each['slot_exp']) for each in found['pools']] == [
        ('m-{u}', 2, 5, 600),
        ('x', 1, 7, None),
        ('y', 1, 2, 600),
    ]
    assert main(['size', 'pool.csv', *TARGET]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ['m-{u}', '(2', 'pools)', '5', '2', '8', '0', '%', '10', 'minutes'] in rows
    assert ['x', '7', '2', '7', '0', '%', 'none'] in rows


def test_the_answer_for_one_pool_is_the_same_alone(capsys: pytest.CaptureFixture[str]) -> None:
    recorded(burst('x', 9, refused=4), burst('y', 2))
    alone = answer(capsys, '--only', 'x')
    [together] = [each for each in answer(capsys)['pools'] if each['pool'] == 'x']
    assert together['max_size'] == alone['max_size'] == 9
    assert together['curve'] == alone['curve']


def test_one_size_suits_each_pool_of_a_template(capsys: pytest.CaptureFixture[str]) -> None:
    """Many quiet pools do not hide that a busy one is refused."""
    recorded(*(burst(f'm{number}', 1, template='m-{u}') for number in range(50)), burst('busy', 4, template='m-{u}'))
    found = answer(capsys)
    assert found['max_size'] == 1
    assert found['max_size_for_each_pool'] == 4
    assert main(['size', 'pool.csv', *TARGET]) == 0
    assert 'max_size 4 is the smallest with which each of the 51 pools does so alone' in capsys.readouterr().out


def test_with_key_there_is_one_answer_for_all_pools(capsys: pytest.CaptureFixture[str]) -> None:
    recorded(burst('x', 7), burst('y', 2))
    assert answer(capsys, '--key', 'key')['pools'] == 2
    assert answer(capsys, '--only', 'y')['max_size'] == 2


def test_a_pool_of_which_nothing_is_known_leaves_the_answer_open(capsys: pytest.CaptureFixture[str]) -> None:
    recorded(burst('x', 7), burst('y', 2, refused=2))
    found = answer(capsys, status=3)
    assert [each['max_size'] for each in found['pools']] == [7, None]
    assert found['pools'][1]['why_not'] == 'no attempt got a slot, so no holding time is known'


def test_the_expiry_is_that_of_the_recording(capsys: pytest.CaptureFixture[str]) -> None:
    recorded(burst('x', 4))
    assert main(['size', 'pool.csv', *TARGET]) == 0
    out = capsys.readouterr().out
    assert out.startswith('assumed: slots expire after 10 minutes as recorded\n')
    assert 'with max_size 2\n' in out
    assert answer(capsys, '--slot-exp', '7')['slot_exp'] == 7
    recorded(burst('x', 4), burst('x', 1, life='60'))
    assert main(['size', 'pool.csv', *TARGET]) == 0
    assert 'the recording has several slot_exp (60 seconds, 10 minutes) and' in capsys.readouterr().out


def test_attempts_without_a_slot_and_waiting_are_said_once_beside_the_answer(
    capsys: pytest.CaptureFixture[str],
) -> None:
    recorded(burst('x', 65, refused=28, wait='1.5'))
    assert main(['size', 'pool.csv', *TARGET]) == 0
    shown = capsys.readouterr()
    assert shown.out.count('43 % of the attempts got no slot: their holding times are drawn') == 1
    assert shown.out.count('so they may have waited. For how long they would wait at most is not recorded') == 1
    assert 'such as --wait 5; without it, an attempt that finds the pool full counts as refused' in shown.out
    assert 'warning' not in shown.err
    assert answer(capsys)['recorded']['drawn'] == 28
    assert main(['size', 'pool.csv', *TARGET, '--no-slot', 'omit']) == 0
    assert '43 % of the attempts got no slot and are left out: ' in capsys.readouterr().out


def test_a_recording_does_not_ask_for_what_was_said(capsys: pytest.CaptureFixture[str]) -> None:
    """With `--wait` nothing is missing about how long its attempts wait."""
    asks = 'so they may have waited'
    recorded(burst('x', 65, wait='1.5'), burst('y', 2))

    for words in (['replay', '--store', 'memory', '--no-pictures'], ['size'], ['size', '--only', 'x', '--no-pictures']):
        command = [words[0], 'pool.csv', *words[1:]]
        assert main(command) == 0
        assert asks in capsys.readouterr().out
        assert main([*command, '--wait', '2']) == 0
        assert asks not in capsys.readouterr().out


@pytest.mark.parametrize(('wait', 'refused'), [('3', 0), ('2', 2), ('0', 2)])
def test_recorded_attempts_wait_as_long_as_they_are_said_to(
    capsys: pytest.CaptureFixture[str], wait: str, refused: int
) -> None:
    """Of four attempts at two slots, two get theirs after 2.5 seconds if they wait that long."""
    recorded(burst('x', 4))

    words = ['replay', 'pool.csv', '--wait', wait, '--store', 'memory', '--no-pictures', '--json', '-']
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out)['refused'] == refused


def test_attempts_that_wait_do_with_fewer_slots(capsys: pytest.CaptureFixture[str]) -> None:
    """Four attempts of 2.5 s need four slots; if each waits for its turn, two are enough."""
    recorded(burst('x', 4))

    for wait, max_size in (('0', 4), ('2', 4), ('3', 2)):
        assert answer(capsys, '--wait', wait)['max_size'] == max_size


def test_a_replay_takes_the_size_from_the_recording_and_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    recorded(burst('x', 9, refused=4, max_size=3), burst('y', 2))
    assert main(['replay', 'pool.csv', '--only', 'x', '--no-pictures', '--store', 'memory']) == 0
    out = capsys.readouterr().out
    assert '3 slots, expiring after 10 minutes' in out
    assert '6 of 9 jobs' in out
    assert 'caveat: 44 % of the attempts got no slot' in out


def test_the_line_that_repeats_it_names_no_option_without_effect(capsys: pytest.CaptureFixture[str]) -> None:
    recorded(burst('x', 7, life=''), burst('y', 2))
    assert main(['size', 'pool.csv', *TARGET, '--max-size', '4', '--json', 'first.json']) == 0
    [line] = [line for line in capsys.readouterr().out.splitlines() if 'repeat it with: ' in line]
    assert '--max-size' not in line
    assert main([*shlex.split(line)[4:], '--no-pictures', '--json', 'again.json']) == 0
    assert Path('again.json').read_bytes() == Path('first.json').read_bytes()


def test_a_pool_that_is_not_there_is_named_with_those_that_are(capsys: pytest.CaptureFixture[str]) -> None:
    recorded(burst('reports', 1), burst('mails', 1))
    assert main(['size', 'pool.csv', '--only', 'report']) == 2
    assert "got 'report': there is reports" in capsys.readouterr().err
