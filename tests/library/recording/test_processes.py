"""Each process records in files of its own, and writes all lines when it ends normally."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from py_cachify.recording import read_recording, recording_files
from tests.support.paths import ROOT


START = """
import atexit, multiprocessing, os, sys, threading, time
from py_cachify import init_cachify, observe, pool
from py_cachify.recording import Recorder, read_recording

init_cachify()


def use(key, times=1):
    for _ in range(times):
        with pool(key, max_size=100):
            pass


"""
OBSERVE = 'observe(Recorder(sys.argv[1], keys=True))\n'


def run(path: Path, code: str) -> int:
    """Run a program that records, and return its exit status; what it prints fails the test."""
    program = path.with_name('program.py')
    program.write_text(START + code)
    done = subprocess.run(
        # From 3.12 on, Python warns of every fork beside a thread; here the library has one.
        [sys.executable, '-W', 'ignore:This process:DeprecationWarning', str(program), str(path)],
        env=os.environ | {'PYTHONPATH': str(ROOT), 'PY_CACHIFY_SALT': 'a secret salt'},
        text=True,
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert (done.stdout, done.stderr) == ('', '')
    return done.returncode


def keys(path: Path) -> list[str]:
    return sorted(attempt.key for attempt in read_recording(path))


@pytest.mark.parametrize('end', ['', 'sys.exit(3)'])
def test_a_normal_exit_loses_nothing(path: Path, end: str) -> None:
    run(path, OBSERVE + f"use('a', 10)\n{end}")
    assert keys(path) == ['a'] * 10


def test_what_happens_while_the_interpreter_ends_is_written(path: Path) -> None:
    """Functions that were registered before the recorder run after it has written its lines."""
    run(path, "atexit.register(lambda: use('late', 3))\n" + OBSERVE + "use('a')\natexit.register(use, 'early')")
    assert keys(path) == ['a', 'early', 'late', 'late', 'late']


def test_an_exit_before_the_first_attempt_leaves_a_header(path: Path) -> None:
    run(path, OBSERVE)
    assert len(read_recording(path)) == 0


def test_a_forked_child_has_a_file_of_its_own(path: Path) -> None:
    """It writes nothing that its parent noted, even if the parent had not written it yet."""
    run(
        path,
        OBSERVE
        + """
use('parent')
child = os.fork()
if child == 0:
    use('child', 2)
    sys.exit()
assert os.waitpid(child, 0)[1] == 0
use('parent')
""",
    )
    assert keys(path) == ['child', 'child', 'parent', 'parent']
    assert len(recording_files(path)) == 2
    assert {attempt.key for attempt in read_recording(recording_files(path)[1])} == {'child'}


def test_a_fork_while_lines_are_written_mixes_none(path: Path) -> None:
    run(
        path,
        OBSERVE
        + """
end = threading.Event()
def busy():
    while not end.is_set():
        use('thread')
threads = [threading.Thread(target=busy) for _ in range(2)]
[thread.start() for thread in threads]
children = []
for number in range(20):
    child = os.fork()
    if child == 0:
        use(f'child-{number}', 5)
        sys.exit()
    children.append(child)
    time.sleep(0.05)
assert all(os.waitpid(child, 0)[1] == 0 for child in children)
end.set()
[thread.join() for thread in threads]
""",
    )
    read = read_recording(path)
    assert (read.losses.torn, read.losses.unreadable) == (0, 0)
    assert sorted(key for key in keys(path) if key != 'thread') == sorted(
        f'child-{n}' for n in range(20) for _ in range(5)
    )
    assert len(read.files) == 21


def test_a_child_that_records_nothing_has_no_file(path: Path) -> None:
    run(path, OBSERVE + "child = os.fork()\nif child == 0:\n    sys.exit()\nos.waitpid(child, 0)\nuse('a')")
    assert recording_files(path) == [path]


@pytest.mark.parametrize('method', ['fork', 'spawn', 'forkserver'])
def test_a_child_of_multiprocessing_loses_nothing_at_its_exit(path: Path, method: str) -> None:
    """A forked one ends by ``os._exit()``."""
    run(
        path,
        f"""
def work(path):
    {'pass' if method == 'fork' else 'observe(Recorder(path, keys=True))'}
    use('child', 3)

if __name__ == '__main__':
    {OBSERVE.strip() if method == 'fork' else ''}
    process = multiprocessing.get_context({method!r}).Process(target=work, args=(sys.argv[1],))
    process.start()
    process.join()
    assert process.exitcode == 0
""",
    )
    assert keys(path) == ['child'] * 3


def test_a_with_ends_in_the_child_for_itself_only(path: Path) -> None:
    run(
        path,
        """
from py_cachify.recording import record
with record(sys.argv[1], keys=True):
    child = os.fork()
    use('child' if child == 0 else 'parent')
use('outside')
if child == 0:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
""",
    )
    assert keys(path) == ['child', 'parent']


def test_many_processes_record_at_once(path: Path) -> None:
    """Processes that are started anew share nothing but the path and the salt."""
    program = path.with_name('program.py')
    program.write_text(START + "observe(Recorder(sys.argv[1]))\nuse('a', 50)\nuse('b', 50)\n")
    environment = os.environ | {'PYTHONPATH': str(ROOT), 'PY_CACHIFY_SALT': 'a secret salt'}
    processes = [subprocess.Popen([sys.executable, str(program), str(path)], env=environment) for _ in range(6)]
    assert [process.wait() for process in processes] == [0] * 6

    read = read_recording(path)
    assert len(read.files) == 6
    assert len(read.salts) == 1
    assert sorted(map([attempt.key for attempt in read].count, {attempt.key for attempt in read})) == [300, 300]
    assert [attempt.arrival for attempt in read] == sorted(attempt.arrival for attempt in read)


def test_a_process_that_is_terminated_keeps_what_it_wrote(path: Path) -> None:
    """SIGTERM ends it without an exit; the lines of earlier seconds are there."""
    status = run(
        path,
        OBSERVE
        + """
use('a', 10)
while b',a,' not in open(sys.argv[1], 'rb').read():
    time.sleep(0.01)
os.kill(os.getpid(), 15)
time.sleep(600)
""",
    )
    assert status == -signal.SIGTERM
    assert keys(path) == ['a'] * 10
