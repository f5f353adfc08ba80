"""The examples of the guide's chapter *Recording* run as they stand, and do what it says."""

import os
import re
from pathlib import Path

import pytest

import py_cachify.recording
from py_cachify import CachifyPoolFullError, init_cachify, pool, pooled
from py_cachify.recording import COLUMNS, Recorder, read_recording, recorder, recording_files
from py_cachify.recording.lines import HEADER, parse
from tests.support.stores import GUIDE


pytestmark = pytest.mark.quick

CHAPTER = GUIDE.read_text(encoding='utf-8').partition('\n## Recording\n')[2].partition('\n## ')[0]
EXAMPLES = re.findall(r'```(?:python|text)\n(.*?)```', CHAPTER, re.DOTALL)


@pytest.fixture(autouse=True)
def _in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    init_cachify()


def test_a_recording_is_read_again(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> None:
        @pooled('mail-{user_id}', max_size=2, raise_on_full=True)
        def send_mail(user_id: int) -> None:
            with pool('mail-7', max_size=2), pytest.raises(CachifyPoolFullError):
                pool('mail-7', max_size=2).acquire()

        send_mail(7)

    exec(EXAMPLES[0], {'main': main})

    printed = [line.split()[2] for line in capsys.readouterr().out.splitlines()]
    assert printed == ['released', 'released', 'refused']
    assert len({attempt.key for attempt in read_recording('pool.csv')}) == 1
    assert Path('pool.csv').read_text().startswith(HEADER)


def test_the_lines_of_the_guide_are_those_of_a_recording() -> None:
    header, *lines = EXAMPLES[1].splitlines(keepends=True)
    assert header == HEADER
    assert [parse(line.rstrip()).outcome for line in lines] == ['released', 'refused']
    assert all(f'`{column}`' in CHAPTER for column in COLUMNS)
    assert HEADER in str(py_cachify.recording.__doc__).replace(' ' * 4, '')
    for line in lines[:1]:
        assert line in str(py_cachify.recording.__doc__).replace(' ' * 4, '')


def test_a_recorder_observes_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Recorder] = []

    class Noted(Recorder):
        def __init__(self, *arguments: str, **options: float) -> None:
            super().__init__(*arguments, **options)  # type: ignore[arg-type]
            made.append(self)

    monkeypatch.setattr(py_cachify.recording, 'Recorder', Noted)
    exec(EXAMPLES[2], {'SALT': 'a secret salt'})
    for number in range(300):
        with pool(f'mail-{number}', max_size=1):
            pass
    [observing] = made
    observing.close()

    assert 10 < len(read_recording('pool.csv')) < 60
    assert f'{recorder.MOST_LINES:,}' in CHAPTER


def test_a_later_file_is_named_as_the_guide_says() -> None:
    for _ in range(2):
        Recorder('pool.csv').close()
    pattern = re.escape('pool.PID-RANDOM.NUMBER.csv')
    assert 'pool.PID-RANDOM.NUMBER.csv' in CHAPTER
    named = pattern.replace('PID', str(os.getpid())).replace('RANDOM', '[0-9a-f]{16}').replace('NUMBER', r'\d{4}')
    assert re.fullmatch(named, recording_files('pool.csv')[1].name)
