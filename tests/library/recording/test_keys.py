"""Keys are hashed with a salt, equal for all who share it, and the hash chooses the sample."""

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from py_cachify.recording import Recorder
from py_cachify.recording.keys import key_namer
from tests.library.recording.conftest import MakeRecorder, ended
from tests.support.paths import ROOT


pytestmark = pytest.mark.quick


def named(prefix: str = 'PYC-', key: str = 'reports', salt: Any = 'a secret salt') -> str:
    name = key_namer(salt, 1.0, False)(prefix, key)
    assert name is not None
    return name


def test_a_key_is_hashed_by_default(recorder_of: MakeRecorder, path: Path) -> None:
    recorder = recorder_of(salt='a secret salt')
    recorder(ended('mail of Ada'))
    recorder.flush()

    text = path.read_text()
    assert 'Ada' not in text
    assert named(key='mail of Ada') in text


def test_the_hash_is_the_same_in_every_process_that_shares_the_salt() -> None:
    code = "from py_cachify.recording.keys import key_namer; print(key_namer(None, 1.0, False)('PYC-', 'reports'))"

    def of_process(**variables: str) -> str:
        environment = {'PYTHONPATH': str(ROOT), **variables}
        return subprocess.check_output([sys.executable, '-c', code], env=environment, text=True).strip()

    assert of_process(PY_CACHIFY_SALT='a secret salt') == named(salt='a secret salt') == named(salt=b'a secret salt')
    assert of_process() != of_process()


def test_the_salt_is_needed_to_guess_a_key() -> None:
    plain = hashlib.blake2b(b'reports', digest_size=16).hexdigest()[:16]
    assert plain not in named()
    assert (
        len(
            {
                named(salt=salt)
                for salt in ('a secret salt', 'a secret salt 2', b'\0' * 32, 'x' * 64, 'x' * 65, 'x' * 66)
            }
        )
        == 6
    )


def test_prefix_and_key_both_count() -> None:
    names = [named('PYC-', 'reports'), named('', 'PYC-reports'), named('PYC', '-reports'), named('A-', 'reports')]
    assert len(set(names)) == 4


def test_names_of_one_salt_begin_alike() -> None:
    """So a reader notices that two processes did not share it."""
    assert named(key='a')[:7] == named(key='b')[:7] != named(key='a', salt='another salt')[:7]


def test_no_spreadsheet_takes_a_hash_for_a_number() -> None:
    for number in range(2000):
        with pytest.raises(ValueError, match='could not convert'):
            float(named(key=f'mail-{number}'))


def test_keys_may_be_clear(recorder_of: MakeRecorder, path: Path) -> None:
    recorder = recorder_of(keys=True)
    recorder(ended('mail of Ada'))
    recorder.flush()
    assert ',mail of Ada,' in path.read_text()


def test_a_sample_keeps_whole_pools() -> None:
    name = key_namer('a secret salt', 0.1, True)
    kept = [key for key in map('mail-{}'.format, range(10_000)) if name('PYC-', key)]

    assert 800 < len(kept) < 1200
    assert [key for key in kept if key_namer(b'a secret salt', 0.1, False)('PYC-', key)] == kept
    assert all(key_namer('a secret salt', 0.2, True)('PYC-', key) for key in kept)
    other = [key for key in map('mail-{}'.format, range(10_000)) if key_namer('another salt', 0.1, True)('PYC-', key)]
    assert len(set(kept) & set(other)) < 200


def test_a_sample_does_not_narrow_the_names_of_pools() -> None:
    """What chooses the pools is not what is written, so names can choose a part of a recording."""
    name = key_namer('a secret salt', 0.1, False)
    kept = [written for key in map('mail-{}'.format, range(10_000)) if (written := name('PYC-', key))]
    assert {written[7] for written in kept} == set('0123456789abcdef')


def test_a_recorder_writes_all_attempts_of_the_pools_in_its_sample(recorder_of: MakeRecorder, path: Path) -> None:
    recorder = recorder_of(sample=0.5, salt='a secret salt', keys=True)
    for number in range(100):
        for _ in range(3):
            recorder(ended(f'mail-{number}'))
    recorder.flush()

    keys = [line.split(',')[2] for line in path.read_text().splitlines()[1:]]
    name = key_namer('a secret salt', 0.5, True)
    assert keys == [f'mail-{number}' for number in range(100) if name('PYC-', f'mail-{number}') for _ in range(3)]


@pytest.mark.parametrize(
    ('options', 'error', 'message'),
    [
        ({'salt': ''}, ValueError, 'must have at least 8 bytes, because a short one can be guessed, got 0: make one'),
        ({'salt': 'hunter2'}, ValueError, 'got 7: make one with python -c "import secrets; print(secrets.token_hex'),
        ({'salt': 7}, TypeError, 'salt must be a string, bytes or None, not an object of type int'),
        ({'salt': '\ud800'}, ValueError, 'salt must be text that UTF-8 can encode'),
        ({'sample': 0}, ValueError, 'sample must be more than 0 and at most 1, the share of pools to record, got 0'),
        ({'sample': 1.5}, ValueError, 'sample must be more than 0 and at most 1, the share of pools to record, got'),
        ({'sample': float('nan')}, ValueError, 'sample must be more than 0'),
        ({'sample': '1'}, TypeError, "sample must be a number, the share of pools to record, not '1'"),
        ({'sample': True}, TypeError, 'sample must be a number'),
        ({'keys': 1}, TypeError, 'keys must be True or False, not 1'),
        ({'max_bytes': 999}, ValueError, 'max_bytes must be at least 1000, got 999'),
        ({'max_bytes': 1e6}, TypeError, 'max_bytes must be a whole number'),
        ({'max_files': 0}, ValueError, 'max_files must be at least 1, got 0'),
        ({'max_files': True}, TypeError, 'max_files must be a whole number'),
    ],
)
def test_a_wrong_argument_is_refused(path: Path, options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message.replace('(', r'\(')):
        Recorder(path, **options)
    assert not path.exists()


def test_a_short_salt_of_the_environment_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('PY_CACHIFY_SALT', 'hunter2')
    with pytest.raises(ValueError, match=r'salt \(or PY_CACHIFY_SALT\) must have at least 8 bytes'):
        Recorder(path)


@pytest.mark.parametrize('salt', ['hunter2\ud800', 'hunter2'])
def test_an_error_does_not_show_the_salt(path: Path, salt: str) -> None:
    with pytest.raises(ValueError, match='salt') as caught:
        Recorder(path, salt=salt)
    assert 'hunter2' not in str(caught.value)
