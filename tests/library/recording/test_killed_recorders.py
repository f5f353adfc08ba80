"""Processes that are killed while they record: each complete line is there, and can be read.

At most what ended in the last second is missing.  An independent log says what ended: each thread
or task appends to a file of its own, with one system call, when its attempt is over.

By hand, with more of them: ``RECORDER_KILLS=100 pytest -s
tests/library/recording/test_killed_recorders.py``.  A run prints what it measured.
"""

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from py_cachify.recording import read_recording, recording_files
from tests.library.waiting.crowd import until
from tests.support.paths import ROOT


KILLS = int(os.environ.get('RECORDER_KILLS', '6'))
PROCESSES = 3
"""How many record at the same time, in files beside each other."""

LAST = 1.0
"""In seconds: what ended in that time before a kill may be missing."""

SLACK = 1.0
"""In seconds: how long a busy machine may keep the thread that writes from running."""

PROGRAM = """
import asyncio, os, sys, threading, time
import redis, redis.asyncio
from py_cachify import init_cachify, observe, pool
from py_cachify.recording import Recorder

side, socket, recording, log = sys.argv[1:]
init_cachify(redis.Redis(unix_socket_path=socket), redis.asyncio.Redis(unix_socket_path=socket))
# Small files, so that some kills hit a rotation.
observe(Recorder(recording, keys=True, max_bytes=50_000))


def note(worker, turn, log=os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)):
    os.write(log, f'{worker}-{turn} {time.time()!r}\\n'.encode())


def thread(worker):
    turn = 0
    while True:
        with pool(f'{os.getpid()}-{worker}-{turn}', max_size=1):
            pass
        note(f'{os.getpid()}-{worker}', turn)
        turn += 1


async def task(worker):
    turn = 0
    while True:
        async with pool(f'{os.getpid()}-{worker}-{turn}', max_size=1):
            pass
        note(f'{os.getpid()}-{worker}', turn)
        turn += 1


async def tasks():
    await asyncio.gather(*map(task, range(4)))

if side == 'sync':
    for worker in range(4):
        threading.Thread(target=thread, args=(worker,)).start()
else:
    asyncio.run(tasks())
"""


class Ended(NamedTuple):
    """An attempt that ended, by the log of its process."""

    key: str
    at: float


def ended(log: Path) -> Iterator[Ended]:
    for line in log.read_text().splitlines(keepends=True):
        key, _, at = line.partition(' ')
        if at.endswith('\n'):
            yield Ended(key, float(at))


@contextmanager
def recording_process(side: str, socket: str, recording: Path, log: Path) -> 'Iterator[subprocess.Popen[bytes]]':
    """A process that records what it does, and has begun."""
    process = subprocess.Popen(
        [sys.executable, '-c', PROGRAM, side, socket, str(recording), str(log)],
        env=os.environ | {'PYTHONPATH': str(ROOT)},
    )
    try:
        until(log.exists)
        yield process
    finally:
        process.kill()
        process.wait()


def killed_at(process: 'subprocess.Popen[bytes]', after: float) -> float:
    """Kill a process after so many seconds; return when it was certainly dead, in wall time."""
    time.sleep(after)
    before = time.time()
    process.kill()
    process.wait()
    return before


@pytest.mark.parametrize('side', ['sync', 'async'])
def test_a_kill_costs_at_most_the_last_second(side: str, socket: str, tmp_path: Path) -> None:
    chance = random.Random(side)
    kills = total = lost = torn = files = 0
    oldest = 0.0
    for number in range(max(1, KILLS // 2 // PROCESSES)):
        path = tmp_path / f'{number}.csv'
        logs = [tmp_path / f'{number}-{process}.log' for process in range(PROCESSES)]
        with (
            recording_process(side, socket, path, logs[0]) as first,
            recording_process(side, socket, path, logs[1]) as second,
            recording_process(side, socket, path, logs[2]) as third,
        ):
            instants = [killed_at(process, chance.uniform(0.1, 1.5)) for process in (first, second, third)]

        read = read_recording(path)
        assert read.losses.unreadable == 0
        assert read.losses.torn <= PROCESSES
        recorded = {attempt.key for attempt in read}
        assert len(recorded) == len(read), 'no line is there twice'
        for log, instant in zip(logs, instants, strict=True):
            done = list(ended(log))
            missing = [each for each in done if each.key not in recorded]
            total += len(done)
            lost += len(missing)
            oldest = max([oldest, *(instant - each.at for each in missing)])
            # What is missing are the last ones of each worker, and nothing between.
            last: dict[str, bool] = {}
            for each in done:
                worker = each.key.rpartition('-')[0]
                is_missing = each.key not in recorded
                assert is_missing or not last.get(worker), f'{each.key} is there, but not one before it'
                last[worker] = is_missing
        assert total > lost, 'nothing was recorded at all'
        kills, torn, files = kills + PROCESSES, torn + read.losses.torn, files + len(read.files)
        for file in (*recording_files(path), *logs):
            file.unlink()
    print(
        f'{side}: {kills} kills of {total:,} attempts in {files} files; {lost:,} are missing, the oldest ended'
        f' {oldest:.3f} s before its kill; {torn} torn lines, no unreadable one'
    )
    assert oldest <= LAST + SLACK
