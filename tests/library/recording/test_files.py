"""Files: each process has its own, they rotate, and what goes wrong with them harms no body."""

import gzip
import logging
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from py_cachify.recording import Recorder, read_recording, record, recording_files
from py_cachify.recording import recorder as module
from py_cachify.recording.files import PartFiles
from py_cachify.recording.keys import key_namer
from py_cachify.recording.lines import HEADER
from tests.library.recording.conftest import MakeRecorder, ended
from tests.library.waiting.crowd import until
from tests.support.paths import ROOT


def test_the_first_file_has_the_name_that_was_given(recorder_of: MakeRecorder, path: Path) -> None:
    assert recorder_of().files == [path]
    assert path.read_text() == HEADER


def test_no_file_is_written_by_two_recorders(recorder_of: MakeRecorder, path: Path) -> None:
    for number in range(3):
        recorder = recorder_of(keys=True)
        recorder(ended(f'mail-{number}'))
        recorder.close()

    files = recording_files(path)
    assert len(files) == 3
    assert files[0] == path
    assert all(re.fullmatch(rf'pool\.{os.getpid()}-[0-9a-f]{{16}}\.0001\.csv', file.name) for file in files[1:])
    assert sorted(attempt.key for attempt in read_recording(path)) == ['mail-0', 'mail-1', 'mail-2']


def test_lines_are_written_without_a_flush(recorder_of: MakeRecorder, path: Path) -> None:
    recorder = recorder_of()
    recorder(ended())
    until(lambda: len(path.read_text().splitlines()) == 2)
    recorder(ended())
    until(lambda: len(path.read_text().splitlines()) == 3)


def test_an_idle_recorder_has_no_thread(recorder_of: MakeRecorder, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, 'IDLE', 0.0)
    recorder = recorder_of()
    assert recorder._thread is None
    for number in range(1, 4):
        recorder(ended())
        lines = number + 1
        until(lambda: len(path.read_text().splitlines()) == lines)  # noqa: B023 - called at once
        until(lambda: recorder._thread is None)


def test_only_ends_of_attempts_are_written(recorder_of: MakeRecorder, path: Path) -> None:
    recorder = recorder_of()
    for kind in ('asked', 'granted', 'renewed', 'lost'):
        recorder(ended(kind=kind))
    for kind in ('released', 'overrun', 'refused', 'timed_out', 'failed'):
        recorder(ended(kind=kind))
    recorder.flush()
    assert [attempt.outcome for attempt in read_recording(path)] == [
        'released', 'overrun', 'refused', 'timed_out', 'failed',
    ]  # fmt: skip


def test_files_rotate_by_size(recorder_of: MakeRecorder, path: Path) -> None:
    recorder = recorder_of(max_bytes=1000, keys=True)
    for number in range(100):
        recorder(ended(f'mail-{number}'))
        if number % 7 == 0:
            recorder.flush()
    recorder.flush()

    assert len(recorder.files) > 7
    assert recorder.files == recording_files(path)
    for file in recorder.files:
        assert file.stat().st_size <= 1000
        assert file.read_text().startswith(HEADER)
    assert {attempt.key for attempt in read_recording(path)} == {f'mail-{number}' for number in range(100)}


def test_a_line_that_is_longer_than_a_file_has_its_own(recorder_of: MakeRecorder, path: Path) -> None:
    recorder = recorder_of(max_bytes=1000, keys=True)
    for key in ('a', 'b' * 2000, 'c', 'd' * 2000):
        recorder(ended(key))
    recorder.flush()
    assert [len(read_recording(file)) for file in recorder.files[1:]] == [1, 1, 1]
    assert len(read_recording(path)) == 4


def test_the_oldest_files_are_deleted(recorder_of: MakeRecorder, path: Path) -> None:
    recorder = recorder_of(max_bytes=1000, max_files=2, keys=True)
    for number in range(100):
        recorder(ended(f'mail-{number}'))
    recorder.flush()

    assert recorder.files == recording_files(path)
    assert len(recorder.files) == 2
    assert 'mail-99' in {attempt.key for attempt in read_recording(path)}


def test_a_file_that_is_deleted_is_replaced(recorder_of: MakeRecorder, path: Path) -> None:
    recorder = recorder_of(keys=True)
    path.unlink()
    recorder(ended('later'))
    recorder.flush()
    assert [attempt.key for attempt in read_recording(path)] == ['later']


def test_a_change_of_the_working_directory_changes_no_file(
    recorder_of: MakeRecorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'below').mkdir()
    recorder = recorder_of(path='pool.csv', max_bytes=1000)
    monkeypatch.chdir(tmp_path / 'below')
    for _ in range(20):
        recorder(ended())
    recorder.flush()
    assert {file.parent for file in recorder.files} == {tmp_path}


def test_a_closed_recorder_ignores_events_and_can_be_closed_again(recorder_of: MakeRecorder, path: Path) -> None:
    recorder = recorder_of()
    recorder(ended())
    recorder.close()
    recorder.close()
    recorder(ended())
    recorder.flush()
    assert len(read_recording(path)) == 1
    assert repr(recorder) == f'<Recorder of {str(path)!r}, closed>'


@pytest.mark.parametrize(
    ('name', 'error', 'message'),
    [
        ('missing/pool.csv', FileNotFoundError, 'pool.csv cannot be written: create the directory'),
        ('', IsADirectoryError, 'is a directory'),
        (7, TypeError, 'path must be the path of a file, such as "pool.csv", not 7'),
    ],
)
def test_a_wrong_path_is_refused_at_once(tmp_path: Path, name: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Recorder(tmp_path / name if isinstance(name, str) else name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'user,balance\n7,100\n', 'pool.csv exists, but is no recording: its first line is not v,arrival,'),
        (b'\0' * 10_000, 'choose another path, or move that file away'),
        (b'v,arrival\n', 'exists, but is a recording of another version'),
        (b'\x1f\x8bnonsense', r'exists, but is damaged \(BadGzipFile'),
    ],
)
@pytest.mark.parametrize('begin', [Recorder, record])
def test_a_file_that_is_no_recording_is_refused_and_kept(
    path: Path, content: bytes, message: str, begin: Callable[[Path], object]
) -> None:
    """Later files beside it could not be read together with it."""
    path.write_bytes(content)
    with pytest.raises(FileExistsError, match=message):
        begin(path)
    assert list(path.parent.iterdir()) == [path]
    assert path.read_bytes() == content


ZIPPED = gzip.compress(HEADER.encode(), mtime=0)


@pytest.mark.parametrize('content', [b'', b'v,arr', HEADER.encode(), ZIPPED, ZIPPED[:12]])
def test_a_recording_may_be_there_already(recorder_of: MakeRecorder, path: Path, content: bytes) -> None:
    """Also one whose process has only begun to write it, or was killed then."""
    path.write_bytes(content)
    recorder = recorder_of()
    recorder(ended())
    recorder.close()
    assert len(read_recording(path)) == 1


def test_a_path_has_one_recorder_at_a_time(recorder_of: MakeRecorder, path: Path) -> None:
    """Otherwise each attempt has two lines."""
    recorder = recorder_of()
    other = path.parent / 'link'
    other.symlink_to(path.parent)
    for same in (path, other / path.name):
        with pytest.raises(ValueError, match=r'writes to .*pool.csv already and attempts would have two lines: close'):
            Recorder(same)
        with pytest.raises(ValueError, match='have two lines'), record(same):
            pass
    assert recording_files(path) == [path]
    recorder.close()
    with record(path):
        pass


def run(code: str, *arguments: str) -> str:
    """Run a program that has ``recorder`` and ``ended``; return its output."""
    before = (
        'import sys, resource\n'
        'from pathlib import Path\n'
        'from py_cachify.recording import Losses, Recorder, read_recording\n'
        'from tests.library.recording.conftest import ended\n'
        'path = Path(sys.argv[1])\n'
    )
    return subprocess.check_output(
        [sys.executable, '-c', before + code, *arguments],
        env=os.environ | {'PYTHONPATH': str(ROOT)},
        text=True,
        stderr=subprocess.STDOUT,
    )


def test_a_disk_without_room_for_a_header_is_an_error_at_once(path: Path) -> None:
    printed = run(
        'resource.setrlimit(resource.RLIMIT_FSIZE, (20, resource.RLIM_INFINITY))\n'
        'try: Recorder(path)\n'
        'except OSError as error: print(type(error).__name__)\n',
        str(path),
    )
    assert printed == 'OSError\n'
    assert not path.exists()


def test_a_disk_that_is_full_for_a_while_costs_no_line(path: Path) -> None:
    """The limit of a file's size stands for it: the system writes a part, then refuses."""
    printed = run(
        'recorder = Recorder(path, keys=True)\n'
        'recorder(ended("first")); recorder.flush()\n'
        'resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))\n'
        'for number in range(20): recorder(ended(f"mail-{number}"))\n'
        'for _ in range(3): recorder.flush()\n'
        'print(path.read_text().endswith("\\n"), [each.key for each in read_recording(path)])\n'
        'resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))\n'
        'recorder(ended("last")); recorder.flush()\n'
        'read = read_recording(path)\n'
        'print(len(read), len({each.key for each in read}), read.losses == Losses(), recorder.dropped)\n',
        str(path),
    )
    lines = printed.splitlines()
    assert len(lines) == 4, printed
    assert re.fullmatch(
        r'the recording \S+ cannot be written \(OSError: .*\); up to 100,000 lines are kept until it can, and later'
        r' ones are dropped',
        lines[0],
    )
    assert lines[1] == "True ['first']"
    assert lines[2] == f'the recording {path} is written again'
    assert lines[3] == '22 22 True 0'


def test_what_a_disk_that_hangs_cannot_take_is_dropped_and_counted(
    recorder_of: MakeRecorder, path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, 'MOST_LINES', 10)
    hangs, goes_on = threading.Event(), threading.Event()
    write = PartFiles._append

    def hang(files: PartFiles, data: bytes) -> None:
        hangs.set()
        assert goes_on.wait(60)
        write(files, data)

    recorder = recorder_of(keys=True)
    monkeypatch.setattr(PartFiles, '_append', hang)
    recorder(ended('on its way'))
    assert hangs.wait(60)
    with caplog.at_level(logging.WARNING, 'py_cachify'):
        for number in range(25):
            recorder(ended(f'mail-{number}'))
        assert recorder.dropped == 15
        assert not caplog.messages
        goes_on.set()
        recorder.close()

    assert [attempt.key for attempt in read_recording(path)] == ['on its way', *(f'mail-{n}' for n in range(10))]
    assert caplog.messages == [f'the recording {path} lacks 15 attempts, because the disk did not take them']


def test_what_cannot_be_written_at_the_close_is_counted_and_logged(
    recorder_of: MakeRecorder, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Lines of pools outside of the sample are not missing."""
    path = tmp_path / 'below' / 'pool.csv'
    path.parent.mkdir()
    recorder = recorder_of(path=path, keys=True, sample=0.5, salt='the salt of a test')
    sampled = sum(key_namer('the salt of a test', 0.5, True)('PYC-', f'mail-{n}') is not None for n in range(500))
    path.unlink()
    path.parent.rmdir()
    with caplog.at_level(logging.WARNING, 'py_cachify'):
        for number in range(500):
            recorder(ended(f'mail-{number}'))
            if number == 250:
                recorder.flush()
        recorder.close()
        recorder.close()

    assert recorder.dropped == sampled > 200
    assert caplog.messages[-1] == f'the recording {path} lacks {sampled} attempts, because the disk did not take them'
    assert [message.partition(' (')[0] for message in caplog.messages[:-1]] == [
        f'the recording {path} cannot be written'
    ]


def test_a_closed_recorder_does_not_say_that_it_keeps_lines(
    recorder_of: MakeRecorder, path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(_files: PartFiles, _data: bytes) -> None:
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(module, 'INTERVAL', 3600.0)
    recorder = recorder_of()
    monkeypatch.setattr(PartFiles, '_append', refuse)
    recorder(ended())
    with caplog.at_level(logging.WARNING, 'py_cachify'):
        recorder.close()
    assert caplog.messages == [
        f'the recording {path} cannot be written (OSError: [Errno 28] No space left on device)',
        f'the recording {path} lacks 1 attempts, because the disk did not take them',
    ]


def test_a_disk_that_hangs_at_the_close_may_take_its_lines_later(
    recorder_of: MakeRecorder, path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, 'PATIENCE', 0.01)
    hangs, goes_on = threading.Event(), threading.Event()
    write = PartFiles._append

    def hang(files: PartFiles, data: bytes) -> None:
        hangs.set()
        assert goes_on.wait(60)
        write(files, data)

    recorder = recorder_of(keys=True)
    monkeypatch.setattr(PartFiles, '_append', hang)
    recorder(ended('on its way'))
    assert hangs.wait(60)
    with caplog.at_level(logging.WARNING, 'py_cachify'):
        recorder(ended('waits'))
        recorder.close()
    assert recorder.dropped == 2
    assert caplog.messages == [f'the recording {path} lacks 2 attempts, because the disk did not take them']

    goes_on.set()
    until(lambda: recorder.dropped == 0)
    until(lambda: recorder._files._descriptor is None)
    assert len(read_recording(path)) == 2


def test_what_cannot_be_written_at_the_exit_is_logged(path: Path) -> None:
    printed = run(
        'import shutil\n'
        'path = path.parent / "below" / "pool.csv"; path.parent.mkdir()\n'
        'recorder = Recorder(path)\n'
        'shutil.rmtree(path.parent)\n'
        'for number in range(500): recorder(ended(f"mail-{number}"))\n',
        str(path),
    )
    assert 'pool.csv cannot be written (FileNotFoundError: ' in printed
    assert printed.endswith('pool.csv lacks 500 attempts, because the disk did not take them\n')


def test_a_recorder_that_cannot_start_a_thread_writes_by_itself(
    recorder_of: MakeRecorder, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    recorder = recorder_of()
    monkeypatch.setattr(threading.Thread, 'start', refuse)
    recorder(ended())
    assert len(read_recording(path)) == 1


def test_threads_lose_and_mix_no_lines(recorder_of: MakeRecorder, path: Path) -> None:
    recorder = recorder_of(keys=True, max_bytes=20_000)

    def note(thread: int) -> None:
        for number in range(2000):
            recorder(ended(f'{thread}-{number}'))
            if number % 100 == 0:
                recorder.flush()

    threads = [threading.Thread(target=note, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    recorder.close()

    read = read_recording(path)
    assert (read.losses.torn, read.losses.unreadable) == (0, 0)
    assert sorted(attempt.key for attempt in read) == sorted(f'{t}-{n}' for t in range(8) for n in range(2000))
