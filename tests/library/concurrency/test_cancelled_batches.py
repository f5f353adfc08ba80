"""Tasks whose requests travel together are cancelled one by one, and by all that ends a loop.

A proxy holds the batch up, before it has reached the server or after that.  Whatever happens to one
task touches no other, and no slot stays.
"""

import asyncio
import gc
import itertools
import linecache
import os
import signal
import subprocess
import sys
import threading
import traceback
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

import anyio
import pytest
import redis
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from py_cachify import Cachify, CachifyPoolFullError, init_cachify, pool
from py_cachify.backends import _batches as batches
from py_cachify.backends.atomic import AsyncAtomicBackend
from tests.support.paths import ROOT
from tests.support.proxy import CUTS, CuttingProxy, cutting_proxy


TASKS = 6
"""The first acquires by itself, the others in one batch."""

Work = Callable[[], Coroutine[Any, Any, None]]


class Victim:
    """Somebody who is cancelled.

    Attributes:
        cancel: cancels it.
        hit: whether its task group has failed.
    """

    def __init__(self) -> None:
        self.hit = False
        self.cancel: Callable[[], object] = lambda: None


async def by_task(victim: Victim, work: Work) -> None:
    task = asyncio.create_task(work())
    victim.cancel = task.cancel
    await asyncio.wait([task])
    assert task.cancelled()


async def by_timeout(victim: Victim, work: Work) -> None:
    try:
        async with asyncio.timeout(None) as timeout:
            victim.cancel = lambda: timeout.reschedule(0)
            await work()
    except TimeoutError:
        return
    raise AssertionError('it was not cancelled')


async def by_anyio(victim: Victim, work: Work) -> None:
    with anyio.CancelScope() as scope:
        victim.cancel = scope.cancel
        await work()
    assert scope.cancelled_caught


async def by_task_group(victim: Victim, work: Work) -> None:
    fails = asyncio.Event()
    victim.cancel = fails.set

    async def fail() -> None:
        await fails.wait()
        raise ZeroDivisionError

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(work())
            group.create_task(fail())
    except* ZeroDivisionError:
        # Another error would not be caught here.
        victim.hit = True
    assert victim.hit


every_way = pytest.mark.parametrize('means', [by_task, by_timeout, by_anyio, by_task_group])
where_held = pytest.mark.parametrize('where', CUTS[:2])


@pytest.fixture
def proxy(socket: str, server: 'redis.Redis') -> Iterator[CuttingProxy]:
    init_cachify(server)
    with pool('warm', max_size=1), suppress(CachifyPoolFullError), pool('warm', max_size=1):
        pass
    with cutting_proxy(socket) as made:
        yield made


class Crowd:
    """Tasks that hold slots, some of which are cancelled while they acquire or release.

    Attributes:
        bodies: whose body ran.
        ended: who has left a pool in the usual way.
    """

    def __init__(self, proxy: CuttingProxy, made: Cachify, names: tuple[str, ...] = ('reports', 'mails')) -> None:
        self.proxy = proxy
        self.leave = asyncio.Event()
        self._begin = asyncio.Event()
        self.bodies: set[int] = set()
        self.ended: set[int] = set()
        self.victims: dict[int, Victim] = {}
        self._made = made
        self._names = names

    async def start(self, means: dict[int, Callable[[Victim, Work], Coroutine[Any, Any, None]]]) -> None:
        """Let all tasks acquire; those with a means can be cancelled."""
        self._begin.clear()
        self.tasks = []
        for number in range(TASKS):
            work = self._work(number)
            if number in means:
                victim = self.victims[number] = Victim()
                self.tasks.append(asyncio.ensure_future(means[number](victim, work)))
            else:
                self.tasks.append(asyncio.ensure_future(work()))
        # Some means have a task of their own.
        for _ in range(3):
            await asyncio.sleep(0)
        self._begin.set()

    def _work(self, number: int) -> Work:
        async def work() -> None:
            await self._begin.wait()
            name = self._names[number % len(self._names)]
            async with self._made.pool(name, max_size=TASKS, slot_exp=None):
                self.bodies.add(number)
                await self.leave.wait()
            self.ended.add(number)

        return work

    async def until_held(self, requests: int) -> None:
        """Wait until the proxy holds up this many requests."""
        await _until(lambda: self.proxy.held >= requests)

    async def until_inside(self, *numbers: int) -> None:
        """Wait until these run their bodies."""
        await _until(lambda: self.bodies == {*numbers})

    async def end(self) -> None:
        """Let everybody leave, and wait until all tasks have ended."""
        self.leave.set()
        async with asyncio.timeout(30):
            await asyncio.gather(*self.tasks)


async def _until(happens: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not happens():  # noqa: ASYNC110 - the proxy is a thread
            await asyncio.sleep(0)


async def _a_while() -> None:
    for _ in range(20):
        await asyncio.sleep(0.001)


@contextmanager
def _which_ends(seconds: float = 30) -> Iterator[None]:
    """Fail if the block does not end, although a loop waits for its tasks."""

    def fail(*_: Any) -> None:
        raise AssertionError('asyncio.run() does not end')

    before = signal.signal(signal.SIGALRM, fail)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _run(proxy: CuttingProxy, test: Callable[[Crowd], Awaitable[None]], **options: Any) -> None:
    async def main() -> None:
        plain: Any = {'protocol': 2, 'driver_info': None, 'socket_timeout': 60, **options}
        async with redis.asyncio.Redis(unix_socket_path=proxy.path, **plain) as client:
            made: Any = client
            await test(Crowd(proxy, init_cachify(async_client=made)))

    with _which_ends():
        asyncio.run(main())


def _left(server: Any) -> list[bytes]:
    return [key for key in server.keys('PYC-*') if b'~' not in key]


# --- one of them


@every_way
@where_held
def test_one_that_is_cancelled_touches_no_other_that_acquires(
    monkeypatch: pytest.MonkeyPatch,
    proxy: CuttingProxy,
    server: 'redis.Redis',
    means: Callable[[Victim, Work], Coroutine[Any, Any, None]],
    where: str,
) -> None:
    """It waits for the answer, gives its slot back and ends; the others have theirs."""
    monkeypatch.setattr(AsyncAtomicBackend, 'patience', None)

    async def test(crowd: Crowd) -> None:
        proxy.hold(where)
        await crowd.start({3: means})
        await crowd.until_held(TASKS)
        crowd.victims[3].cancel()
        await _a_while()
        assert not any(task.done() for task in crowd.tasks)
        proxy.let_go()
        await crowd.until_inside(0, 1, 2, 4, 5)
        await crowd.tasks[3]
        assert server.zcard('PYC-reports') + server.zcard('PYC-mails') == TASKS - 1
        await crowd.end()
        assert crowd.ended == {0, 1, 2, 4, 5}

    proxy.start_counting({})
    _run(proxy, test)
    assert proxy.batches[0] == TASKS - 1
    assert _left(server) == []


@every_way
@where_held
def test_one_that_is_cancelled_does_not_wait_long_for_its_batch(
    proxy: CuttingProxy,
    server: 'redis.Redis',
    means: Callable[[Victim, Work], Coroutine[Any, Any, None]],
    where: str,
) -> None:
    """It undoes itself by another connection, while the others go on waiting for their answers.

    The server refuses what arrives after its undo.
    """

    async def test(crowd: Crowd) -> None:
        proxy.hold(where)
        await crowd.start({3: means})
        await crowd.until_held(TASKS)
        proxy.hold_no_more()
        crowd.victims[3].cancel()
        await crowd.tasks[3]
        assert [task.done() for task in crowd.tasks] == [False, False, False, True, False, False]
        proxy.let_go()
        await crowd.until_inside(0, 1, 2, 4, 5)
        assert server.zcard('PYC-reports') + server.zcard('PYC-mails') == TASKS - 1
        await crowd.end()

    _run(proxy, test)
    assert _left(server) == []
    assert server.keys('*~undone~*')


@every_way
@where_held
def test_one_that_is_cancelled_touches_no_other_that_releases(
    proxy: CuttingProxy,
    server: 'redis.Redis',
    means: Callable[[Victim, Work], Coroutine[Any, Any, None]],
    where: str,
) -> None:
    """All slots are given back, the cancelled one included."""

    async def test(crowd: Crowd) -> None:
        await crowd.start({2: means})
        await crowd.until_inside(*range(TASKS))
        proxy.hold(where)
        crowd.leave.set()
        await crowd.until_held(TASKS)
        crowd.victims[2].cancel()
        await asyncio.sleep(0.2)  # longer than an acquire would wait
        assert not any(task.done() for task in crowd.tasks)
        proxy.let_go()
        await crowd.end()
        assert crowd.ended == {0, 1, 3, 4, 5}

    _run(proxy, test)
    assert _left(server) == []


@where_held
def test_several_of_one_batch_are_cancelled_by_different_means(
    proxy: CuttingProxy, server: 'redis.Redis', where: str
) -> None:
    async def test(crowd: Crowd) -> None:
        proxy.hold(where)
        await crowd.start({1: by_task, 2: by_timeout, 3: by_anyio, 4: by_task_group})
        await crowd.until_held(TASKS)
        proxy.hold_no_more()
        for victim in crowd.victims.values():
            victim.cancel()
            await asyncio.sleep(0)
        await asyncio.gather(*crowd.tasks[1:5])
        assert not crowd.tasks[5].done()
        proxy.let_go()
        await crowd.until_inside(0, 5)
        await crowd.end()

    _run(proxy, test)
    assert _left(server) == []


@every_way
def test_what_was_given_up_before_it_left_does_not_leave(
    monkeypatch: pytest.MonkeyPatch,
    proxy: CuttingProxy,
    server: 'redis.Redis',
    means: Callable[[Victim, Work], Coroutine[Any, Any, None]],
) -> None:
    """Neither does an undo: nothing was sent."""
    monkeypatch.setattr(batches, 'MOST_UNDER_WAY', 1)

    async def test(crowd: Crowd) -> None:
        proxy.hold('before the request')
        await crowd.start({3: means})
        await crowd.until_held(1)
        crowd.victims[3].cancel()
        await asyncio.sleep(0.2)  # longer than it waits for its answer
        proxy.let_go()
        await crowd.tasks[3]
        await crowd.until_inside(0, 1, 2, 4, 5)
        assert proxy.requests == TASKS - 1
        await crowd.end()

    proxy.start_counting({})
    _run(proxy, test)
    assert _left(server) == []


@where_held
def test_a_batch_that_all_have_given_up_is_broken_off(
    monkeypatch: pytest.MonkeyPatch, proxy: CuttingProxy, server: 'redis.Redis', where: str
) -> None:
    """Or a connection on which nothing arrives any more would be in use for ever, and so all eight.

    Each acquire goes on a connection that answers nothing, and there are more batches than can be
    under way.
    """
    monkeypatch.setattr(AsyncAtomicBackend, 'patience', 0.02)

    async def test(crowd: Crowd) -> None:
        for _ in range(batches.MOST_UNDER_WAY + 2):
            proxy.hold(where)
            await crowd.start(dict.fromkeys(range(TASKS), by_task))
            await crowd.until_held(TASKS)
            proxy.hold_no_more()
            for victim in crowd.victims.values():
                victim.cancel()
            async with asyncio.timeout(30):
                await asyncio.gather(*crowd.tasks)
        assert crowd.bodies == set()
        await crowd.start({})
        await crowd.until_inside(*range(TASKS))
        await crowd.end()

    _run(proxy, test, socket_timeout=None)
    assert _left(server) == []
    proxy.let_go()


def test_a_held_up_batch_does_not_spin(proxy: CuttingProxy, server: 'redis.Redis') -> None:
    """anyio repeats its cancellation in each turn of the loop until the task ends."""
    turns = 0

    class CountingLoop(asyncio.SelectorEventLoop):
        def _run_once(self) -> None:
            nonlocal turns
            turns += 1
            super()._run_once()  # type: ignore[misc]  # not in the stubs

    async def main() -> None:
        nonlocal turns
        async with redis.asyncio.Redis(unix_socket_path=proxy.path, protocol=2, socket_timeout=60) as client:
            made: Any = client
            crowd = Crowd(proxy, init_cachify(async_client=made))
            await crowd.start(dict.fromkeys((2, 3, 4), by_anyio))
            await crowd.until_inside(*range(TASKS))
            proxy.hold('before the request')
            crowd.leave.set()
            await crowd.until_held(TASKS)
            for victim in crowd.victims.values():
                victim.cancel()
            turns = 0
            await asyncio.sleep(0.3)
            assert turns < 100
            proxy.let_go()
            await crowd.end()

    with asyncio.Runner(loop_factory=CountingLoop) as runner:
        runner.run(main())
    assert _left(server) == []


# --- all of them


@pytest.mark.parametrize('acquires', [False, True], ids=['releases', 'acquires'])
def test_a_loop_that_ends_with_requests_under_way_leaves_no_slot(
    socket: str, server: 'redis.Redis', acquires: bool
) -> None:
    """At any moment: before a batch is made, before its task begins, and while it is under way.

    One client serves all these loops, one after the other.
    """
    made = init_cachify(f'unix://{socket}')
    few = made.pool('reports', max_size=100, slot_exp=None)
    inside = 0

    async def hold(leave: asyncio.Event) -> None:
        nonlocal inside
        async with few:
            inside += 1
            await leave.wait()

    async def main(turns: int) -> None:
        leave = asyncio.Event()
        tasks = [asyncio.create_task(hold(leave)) for _ in range(30)]
        if not acquires:
            await _until(lambda: inside == 30)
            leave.set()
        for _ in range(turns):
            await asyncio.sleep(0)
        assert len(tasks) == 30

    for turns in range(15):
        inside = 0
        with _which_ends():
            asyncio.run(main(turns))
        assert _left(server) == [], f'a slot stays if the loop ends after {turns} turns'


def test_a_loop_that_has_ended_is_forgotten(monkeypatch: pytest.MonkeyPatch, socket: str) -> None:
    """Also if requests waited for more to leave with them."""
    monkeypatch.setattr(batches, 'LONGEST_HOLD', 3600)
    monkeypatch.setattr(batches, 'WORTHWHILE', 2)
    client: Any = redis.asyncio.Redis(unix_socket_path=socket)
    few = init_cachify(async_client=client).pool('reports', max_size=100)
    loops = []

    async def main() -> None:
        loops.append(weakref.ref(asyncio.get_running_loop()))

        async def hold() -> None:
            async with few:
                pass

        await asyncio.gather(*(hold() for _ in range(20)))
        await client.aclose()

    for _ in range(3):
        asyncio.run(main())
    gc.collect()
    # The client's connections refer to the last one.
    assert [loop() for loop in loops[:2]] == [None, None]


class TimeLimitError(Exception):
    """As the time limits of task queues."""


@where_held
@pytest.mark.parametrize('limit', [KeyboardInterrupt, TimeLimitError])
def test_a_signal_handler_that_raises_while_a_batch_is_under_way(
    proxy: CuttingProxy, server: 'redis.Redis', where: str, limit: type[BaseException]
) -> None:
    """The program gets its exception, all tasks end, and no slot stays."""

    def handler(*_: Any) -> None:
        proxy.let_go()
        raise limit

    async def main() -> None:
        crowd = Crowd(proxy, init_cachify(f'unix://{proxy.path}?protocol=2'))
        await crowd.start({})
        await crowd.until_inside(*range(TASKS))
        proxy.hold(where)
        crowd.leave.set()
        await crowd.until_held(TASKS)
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        await asyncio.sleep(30)

    before = signal.signal(signal.SIGALRM, handler)
    try:
        with pytest.raises(limit):
            asyncio.run(main())
    finally:
        signal.signal(signal.SIGALRM, before)
    assert _left(server) == []


class Interrupted(redis.asyncio.UnixDomainSocketConnection):
    """A connection on which an interrupt falls into a batch that has been sent, once."""

    armed = False

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        await super().send_packed_command(command, check_health)
        if self.armed and b''.join(command).count(b'EVALSHA') > 1:
            Interrupted.armed = False
            raise KeyboardInterrupt


def test_an_interrupt_within_a_batch_is_raised_once_and_each_request_is_repeated(
    proxy: CuttingProxy, server: 'redis.Redis'
) -> None:
    """The program gets it; to the tasks, the outcome of their requests is unknown."""

    async def main() -> None:
        connections: Any = redis.asyncio.ConnectionPool(connection_class=Interrupted, path=proxy.path)
        client: Any = redis.asyncio.Redis(connection_pool=connections)
        try:
            crowd = Crowd(proxy, init_cachify(async_client=client))
            await crowd.start({})
            await crowd.until_inside(*range(TASKS))
            Interrupted.armed = True
            crowd.leave.set()
            # By then the tasks have repeated their requests: they end before this one is cancelled.
            await asyncio.sleep(30)
        finally:
            await asyncio.wait(crowd.tasks)
            await connections.aclose()

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(main())
    assert not Interrupted.armed
    assert _left(server) == []


def test_a_batch_for_which_no_connection_is_free_is_kept(socket: str, server: 'redis.Redis') -> None:
    """It leaves once the rest of the program has given one back."""

    async def main() -> None:
        async with redis.asyncio.Redis(unix_socket_path=socket, max_connections=1, socket_timeout=60) as client:
            made: Any = client
            few = init_cachify(async_client=made).pool('reports', max_size=TASKS, slot_exp=None)
            connections: Any = client.connection_pool
            connection = await connections.get_connection()
            leave, inside = asyncio.Event(), 0

            async def hold() -> None:
                nonlocal inside
                async with few:
                    inside += 1
                    await leave.wait()

            tasks = [asyncio.create_task(hold()) for _ in range(TASKS)]
            await _a_while()
            assert inside == 0
            await connections.release(connection)
            await _until(lambda: inside == TASKS)
            connection = await connections.get_connection()
            leave.set()
            await _a_while()
            tasks[2].cancel()
            await _a_while()
            assert not any(task.done() for task in tasks)
            await connections.release(connection)
            async with asyncio.timeout(30):
                await asyncio.wait(tasks)
            assert [task.cancelled() for task in tasks] == [number == 2 for number in range(TASKS)]

    with _which_ends():
        asyncio.run(main())
    assert server.zcard('PYC-reports') == 0


def test_a_cancelled_waiter_whose_undo_fails_says_that_a_slot_stays(
    proxy: CuttingProxy, server: 'redis.Redis', caplog: pytest.LogCaptureFixture
) -> None:
    """Its request was given up, and its undo cut; it is cancelled, so only the log can say it."""
    with pool('warm', max_size=1, wait=1):
        pass

    async def main() -> None:
        plain: Any = {'unix_socket_path': proxy.path, 'protocol': 2, 'driver_info': None, 'socket_timeout': 60}
        async with redis.asyncio.Redis(retry=Retry(NoBackoff(), 0), **plain) as client:
            made: Any = client
            one = init_cachify(async_client=made).pool('reports', max_size=1, slot_exp=600, wait=60)
            proxy.hold('before the reply')
            task = asyncio.create_task(one.__aenter__())
            await _until(lambda: server.zcard('PYC-reports') == 1)
            proxy.hold_no_more()
            proxy.start_counting({1: 'before the request'})
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()

    asyncio.run(main())
    tokens: Any = server.zrange('PYC-reports', 0, -1)
    [message] = caplog.messages
    assert 'could not be undone' in message
    assert f'[token {tokens[0].decode()}]' in message


def test_a_time_limit_while_answers_are_delivered_keeps_no_task_waiting(socket: str, server: 'redis.Redis') -> None:
    """At each line in turn that follows the answer of a batch: who was not told raises it."""
    code = batches.Batches._carry.__code__
    lines = sorted({line for *_, line in code.co_lines() if line is not None})
    after = [line for line in lines if 'error = sending.exception()' in _line(line)]
    armed, fell = -1, 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal armed, fell
        if frame.f_code is not code:
            return None
        if event == 'line' and frame.f_lineno >= after[0] and armed >= 0:
            armed -= 1
            if armed < 0:
                fell += 1
                raise TimeLimitError
        return trace

    async def main(number: int) -> None:
        nonlocal armed
        few = init_cachify(f'unix://{socket}').pool('reports', max_size=9, slot_exp=None)

        async def hold() -> None:
            async with few:
                pass

        tasks = [asyncio.create_task(hold()) for _ in range(5)]
        armed = number
        async with asyncio.timeout(30):
            found = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(error) for error in found} <= {type(None), TimeLimitError}

    before = sys.gettrace()
    for number in itertools.count():
        sys.settrace(trace)
        try:
            asyncio.run(main(number))
        finally:
            sys.settrace(before)
        assert server.zcard('PYC-reports') == 0, number
        if armed >= 0:
            break
    assert fell == number > 20


def _line(number: int) -> str:
    return linecache.getline(batches.__file__, number)


# --- forks, threads


def fork_during_a_batch(path: str, kind: str) -> dict[str, Any]:
    """Fork while a batch is under way, and use the pool in the child's own loop."""
    found: dict[str, Any] = {}
    client: Any = redis.asyncio.Redis(unix_socket_path=path, socket_timeout=60)
    made = init_cachify(f'unix://{path}') if kind == 'url' else init_cachify(async_client=client)
    few = made.pool('reports', max_size=99, slot_exp=None)

    async def use() -> int:
        everyone = asyncio.Barrier(10)
        sizes = []

        async def hold() -> None:
            async with few:
                await everyone.wait()
                sizes.append(await few.asize())
                await everyone.wait()

        await asyncio.gather(*(hold() for _ in range(10)))
        return min(sizes)

    def in_the_child() -> int:
        try:
            return int(asyncio.run(use()) < 10)
        except BaseException:
            traceback.print_exc()
            return 2

    async def main() -> None:
        if kind != 'unused client':
            assert await use() == 10
        running = asyncio.create_task(use())
        await _until(lambda: any('_carry' in repr(task.get_coro()) for task in asyncio.all_tasks()))
        child = os.fork()
        if child == 0:
            os._exit(in_the_child())
        _, found['status of the child'] = await asyncio.to_thread(os.waitpid, child, 0)
        found['parent'] = await running >= 10
        found['left'] = await few.asize()
        await (made.aclose() if kind == 'url' else client.aclose())

    asyncio.run(main())
    return found


@pytest.mark.parametrize('kind', ['url', 'unused client'])
def test_a_child_that_is_forked_during_a_batch_has_batches_of_its_own(socket: str, kind: str) -> None:
    """Neither waits for what the other has under way, and nothing is left of either."""
    call = f'fork_during_a_batch({socket!r}, {kind!r})'
    program = f'from tests.library.concurrency.test_cancelled_batches import *; print({call})'
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', program],
        cwd=ROOT,
        env=os.environ | {'PYTHONPATH': str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str({'status of the child': 0, 'parent': True, 'left': 0})


def test_loops_of_several_threads_have_batches_of_their_own(socket: str, server: 'redis.Redis') -> None:
    """They share the pools, and each task is woken in its own loop."""
    made = init_cachify(f'unix://{socket}')
    running = 0
    most = 0
    lock = threading.Lock()
    ended: list[int] = []

    async def hold(few: pool, number: int) -> None:
        nonlocal running, most
        for _ in range(5):
            while True:
                try:
                    async with few:
                        with lock:
                            running += 1
                            most = max(most, running)
                        await asyncio.sleep(0.001)
                        with lock:
                            running -= 1
                        break
                except CachifyPoolFullError:
                    await asyncio.sleep(0.002)
        ended.append(number)

    async def main() -> None:
        few = made.pool('reports', max_size=10, slot_exp=None)
        await asyncio.gather(*(hold(few, number) for number in range(30)))

    threads = [threading.Thread(target=asyncio.run, args=(main(),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ended) == 60
    assert most <= 10
    assert server.keys() == []
