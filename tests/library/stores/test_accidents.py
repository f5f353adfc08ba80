"""Real accidents of the server and of processes: restarts, stops, kills, wrong clocks."""

import multiprocessing
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing.context import BaseContext
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from py_cachify import CachifyPoolFullError, init_cachify, pool
from tests.support.servers import Server, accident_prone_server, or_skip


@pytest.fixture
def prone() -> Iterator[Server]:
    """The test's own server."""
    with or_skip(FileNotFoundError), accident_prone_server() as server:
        yield server


def client_of(server: Server, timeout: float = 5.0) -> 'redis.Redis':
    """Return a client that gives up at the first failure, after ``timeout`` seconds."""
    return redis.Redis(unix_socket_path=server.socket, retry=Retry(NoBackoff(), 0), socket_timeout=timeout)


def test_a_restart_with_its_data_keeps_the_slots(prone: Server, caplog: pytest.LogCaptureFixture) -> None:
    """A slot that was held before is held after, and is given back silently on a new connection."""
    with client_of(prone) as client:
        init_cachify(client)
        two = pool('reports', max_size=2)
        with two:
            prone.kill()
            prone.start()
            with client_of(prone) as another:
                assert init_cachify(another, is_global=False).pool('reports', max_size=2).size() == 1
        assert two.size() == 0
    assert caplog.text == ''


def test_a_restart_without_its_data_forgets_the_slots_and_says_so(
    prone: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """Others may enter at once; the log says that the store lost the holder's slot."""
    with client_of(prone) as client:
        init_cachify(client)
        one = pool('reports', max_size=1)
        with one:
            prone.kill(lose_data=True)
            prone.start()
            with client_of(prone) as another:
                others = init_cachify(another, is_global=False).pool('reports', max_size=1)
                others.__enter__()
        assert 'the store lost it' in caplog.text
        assert one.size() == 1


def test_a_server_that_is_down_blocks_no_longer_than_its_client_twice(
    prone: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """An acquire waits for its answer and its undo, a release once, for the client's timeout."""
    timeout, margin = 1.0, 4.0
    with client_of(prone, timeout) as client, redis.Redis(unix_socket_path=prone.socket) as patient:
        init_cachify(client)
        one = pool('reports', max_size=5, slot_exp=60)
        with one:  # load the scripts
            pass
        prone.signal(signal.SIGSTOP)
        began = time.monotonic()
        with pytest.raises(redis.TimeoutError), one:
            raise AssertionError('the body ran')
        acquired = time.monotonic() - began
        prone.signal(signal.SIGCONT)
        patient.ping()
        with one:
            prone.signal(signal.SIGSTOP)
            began = time.monotonic()
        released = time.monotonic() - began
        prone.signal(signal.SIGCONT)
    assert timeout <= acquired < 2 * timeout + margin
    assert timeout <= released < timeout + margin
    assert 'could not be given back' in caplog.text


def _hold(socket: str, ready: Any) -> None:
    init_cachify(redis.Redis(unix_socket_path=socket))
    pool('reports', max_size=4, slot_exp=1).__enter__()
    ready.release()
    time.sleep(60)


def test_the_slots_of_killed_holders_come_back(socket: str, server: 'redis.Redis') -> None:
    """Four processes fill the pool and are killed; it stays full until their slots expire."""
    context = multiprocessing.get_context('spawn')
    ready = context.Semaphore(0)
    holders = [context.Process(target=_hold, args=(socket, ready)) for _ in range(4)]
    for holder in holders:
        holder.start()
    for _ in holders:
        assert ready.acquire(timeout=60)
    for holder in holders:
        holder.kill()
        holder.join()
    init_cachify(server)
    until = time.monotonic() + 10
    while server.exists('PYC-reports'):
        assert time.monotonic() < until, 'the slots of the dead stay'
        time.sleep(0.02)
    with pool('reports', max_size=4) as free:
        assert free.size() == 1


def _enter_there(entered: pool, socket: str, answers: Any) -> None:
    """In a child, leave what the parent entered, if it was copied, and use another slot."""
    init_cachify(redis.Redis(unix_socket_path=socket))
    inherited = len(entered._entries)
    if inherited:
        entered.__exit__(None, None, None)
    with entered:
        answers.put((inherited, entered.size()))


@pytest.mark.filterwarnings('ignore:.*multi-threaded.*fork:DeprecationWarning')
@pytest.mark.parametrize(('method', 'inherited'), [('fork', 1), ('spawn', 0)])
def test_only_the_process_that_acquired_releases(socket: str, method: str, inherited: int) -> None:
    """A worker process has the pool object, with an open entry if forked; the slot stays."""
    context: BaseContext = multiprocessing.get_context(method)
    with redis.Redis(unix_socket_path=socket) as client:
        init_cachify(client)
        few = pool('reports', max_size=3)
        with few:
            answers = context.SimpleQueue()
            child = context.Process(target=_enter_there, args=(few, socket, answers))  # type: ignore[attr-defined]
            child.start()
            child.join(60)
            assert child.exitcode == 0
            assert answers.get() == (inherited, 2)
            assert few.size() == 1
        assert few.size() == 0


CLOCK_PROGRAM = """
import json, sys, time
ahead, socket = float(sys.argv[1]), sys.argv[2]
for name in ('time', 'monotonic', 'perf_counter'):
    setattr(time, name, lambda real=getattr(time, name): real() + ahead)
import redis
from py_cachify import CachifyPoolFullError, init_cachify, pool
init_cachify(redis.Redis(unix_socket_path=socket))
one = pool('reports', max_size=2, slot_exp=30)
with one:
    print(one.size(), flush=True)
    sys.stdin.readline()
print(one.size(), flush=True)
"""


@pytest.mark.parametrize('ahead', [-3600, 3600])
def test_clocks_an_hour_apart_share_a_pool(socket: str, ahead: int, caplog: pytest.LogCaptureFixture) -> None:
    """Only the server's clock decides: neither process sees the other's slot as expired."""
    other = subprocess.Popen(
        [sys.executable, '-c', CLOCK_PROGRAM, str(ahead), socket],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert other.stdout is not None
    assert other.stdout.readline() == '1\n'
    with redis.Redis(unix_socket_path=socket) as client:
        init_cachify(client)
        two = pool('reports', max_size=2, slot_exp=30)
        with two:
            with pytest.raises(CachifyPoolFullError), two:
                pass
            [(_, first), (_, second)] = client.zrange('PYC-reports', 0, -1, withscores=True)
            assert abs(first - second) < 20
            assert other.communicate('\n', timeout=60) == ('1\n', '')
            assert two.size() == 1
    assert caplog.text == ''


def test_a_slot_of_a_forgotten_script_is_given_back(server: 'redis.Redis') -> None:
    """Scripts may be flushed at any time."""
    init_cachify(server)
    with pool('reports', max_size=1) as one:
        server.script_flush()
        assert one.size() == 1
        server.script_flush()
    assert one.size() == 0
    assert server.keys('*') == []
