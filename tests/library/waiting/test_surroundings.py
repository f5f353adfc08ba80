"""Waiters on clients of every kind, many at once, in forks, and in event loops that end."""

import asyncio
import functools
import gc
import os
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import fakeredis
import pytest
import redis
import redis.asyncio

from py_cachify import CachifyPoolTimeoutError, MemoryClient, init_cachify, pool
from py_cachify import _waiters as waiters
from py_cachify.backends import _listening
from py_cachify.backends.redis import AsyncRedisBackend, RedisBackend
from py_cachify.tokens import make_terms
from tests.support.paths import ROOT


HOLDER = '1:elsewhere-1:0:0:1:600.0:000000001'


def _until(condition: Callable[[], Any]) -> None:
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until, 'it took too long'
        time.sleep(0.005)


def _are_waiting(backend: RedisBackend, number: int) -> bool:
    return backend.count_waiting('PYC-reports') == number


def _are_queued(one: pool, number: int) -> bool:
    return one.queue_size() == number


async def _auntil(condition: Callable[[], Any]) -> None:
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until, 'it took too long'
        await asyncio.sleep(0.005)


# --- clients


def _clients(socket: str, asynchronous: bool) -> dict[str, Callable[[], Any]]:
    package: Any = redis.asyncio if asynchronous else redis
    url = f'unix://{socket}'
    return {
        'single connection': lambda: package.Redis(unix_socket_path=socket, single_connection_client=True),
        'a pool of one': lambda: package.Redis.from_pool(
            package.BlockingConnectionPool.from_url(url, max_connections=1, timeout=30)
        ),
        'decoded': lambda: package.Redis(unix_socket_path=socket, decode_responses=True),
        'protocol 2': lambda: package.Redis(unix_socket_path=socket, protocol=2),
        'protocol 3': lambda: package.Redis(unix_socket_path=socket, protocol=3),
        'a short time limit': lambda: package.Redis(unix_socket_path=socket, socket_timeout=0.5),
    }


@pytest.mark.parametrize('kind', _clients('', False))
def test_threads_wait_on_every_kind_of_client(kind: str, socket: str, server: 'redis.Redis') -> None:
    """Ten threads want one slot of another process's, and get it in turn through messages."""
    client = _clients(socket, asynchronous=False)[kind]()
    made = init_cachify(client)
    backend = RedisBackend(server)
    assert backend.take_slot('PYC-reports', HOLDER, 1, 600)
    served: list[int] = []

    def wait(number: int) -> None:
        with made.pool('reports', max_size=1, wait=60):
            served.append(number)

    threads = []
    for number in range(10):
        threads.append(threading.Thread(target=wait, args=(number,)))
        threads[-1].start()
        _until(functools.partial(_are_waiting, backend, number + 1))
    _until(lambda: server.pubsub_channels('py-cachify:*'))
    backend.drop_slot('PYC-reports', HOLDER)
    for thread in threads:
        thread.join()
    assert served == list(range(10))
    assert (backend.count_slots('PYC-reports'), backend.count_waiting('PYC-reports')) == (0, 0)
    client.close()


@pytest.mark.parametrize('kind', _clients('', True))
def test_tasks_wait_on_every_kind_of_client(kind: str, socket: str, server: 'redis.Redis') -> None:
    """As threads do."""
    backend = RedisBackend(server)
    assert backend.take_slot('PYC-reports', HOLDER, 1, 600)
    served: list[int] = []

    async def main() -> None:
        client = _clients(socket, asynchronous=True)[kind]()
        made = init_cachify(async_client=client)

        async def wait(number: int) -> None:
            async with made.pool('reports', max_size=1, wait=60):
                served.append(number)

        tasks = []
        for number in range(10):
            tasks.append(asyncio.create_task(wait(number)))
            await _auntil(functools.partial(_are_waiting, backend, number + 1))
        await _auntil(lambda: server.pubsub_channels('py-cachify:*'))
        backend.drop_slot('PYC-reports', HOLDER)
        await asyncio.gather(*tasks)
        await client.aclose()

    asyncio.run(main())
    assert served == list(range(10))
    assert (backend.count_slots('PYC-reports'), backend.count_waiting('PYC-reports')) == (0, 0)


def test_threads_wait_on_a_fake_server() -> None:
    """Two of them, for the slot of a third."""
    made = init_cachify(fakeredis.FakeRedis())
    one = made.pool('reports', max_size=1, wait=30)
    served: list[int] = []

    def wait(number: int) -> None:
        with one:
            served.append(number)

    with one:
        threads = [threading.Thread(target=wait, args=(number,)) for number in range(2)]
        for number, thread in enumerate(threads):
            thread.start()
            _until(functools.partial(_are_queued, one, number + 1))
    for thread in threads:
        thread.join()
    assert (served, one.size()) == ([0, 1], 0)


def test_tasks_wait_on_a_fake_server() -> None:
    """Two of them, for the slot of a third."""

    async def main() -> None:
        made = init_cachify(async_client=fakeredis.FakeAsyncRedis())
        one = made.pool('reports', max_size=1, wait=30)
        served: list[int] = []

        async def wait(number: int) -> None:
            async with one:
                served.append(number)

        async with one:
            tasks = []
            for number in range(2):
                tasks.append(asyncio.create_task(wait(number)))
                until = time.monotonic() + 30
                while await one.aqueue_size() <= number:
                    assert time.monotonic() < until
                    await asyncio.sleep(0.001)
        await asyncio.gather(*tasks)
        assert (served, await one.asize()) == ([0, 1], 0)

    asyncio.run(main())


# --- many waiters


def test_a_thousand_waiters_need_one_more_connection_and_few_requests(socket: str, server: 'redis.Redis') -> None:
    """Fewer than 250 commands a second while nothing moves."""
    backend = RedisBackend(server)
    assert backend.take_slot('PYC-reports', HOLDER, 1, 600)
    # Other tests may have left some that close a moment later.
    before_it = {one['id'] for one in server.client_list()}

    def connected() -> list[dict[str, str]]:
        return [one for one in server.client_list() if one['id'] not in before_it]

    async def main() -> None:
        connections = redis.asyncio.BlockingConnectionPool.from_url(f'unix://{socket}', max_connections=10, timeout=60)
        client = redis.asyncio.Redis.from_pool(connections)
        made = init_cachify(async_client=client)

        async def wait() -> None:
            async with made.pool('reports', max_size=1, wait=None):
                pass

        tasks = [asyncio.create_task(wait()) for _ in range(1000)]
        await _auntil(functools.partial(_are_waiting, backend, 1000))
        await asyncio.sleep(6)
        before, began = _commands(server), time.monotonic()
        await asyncio.sleep(5)
        rate = (_commands(server) - before) / (time.monotonic() - began)
        others = [one for one in connected() if one['sub'] != '0']
        print(f'1,000 waiters: {rate:.0f} requests a second, {len(others)} subscription')
        assert rate < 250
        assert len(others) == 1
        assert len(connected()) <= 10 + 1
        began = time.monotonic()
        backend.drop_slot('PYC-reports', HOLDER)
        await asyncio.gather(*tasks)
        print(f'1,000 waiters were served within {time.monotonic() - began:.2f} s')
        await client.aclose()

    asyncio.run(main())
    assert (backend.count_slots('PYC-reports'), backend.count_waiting('PYC-reports')) == (0, 0)


def _commands(server: 'redis.Redis') -> int:
    """How many requests the server has received that run a script."""
    stats = server.info('commandstats')
    return sum(stats.get(f'cmdstat_{name}', {'calls': 0})['calls'] for name in ('evalsha', 'eval', 'publish'))


def test_a_listener_ends_when_nobody_waits_any_more(
    socket: str, server: 'redis.Redis', monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread and a task, and their connections; the next waiter begins another."""
    monkeypatch.setattr(_listening, 'IDLE', 0.3)
    monkeypatch.setattr(_listening, '_CHECK', 0.05)
    backend = RedisBackend(server)
    made = init_cachify(f'unix://{socket}')
    one = made.pool('reports', max_size=1, wait=30)

    def give_back() -> None:
        _until(lambda: server.pubsub_channels('py-cachify:*'))
        backend.drop_slot('PYC-reports', HOLDER)

    def listeners() -> list[str]:
        return [thread.name for thread in threading.enumerate() if 'listener' in thread.name]

    async def main() -> None:
        for _ in range(2):
            assert backend.take_slot('PYC-reports', HOLDER, 1, 600)
            giving = asyncio.create_task(asyncio.to_thread(give_back))
            async with one:
                assert any('listener' in task.get_name() for task in asyncio.all_tasks())
            await giving
            await _auntil(
                lambda: (
                    not any('listener' in task.get_name() for task in asyncio.all_tasks())
                    and not server.pubsub_channels('py-cachify:*')
                )
            )
        await made.aclose()

    for _ in range(2):
        assert backend.take_slot('PYC-reports', HOLDER, 1, 600)
        thread = threading.Thread(target=give_back)
        thread.start()
        with one:
            assert listeners()
        thread.join()
        _until(lambda: not listeners() and not server.pubsub_channels('py-cachify:*'))
    asyncio.run(main())
    made.close()


# --- loops that end, and forks, each in a process of its own

LOOPS = """
import asyncio, gc, logging, sys
import redis.asyncio
from py_cachify import CachifyPoolTimeoutError, init_cachify
from py_cachify.backends.redis import AsyncRedisBackend

logging.basicConfig(level=logging.DEBUG)
logging.getLogger('asyncio').setLevel(logging.WARNING)
socket, how, runner = sys.argv[1:]


async def main(keep):
    if runner == 'eager':
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
    client = redis.asyncio.Redis(unix_socket_path=socket)
    made = init_cachify(async_client=client)
    one = made.pool('reports', max_size=1, slot_exp=60, wait=0.3 if how == 'timed out' else 60)

    async def wait():
        async with one:
            pass

    backend = AsyncRedisBackend(client)
    assert await backend.take_slot('PYC-reports', f'1:elsewhere-1:0:0:1:600.0:{id(keep):020}', 1, 600)
    task = asyncio.create_task(wait())
    keep.append(task)
    await asyncio.sleep(0.2)
    assert await one.aqueue_size() == 1
    if how == 'timed out':
        try:
            await task
        except CachifyPoolTimeoutError:
            pass
    elif how == 'cancelled':
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            pass
    if how in ('timed out', 'cancelled'):
        assert await one.aqueue_size() == 0
        await client.aclose()


tasks = []
if how == 'closed':
    loop = asyncio.new_event_loop()
    loop.run_until_complete(main(tasks))
    loop.close()
elif runner == 'uvloop':
    import uvloop
    uvloop.run(main(tasks))
else:
    asyncio.run(main(tasks))
tasks.clear()
gc.collect()
"""


def _stderr_of(program: str, *arguments: str) -> str:
    done = subprocess.run(
        # From Python 3.12 on, it warns of forks beside threads.
        [sys.executable, '-W', 'ignore:This process:DeprecationWarning', '-c', program, *arguments],
        env=os.environ | {'PYTHONPATH': str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.parametrize('runner', ['asyncio', *(['eager'] if sys.version_info >= (3, 12) else [])])
@pytest.mark.parametrize('how', ['timed out', 'cancelled', 'never awaited'])
def test_a_loop_ends_after_a_wait_and_logs_nothing(how: str, runner: str, socket: str, server: 'redis.Redis') -> None:
    """Its listener ends with it, and a waiter that nobody awaits leaves the queue."""
    began = time.monotonic()
    assert _stderr_of(LOOPS, socket, how, runner) == ''
    print(f'{time.monotonic() - began:.1f} s')
    assert RedisBackend(server).count_waiting('PYC-reports') == 0


def test_a_loop_that_is_closed_with_a_waiter_logs_only_what_asyncio_says_of_it(socket: str) -> None:
    """asyncio says of the waiter's task that it was destroyed; nothing is said of the listener."""
    logged = _stderr_of(LOOPS, socket, 'closed', 'asyncio')
    assert 'listener' not in logged


def test_a_listener_does_not_keep_its_loop(socket: str) -> None:
    """A client that serves one loop after the other, each with a waiter, keeps none that ended."""
    client = redis.asyncio.Redis(unix_socket_path=socket)
    made = init_cachify(async_client=client, is_global=False)
    loops: list[weakref.ref[asyncio.AbstractEventLoop]] = []

    async def main() -> None:
        loops.append(weakref.ref(asyncio.get_running_loop()))
        async with made.pool('reports', max_size=1):
            with pytest.raises(CachifyPoolTimeoutError):
                async with made.pool('reports', max_size=1, wait=0.05):
                    pass
        await client.aclose()

    for _ in range(3):
        asyncio.run(main())
    gc.collect()
    # The client itself may refer to the last one.
    assert [loop() for loop in loops[:2]] == [None, None]


CLOSED = """
import asyncio, sys
import redis, redis.asyncio
from py_cachify import MemoryClient, init_cachify

socket, store = sys.argv[1:]
if store == 'memory':
    init = init_cachify(MemoryClient())
else:
    init = init_cachify(redis.Redis(unix_socket_path=socket), async_client=redis.asyncio.Redis(unix_socket_path=socket))
one = init.pool('reports', max_size=1, slot_exp=None, wait=10)
tasks = []


async def wait():
    async with one:
        raise AssertionError('the body ran')


async def main():
    tasks.extend(asyncio.create_task(wait()) for _ in range(20))
    while await one.aqueue_size() < 20:
        await asyncio.sleep(0.01)


with one:
    loop = asyncio.new_event_loop()
    loop.run_until_complete(main())
    loop.close()
assert one.size() == 0
with one:
    assert one.size() == 1
"""


@pytest.mark.parametrize('store', ['memory', 'server'])
def test_a_loop_that_is_closed_with_waiters_keeps_no_slot(store: str, socket: str) -> None:
    """Their tasks can never go on; what they would get goes to the next one."""
    _stderr_of(CLOSED, socket, store)


THROWN_AWAY = 500


def test_slots_that_many_threw_away_are_free_at_once(server: 'redis.Redis') -> None:
    """Each is given back in the same process, and named by the answer to the one before."""
    backend = RedisBackend(server)
    holder, *tickets = (backend.new_token(os.getpid(), make_terms(1, None), 0) for _ in range(1 + THROWN_AWAY))
    for ticket in (holder, *tickets):
        backend.join_queue('reports', ticket, 1, None, None)
    for ticket in tickets:
        waiters.abandon(ticket)
    backend.drop_slot('reports', holder)
    assert (backend.count_slots('reports'), backend.count_waiting('reports')) == (0, 0)


def test_slots_that_many_tasks_threw_away_are_free_at_once(socket: str, server: 'redis.Redis') -> None:
    """Likewise where a task gives the first of them back."""

    async def main() -> tuple[int, int]:
        async with redis.asyncio.Redis(unix_socket_path=socket) as client:
            backend = AsyncRedisBackend(client)
            holder, *tickets = (backend.new_token(os.getpid(), make_terms(1, None), 0) for _ in range(1 + THROWN_AWAY))
            for ticket in (holder, *tickets):
                await backend.join_queue('reports', ticket, 1, None, None)
            for ticket in tickets:
                waiters.abandon(ticket)
            await backend.drop_slot('reports', holder)
            return await backend.count_slots('reports'), await backend.count_waiting('reports')

    assert asyncio.run(main()) == (0, 0)


FORK = """
import json, os, sys, threading, time
import redis
from py_cachify import init_cachify

socket = sys.argv[1]
made = init_cachify(redis.Redis(unix_socket_path=socket))
one = made.pool('reports', max_size=1, slot_exp=600, wait=60)
other = made.pool('mail', max_size=1, slot_exp=600, wait=60)
served = []


def wait():
    with one:
        served.append('thread')


def use_in_the_child():
    # It waits for the slot of its parent, and for one of its own thread.
    def hold():
        with other:
            time.sleep(0.2)

    thread = threading.Thread(target=hold)
    thread.start()
    while not other.size():
        time.sleep(0.001)
    with other:
        pass
    thread.join()
    with one:
        pass


with one:
    thread = threading.Thread(target=wait)
    thread.start()
    while not one.queue_size():
        time.sleep(0.001)
    time.sleep(0.2)
    pids = []

    def fork():
        pid = os.fork()
        if pid == 0:
            try:
                use_in_the_child()
                os._exit(0)
            except BaseException:
                import traceback
                traceback.print_exc()
                os._exit(1)
        pids.append(pid)

    forking = threading.Thread(target=fork)
    forking.start()
    forking.join()
    fork()
    while one.queue_size() < 3:
        time.sleep(0.001)
thread.join()
assert served == ['thread']
for pid in pids:
    assert os.waitpid(pid, 0)[1] == 0
assert (one.size(), one.queue_size(), other.size(), other.queue_size()) == (0, 0, 0, 0)
"""


def test_a_forked_child_waits_beside_its_parent(socket: str) -> None:
    """Forked by a thread that waits for nothing, while another waits and the main one holds."""
    assert _stderr_of(FORK, socket) == ''


def test_in_memory_a_waiter_learns_of_a_slot_that_expires_sooner_than_those_it_knew() -> None:
    """The one before it gets a short slot and never gives it back; the next is served then."""
    made = init_cachify(MemoryClient())
    first = made.pool('reports', max_size=1, slot_exp=600).acquire()
    served: list[str] = []

    def take(name: str, life: float) -> None:
        made.pool('reports', max_size=1, slot_exp=life, wait=30).acquire()
        served.append(name)

    threads = []
    for number, (name, life) in enumerate((('short', 0.2), ('next', 600.0)), 1):
        threads.append(threading.Thread(target=take, args=(name, life)))
        threads[-1].start()
        while made.pool('reports', max_size=1).queue_size() < number:
            time.sleep(0.001)
    first.release()
    for thread in threads:
        thread.join()

    assert served == ['short', 'next']
