"""Reading: all files of a recording, in order of arrival; what is torn or foreign is named."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from py_cachify.recording import (
    Losses,
    RecordingError,
    iter_recording,
    read_recording,
    recording_files,
)
from py_cachify.recording.lines import HEADER
from tests.library.recording.conftest import MakeRecorder, ended


pytestmark = pytest.mark.quick

LINES = [f'1,2026-07-01T12:00:0{second}.000000Z,reports,,released,0.000001,1.000000,2,600\n' for second in range(10)]


def seconds(path: Path | list[Path]) -> list[int]:
    return [attempt.arrival.second for attempt in read_recording(path)]


def test_files_are_merged_in_the_order_of_arrival(path: Path) -> None:
    path.write_text(HEADER + LINES[5] + LINES[1])
    path.with_name('pool.7-0123456789abcdef.0001.csv').write_text(HEADER + LINES[2] + LINES[0])
    path.with_name('pool.7-0123456789abcdef.0002.csv').write_text(HEADER + LINES[4])

    assert seconds(path) == [0, 1, 2, 4, 5]


def test_files_of_another_recording_are_left_alone(path: Path) -> None:
    path.write_text(HEADER + LINES[1])
    for name in ('pool2.csv', 'pool.old.csv', 'pool.7-0123456789abcdef.0001.csv.gz', 'a pool.7-0123456789abcdef.1.csv'):
        path.with_name(name).write_text('something else')

    assert recording_files(path) == [path]


def test_the_named_file_need_not_exist(path: Path) -> None:
    """It may have been deleted, or rotated away."""
    path.with_name('pool.7-0123456789abcdef.0002.csv').write_text(HEADER + LINES[4])
    assert seconds(path) == [4]


def test_several_recordings_are_read_together_and_each_file_once(path: Path, tmp_path: Path) -> None:
    other = tmp_path / 'other.csv'
    path.write_text(HEADER + LINES[3])
    other.write_text(HEADER + LINES[1])
    assert seconds([path, other, path]) == [1, 3]


@pytest.mark.parametrize('length', [1, 20, len(LINES[0]) - 1])
def test_a_torn_last_line_is_dropped_and_counted(path: Path, length: int) -> None:
    """Even one that lacks only its end: '600' may have been about to be '6000'."""
    path.write_text(HEADER + LINES[0] + LINES[1][:length])

    read = read_recording(path)
    assert len(read) == 1
    assert (read.losses.torn, read.losses.unreadable) == (1, 0)


@pytest.mark.parametrize(('text', 'torn'), [('', 0), (HEADER[:10], 1), (HEADER[:-1], 1), (HEADER, 0)])
def test_a_process_may_be_killed_before_its_first_line(path: Path, text: str, torn: int) -> None:
    path.write_text(text)
    read = read_recording(path)
    assert (len(read), read.losses.torn) == (0, torn)


@pytest.mark.parametrize(
    'line',
    [
        'nonsense\n',
        '\n',
        '\0\0\0\n',
        LINES[0].replace('1,', '2,', 1),
        LINES[0].replace('released', 'granted'),
        LINES[0].replace('1.000000', 'x'),
        LINES[0].replace('Z', '+01:00'),
        LINES[0].replace(',600', ''),
        LINES[0].replace('reports', '"reports'),
        LINES[0].replace('reports', r'\x41'),
        LINES[0].replace('reports', r'\q'),
        LINES[0].replace('reports', 'reports\\'),
        LINES[0].replace('0.000001', 'nan'),
        LINES[0].replace('0.000001', '-0.5'),
        LINES[0].replace('1.000000', 'inf'),
        LINES[0].replace('1.000000', '-1'),
        LINES[0].replace(',2,600', ',0,600'),
        LINES[0].replace(',2,600', ',-2,600'),
        LINES[0].replace(',2,600', ',2,0'),
        LINES[0].replace(',2,600', ',2,nan'),
    ],
)
def test_a_line_that_makes_no_sense_is_counted(path: Path, line: str) -> None:
    path.write_text(HEADER + LINES[0] + line + LINES[1])
    read = read_recording(path)
    assert (len(read), read.losses.unreadable) == (2, 1)


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('arrival,holding\n1,2\n', 'pool.csv is no recording: its first line is not v,arrival,key,'),
        (HEADER.replace('\n', ',more\n'), 'pool.csv is a recording of another version'),
    ],
)
def test_another_file_is_refused(path: Path, text: str, message: str) -> None:
    path.write_text(text)
    with pytest.raises(RecordingError, match=message):
        read_recording(path)


PART = 'pool.7-0123456789abcdef.0001.csv'


@pytest.mark.parametrize('name', ['pool.csv', PART])
def test_a_file_that_is_something_else_is_left_out_and_named(path: Path, name: str) -> None:
    """One file that was overwritten does not cost the others."""
    for file in (path, path.with_name(PART)):
        file.write_text(HEADER + LINES[1])
    foreign = path.with_name(name)
    foreign.write_text('user;balance\n7;100\n')

    with pytest.warns(UserWarning, match=f'{name} is no recording: .* move the file away, or put back') as caught:
        read = read_recording(path)
    assert caught[0].filename == __file__
    assert len(read) == 1
    assert list(read.losses.damaged) == [foreign]
    assert read.losses.damaged[foreign].startswith('is no recording')
    losses = Losses()
    with pytest.warns(UserWarning, match=f'{name} is no recording'):
        assert len(list(iter_recording(recording_files(path), losses))) == 1
    assert list(losses.damaged) == [foreign]


@pytest.mark.parametrize('mark', [b'', b'\xef\xbb\xbf'])
def test_a_copy_that_a_spreadsheet_saved_is_read(path: Path, mark: bytes) -> None:
    text = HEADER + LINES[1] + LINES[2].replace('reports', '"a, b"').replace('1.000000', '1') + LINES[3].rstrip()
    path.write_bytes(mark + text.replace('\n', '\r\n').encode())

    read = read_recording(path)
    assert [attempt.key for attempt in read] == ['reports', 'a, b']
    assert read.attempts[0].slot_exp == 600.0
    assert read.losses == Losses(torn=1)


@pytest.mark.parametrize('cut', [3, 12, 1000])
def test_a_gzip_file_that_is_truncated_ends_with_a_torn_line(path: Path, cut: int) -> None:
    data = gzip.compress((HEADER + ''.join(LINES) * 1000).encode())
    path.write_bytes(data[:cut])

    read = read_recording(path)
    assert read.losses == Losses(torn=1)
    assert (cut == 1000) == (len(read) > 10)


def test_a_gzip_file_that_is_damaged_is_read_as_far_as_possible(path: Path) -> None:
    data = bytearray(gzip.compress((HEADER + ''.join(LINES)).encode()))
    data[-8] ^= 1
    path.write_bytes(data)
    with pytest.warns(UserWarning, match=r'pool.csv is damaged \(BadGzipFile: CRC check failed'):
        read = read_recording(path)
    assert len(read) == 10
    assert list(read.losses.damaged) == [path]

    path.write_bytes(b'\x1f\x8bnonsense')
    with pytest.raises(RecordingError, match=r'pool.csv is damaged \(BadGzipFile'):
        read_recording(path)


def test_a_file_that_rotation_deletes_meanwhile_is_counted(path: Path) -> None:
    part = path.with_name(PART)
    for file in (path, part):
        file.write_text(HEADER + LINES[1])

    def listed() -> Iterator[Path]:
        yield path
        part.unlink()
        yield part

    losses = Losses()
    assert len(list(iter_recording(listed(), losses))) == 1
    assert losses == Losses(deleted=1)


def test_files_that_all_are_gone_are_an_error(path: Path) -> None:
    with pytest.raises(RecordingError, match=r'pool.csv does not exist, or was deleted before it was opened'):
        list(iter_recording([path]))


def test_a_recording_that_does_not_exist_is_an_error(path: Path) -> None:
    with pytest.raises(
        RecordingError, match=r'there is no recording .*pool.csv, nor a file pool.PID-RANDOM.NUMBER.csv'
    ):
        read_recording(path)


def test_salts_that_differ_are_noticed(recorder_of: MakeRecorder, path: Path) -> None:
    """One pool has two names then, each with a part of the load."""
    for salt in ('the first salt', 'the second salt'):
        recorder = recorder_of(salt=salt)
        recorder(ended())
        recorder.close()

    with pytest.warns(UserWarning, match='hashed with 2 salts, so one pool has several names: set PY_CACHIFY_SALT'):
        assert len(read_recording(path).salts) == 2


def test_one_by_one_they_come_in_the_order_of_the_file(path: Path) -> None:
    path.write_text(HEADER + LINES[5] + LINES[1] + 'torn')
    losses = Losses()
    assert [attempt.arrival.second for attempt in iter_recording([path], losses)] == [5, 1]
    assert losses.torn == 1
