"""Where the tasks of a test meet, in whichever process they run: the server that holds the pools.

They find that server in an environment variable.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import redis

from tests.support.paths import ROOT
from tests.support.servers import end


ENOUGH = 60
"""In seconds: longer than any wait of a test."""

NAMES = ['a', 'b', 'c', 'd', 'e', 'f']

SIZE = 2
"""The size of each pool; a worker runs one task more at once."""

SERVER = 'SERVER_OF_THE_TASKS'
"""The environment variable with the unix socket of the server."""

_RUNNING, _COUNTS, _TOGETHER, _REFUSED = 'desk:running', 'desk:counts', 'desk:together', 'desk:refused'
_MISSING = 'desk:missing refusals'


@contextmanager
def empty_desk(socket: str, refusals: int = 1) -> 'Iterator[redis.Redis]':
    """Let tasks in this process meet on this server too, and yield a client of it.

    No task ends before there were so many ``refusals``.
    """
    with mock.patch.dict(os.environ, {SERVER: socket}), client() as server:
        server.delete(_RUNNING, _COUNTS, _TOGETHER, _REFUSED)
        server.set(_MISSING, refusals)
        yield server


def client() -> 'redis.Redis':
    """Return a new client of the server."""
    return redis.Redis(unix_socket_path=os.environ[SERVER])


def hold(name: str) -> str:
    """Run the body of a task, which ends only after all slots were taken and tasks were refused."""
    with client() as desk:
        running = int(desk.incr(_RUNNING))
        desk.rpush(_COUNTS, running)
        if running == SIZE:
            desk.rpush(_TOGETHER, 'yes')
        missed = [event for event in (_TOGETHER, _REFUSED) if not desk.blmove(event, event, ENOUGH / 3)]
        for event in missed:
            # So that no other task waits in vain as well.
            desk.rpush(event, 'no')
        desk.decr(_RUNNING)
    return f'{name} waited in vain for {missed}' if missed else f'{name} is done'


def note_refusal() -> None:
    """Let the tasks that run go on, if there were enough refusals."""
    with client() as desk:
        if int(desk.decr(_MISSING)) <= 0:
            desk.rpush(_REFUSED, 'yes')


def most_at_once(server: 'redis.Redis') -> int:
    """Return how many tasks ran at the same time at most."""
    counts: Any = server.lrange(_COUNTS, 0, -1)
    return max(int(count) for count in counts)


@contextmanager
def worker(socket: str, *command: str) -> Iterator[None]:
    """Start ``python COMMAND``, and ask it to end when the test has."""
    environment = os.environ | {SERVER: socket}
    with tempfile.TemporaryFile('w+') as log:
        process = subprocess.Popen([sys.executable, *command], cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            yield
        finally:
            end(process)
            log.seek(0)
            print(log.read())
