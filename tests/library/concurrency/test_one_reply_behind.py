"""A connection that is one reply behind grants, refuses and counts nothing wrongly.

An exception between a request and its reply (Ctrl-C, the time limit of a task queue) leaves the
reply on the connection, and a client may use the connection again.  The next request on it then
reads that reply.
"""

import asyncio
import json
import math
import os
import subprocess
import sys
from collections import deque
from typing import Any

import pytest
import redis

from py_cachify import CachifyPoolFullError, init_cachify, pool
from py_cachify.backends._answers import (
    MAX_REPEATED,
    read_fence,
    read_grant,
    read_release,
    read_size,
    read_undo,
)
from py_cachify.backends.redis import AsyncRedisBackend, RedisBackend
from py_cachify.commands import Command, DrawFence, Listed, ListSlots, ListWaiting, Refusal, RenewSlots
from tests.support.proxy import cutting_proxy
from tests.support.stores import AsyncDriver, Clients, Driver, SyncDriver, make_clients


class TimeLimitError(Exception):
    """What the signal handler of a task queue raises."""


class Behind:
    """A client that answers each request with an earlier answer."""

    def __init__(self, client: Any, *outstanding: Any) -> None:
        self._client = client
        self._answers = deque(outstanding)

    def evalsha(self, *arguments: Any) -> Any:
        return self._later(self._client.evalsha(*arguments))

    def eval(self, *arguments: Any) -> Any:
        return self._later(self._client.eval(*arguments))

    def _later(self, answer: Any) -> Any:
        self._answers.append(answer)
        return self._answers.popleft()


class AsyncBehind(Behind):
    """The same over a synchronous client, to be awaited."""

    async def evalsha(self, *arguments: Any) -> Any:
        return super().evalsha(*arguments)

    async def eval(self, *arguments: Any) -> Any:
        return super().eval(*arguments)


class BehindOnce(Behind):
    """The same with redis-py's way to close idle connections: old answers are never read."""

    @property
    def connection_pool(self) -> Any:
        return self

    def disconnect(self, *, inuse_connections: bool) -> None:
        assert not inuse_connections
        self._answers.clear()


class AsyncBehindOnce(AsyncBehind):
    """The same, to be awaited."""

    @property
    def connection_pool(self) -> Any:
        return self

    async def disconnect(self, *, inuse_connections: bool) -> None:
        assert not inuse_connections
        self._answers.clear()


@pytest.fixture
def direct(socket: str) -> 'redis.Redis':
    """A client of the real server, which knows the scripts."""
    client: redis.Redis = make_clients('valkey', socket).sync
    init_cachify(client)
    one = pool('warm', max_size=1)
    with one, pytest.raises(CachifyPoolFullError), one:
        pass
    one.size()
    return client


@pytest.fixture(params=['sync', 'async'])
def side(request: pytest.FixtureRequest) -> str:
    """Threads, then asyncio."""
    return str(request.param)


def _driver(side: str, direct: Any, *outstanding: Any) -> Driver:
    """Make the global pools use a client that is behind, and return what drives them."""
    if side == 'sync':
        init_cachify(Behind(direct, *outstanding))  # type: ignore[arg-type]
        return SyncDriver()
    behind: Any = AsyncBehind(direct, *outstanding)
    init_cachify(async_client=behind)
    return AsyncDriver(Clients(direct, behind, None))


@pytest.mark.parametrize(
    'outstanding',
    [(1,), (0,), (-1,), (2**42,), (None,), (b'1',), ('1',), ([1, 2],), (True,), (1, 0, 1), (1,) * MAX_REPEATED],
    ids=str,
)
def test_the_answer_to_another_request_is_no_answer(
    side: str, direct: 'redis.Redis', outstanding: tuple[Any, ...], caplog: pytest.LogCaptureFixture
) -> None:
    """Grants and refusals are true, sizes are exact, and no exit claims that its slot was lost."""
    other = init_cachify(direct, is_global=False)
    driver = _driver(side, direct, *outstanding)

    async def body() -> None:
        one = pool('reports', max_size=1)
        for _ in range(3):
            async with driver.hold(one):
                assert await driver.size(one) == 1
                with pytest.raises(CachifyPoolFullError):
                    async with driver.hold(one):
                        raise AssertionError('a false grant')
            assert await driver.size(one) == 0
            with other.pool('reports', max_size=1):
                assert await driver.size(one) == 1
                with pytest.raises(CachifyPoolFullError):
                    async with driver.hold(one):
                        raise AssertionError('a false grant')
                assert await driver.size(one) == 1

    driver.run(body())
    assert caplog.text == ''


@pytest.mark.parametrize('read', [read_release, read_undo, read_size, read_fence])
def test_a_grant_is_no_answer_to_a_release_of_the_same_token(direct: 'redis.Redis', read: Any) -> None:
    """Nor to its undo: the operation is in the answer too."""
    sent: list[Any] = []

    class Recorder(Behind):
        def _later(self, answer: Any) -> Any:
            sent.append(answer)
            return answer

    backend = RedisBackend(Recorder(direct))
    token = 'a1b2-77-12345'
    assert backend.take_slot('reports', token, 1, 9)
    assert backend.drop_slot('reports', token)
    assert not backend.undo_slot('reports', token)

    number = token.encode()[-5:] if read is not read_size else b'12345'
    answers = [read(answer, number, False) for answer in sent]

    right: dict[Any, list[Any]] = {read_release: [None, True, None], read_undo: [None, None, False]}
    assert answers == right.get(read, [None] * 3)
    assert [read_grant(answer, number, False) for answer in sent[1:]] == [None, None]


HELD: list[tuple[Command[Any], Any]] = [
    (ListSlots('reports'), (Listed('a1b2-77-12345', math.inf),)),
    (ListWaiting('reports'), ('1:p:0:0:1::waits',)),
    (RenewSlots('reports', (('a1b2-77-12345', 9.0), ('nobody', 9.0))), (True, False)),
    (DrawFence('reports', 'nobody'), Refusal.EXPIRED),
]
"""Requests about a pool with a holder and a waiter, each with its reply."""


class AskedBefore:
    """Has sent all these requests, and keeps the answers, as if they were outstanding."""

    def __init__(self, direct: 'redis.Redis') -> None:
        self.answers: list[Any] = []
        backend = RedisBackend(self)
        self._client = direct
        backend.take_slot('reports', 'a1b2-77-12345', 1, None)
        backend.join_queue('reports', '1:p:0:0:1::waits', 1, None, None)
        for command, _ in HELD:
            backend.perform(command)
        backend.draw_fence('reports', 'a1b2-77-12345')
        assert len(self.answers) == 7

    def evalsha(self, *arguments: Any) -> Any:
        self.answers.append(self._client.evalsha(*arguments))
        return self.answers[-1]

    def eval(self, *arguments: Any) -> Any:
        self.answers.append(self._client.eval(*arguments))
        return self.answers[-1]


def _reply(side: str, direct: 'redis.Redis', command: Command[Any], *outstanding: Any) -> Any:
    if side == 'sync':
        return RedisBackend(Behind(direct, *outstanding)).perform(command)

    async def body() -> Any:
        return await AsyncRedisBackend(AsyncBehind(direct, *outstanding)).aperform(command)

    return asyncio.run(body())


@pytest.mark.parametrize(('command', 'reply'), HELD, ids=lambda each: type(each).__name__)
def test_a_list_is_not_read_from_the_answer_to_another_request(
    side: str, direct: 'redis.Redis', command: Command[Any], reply: Any
) -> None:
    """Not even to one of the same kind: each request has a number, or a token, of its own."""
    outstanding = [*AskedBefore(direct).answers, -1, 0, [], [-1], [1, b'a'], [b'a', b'1'], None, b'1', True]
    for answer in outstanding:
        assert _reply(side, direct, command, answer) == reply, answer


def test_a_fencing_token_is_not_read_from_the_answer_to_another_request(side: str, direct: 'redis.Redis') -> None:
    """Each draw is greater than all before it, whichever of the answers to it is read."""
    before = AskedBefore(direct).answers
    greatest = int(before[-1][1])
    for answer in (*before[:-1], -1, 0, [1, b'5'], None):
        drawn = _reply(side, direct, DrawFence('reports', 'a1b2-77-12345'), answer)
        assert drawn > greatest
        greatest = drawn


@pytest.mark.parametrize('answer', [object(), {1}.pop], ids=['object', 'method'])
def test_what_no_server_sends_instead_of_a_list_is_an_error(direct: 'redis.Redis', answer: Any) -> None:
    """As from a pipeline; asking again would not help."""
    with pytest.raises(TypeError, match='pass the client itself, not a pipeline'):
        _reply('sync', direct, ListSlots('reports'), answer)


def test_a_connection_that_is_further_behind_is_an_error(side: str, direct: 'redis.Redis') -> None:
    """The error says what to do; it is neither a grant nor a refusal."""
    driver = _driver(side, direct, *[1] * (MAX_REPEATED + 1))

    async def body() -> None:
        with pytest.raises(ConnectionError, match='close the connections of the client'):
            await driver.size(pool('reports', max_size=1))

    driver.run(body())


def test_a_release_whose_answer_was_never_read_is_no_loss(
    side: str, direct: 'redis.Redis', caplog: pytest.LogCaptureFixture
) -> None:
    """It gave the slot back, so the second request on a new connection finds none."""
    one = pool('reports', max_size=1)
    if side == 'sync':
        client = BehindOnce(direct)
        init_cachify(client)  # type: ignore[arg-type]
        with one:
            client._answers.append(0)
    else:

        async def body() -> None:
            client: Any = AsyncBehindOnce(direct)
            init_cachify(async_client=client)
            async with one:
                client._answers.append(0)

        asyncio.run(body())
    init_cachify(direct)
    assert one.size() == 0
    assert caplog.text == ''


class LateCopy:
    """A client whose first acquire is sent twice, and receives the answer to the first copy.

    The first copy is refused. The second is granted, because the holder has left in the meantime.
    """

    def __init__(self, client: Any, holder: Any, first: Any) -> None:
        self._client, self._holder, self._first = client, holder, first
        self._outstanding: list[Any] = []
        self.asked = 0

    def evalsha(self, *arguments: Any) -> Any:
        return self._send(self._client.evalsha, arguments)

    def eval(self, *arguments: Any) -> Any:
        return self._send(self._client.eval, arguments)

    def _send(self, send: Any, arguments: tuple[Any, ...]) -> Any:
        self.asked += 1
        if self.asked == 2:
            self._holder.__exit__(None, None, None)
        self._outstanding.append(send(*arguments))
        if self.asked == 1 and isinstance(self._first, Exception):
            raise self._first
        return self._first if self.asked == 1 else self._outstanding.pop(0)


class AsyncLateCopy(LateCopy):
    """The same, to be awaited."""

    async def evalsha(self, *arguments: Any) -> Any:
        return super().evalsha(*arguments)

    async def eval(self, *arguments: Any) -> Any:
        return super().eval(*arguments)


@pytest.mark.parametrize('first', [5, redis.exceptions.NoScriptError('of another request')], ids=['answer', 'error'])
def test_a_refusal_of_the_first_copy_leaves_no_slot_of_the_second(side: str, direct: 'redis.Redis', first: Any) -> None:
    """It is refused, because the pool was full, and the slot that nobody learns of is undone."""
    truth = init_cachify(direct, is_global=False).pool('reports', max_size=1, slot_exp=None)
    truth.__enter__()
    client: Any = (LateCopy if side == 'sync' else AsyncLateCopy)(direct, truth, first)
    if side == 'sync':
        init_cachify(client)
    else:
        init_cachify(async_client=client)
    one = pool('reports', max_size=1, slot_exp=None)

    async def enter() -> None:
        async with one:
            raise AssertionError('granted')

    with pytest.raises(CachifyPoolFullError):
        one.__enter__() if side == 'sync' else asyncio.run(enter())
    assert client.asked >= 3
    assert truth.size() == 0


@pytest.mark.parametrize('error', [KeyboardInterrupt, TimeLimitError])
@pytest.mark.parametrize('interrupted', ['acquire', 'size', 'get'])
def test_after_an_interrupt_nothing_is_granted_refused_or_counted_wrongly(
    socket: str,
    direct: 'redis.Redis',
    monkeypatch: pytest.MonkeyPatch,
    error: type[BaseException],
    interrupted: str,
) -> None:
    """With redis-py's own connections, whichever request was interrupted."""
    with redis.Redis(unix_socket_path=socket) as client:
        init_cachify(client)
        other = init_cachify(direct, is_global=False)
        client.set('name', 'value')

        def broken_off(*_: Any, **__: Any) -> Any:
            monkeypatch.undo()
            raise error

        monkeypatch.setattr(redis.Redis, 'parse_response', broken_off)
        two = pool('two', max_size=2)
        use: Any = {'acquire': two.__enter__, 'size': two.size, 'get': lambda: client.get('name')}[interrupted]
        with pytest.raises(error):
            use()
        init_cachify(client)
        with other.pool('full', max_size=1):
            for _ in range(4):
                with pytest.raises(CachifyPoolFullError), pool('full', max_size=1):
                    raise AssertionError('a false grant')
                assert pool('full', max_size=1).size() == 1
                assert two.size() == 0
                with two:
                    assert two.size() == 1
        assert client.get('name') == b'value'


PROGRAM = """
import collections, json, logging, random, signal, sys, time
import redis
from py_cachify import CachifyPoolFullError, init_cachify

class TimeLimitError(Exception): pass

socket, slow, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
logging.disable()
direct = redis.Redis(unix_socket_path=socket)
truth = init_cachify(direct, is_global=False)
stream = random.Random(5)
options = {'unix_socket_path': slow, 'max_connections': 100_000}
errors = collections.Counter()
found = {'interrupts': 0, 'grants': 0, 'refusals': 0, 'sizes': 0, 'asked': 0}

def interrupt(_, frame):
    # Only where the client is at work.
    while frame is not None and '/redis/' not in frame.f_code.co_filename and frame.f_code.co_name != 'parse_response':
        frame = frame.f_back
    if frame is not None:
        raise TimeLimitError

def count(wrong, name):
    found['asked'] += 1
    found[name] += wrong

class Client(redis.Redis):
    def parse_response(self, *arguments, **options):
        for _ in range(5_000):
            pass  # More signals arrive between a request and its answer.
        return super().parse_response(*arguments, **options)

signal.signal(signal.SIGALRM, interrupt)
truth.pool('full', 1, slot_exp=None).__enter__()
until = time.monotonic() + seconds

def again():
    signal.setitimer(signal.ITIMER_REAL, stream.uniform(0.00005, 0.002), 0.003)

def stop():
    signal.setitimer(signal.ITIMER_REAL, 0)
    found['interrupts'] += 1

pools = init_cachify(Client(**options), is_global=False)
full, free = pools.pool('full', 1), pools.pool('free', 100_000)
while time.monotonic() < until:
    try:
        again()
        while True:
            try:
                full.__enter__()
                count(1, 'grants')
            except CachifyPoolFullError:
                count(0, 'grants')
            count(full.size() != 1, 'sizes')
            try:
                with free:
                    pass
                count(0, 'refusals')
            except CachifyPoolFullError:
                count(1, 'refusals')
    except TimeLimitError:
        stop()
    except Exception as error:
        stop()
        errors[type(error).__name__] += 1
signal.setitimer(signal.ITIMER_REAL, 0)
print(json.dumps(found | {'errors': errors}))
"""


ASYNC_PROGRAM = """
import asyncio, collections, json, logging, random, signal, sys
import redis, redis.asyncio
from py_cachify import CachifyPoolFullError, init_cachify

class TimeLimitError(Exception): pass

socket, slow, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
logging.disable()
truth = init_cachify(redis.Redis(unix_socket_path=socket), is_global=False)
truth.pool('full', 1, slot_exp=None).__enter__()
stream = random.Random(5)
errors = collections.Counter()
found = {'interrupts': 0, 'grants': 0, 'refusals': 0, 'sizes': 0, 'asked': 0}

class Client(redis.asyncio.Redis):
    async def parse_response(self, *arguments, **options):
        if stream.random() < 0.02:
            found['interrupts'] += 1
            raise TimeLimitError
        return await super().parse_response(*arguments, **options)

def count(wrong, name):
    found['asked'] += 1
    found[name] += wrong

async def work(client, pools, until):
    full, free = pools.pool('full', 1), pools.pool('free', 100_000)
    while asyncio.get_running_loop().time() < until:
        try:
            try:
                async with full:
                    count(1, 'grants')
            except CachifyPoolFullError:
                count(0, 'grants')
            count(await full.asize() != 1, 'sizes')
            await client.get('name')
            try:
                async with free:
                    pass
                count(0, 'refusals')
            except CachifyPoolFullError:
                count(1, 'refusals')
        except asyncio.CancelledError:
            asyncio.current_task().uncancel()
        except TimeLimitError:
            pass
        except Exception as error:
            errors[type(error).__name__] += 1

async def main():
    loop = asyncio.get_running_loop()
    client = Client(unix_socket_path=slow)
    pools = init_cachify(async_client=client, is_global=False)
    tasks = [asyncio.create_task(work(client, pools, loop.time() + seconds)) for _ in range(4)]

    def interrupt():
        found['interrupts'] += 1
        stream.choice(tasks).cancel()
        signal.setitimer(signal.ITIMER_REAL, stream.uniform(0.00005, 0.003))

    loop.add_signal_handler(signal.SIGALRM, interrupt)
    interrupt()
    await asyncio.wait(tasks)
    signal.setitimer(signal.ITIMER_REAL, 0)
    loop.remove_signal_handler(signal.SIGALRM)
    # A call of interrupt() that the loop has scheduled sets the timer again.
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    await client.aclose()

asyncio.run(main())
print(json.dumps(found | {'errors': errors}))
"""


@pytest.mark.parametrize('program', [PROGRAM, ASYNC_PROGRAM], ids=['sync', 'async'])
def test_real_signals_cause_no_wrong_answer(socket: str, program: str) -> None:
    """Hundreds of interrupts at random moments within the client.

    From asyncio, a signal cancels one of four tasks, and the client raises at random between a
    request and its answer.
    """
    seconds = os.environ.get('SIGNAL_SECONDS', '3')
    with cutting_proxy(socket) as proxy:
        # A client does not use a connection again whose unread answer has already arrived.
        proxy.delay = 0.0005
        done = subprocess.run(
            [sys.executable, '-c', program, socket, proxy.path, seconds],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    found: dict[str, int] = json.loads(done.stdout)
    print(found)
    assert found['interrupts'] > 100
    assert (found['grants'], found['refusals'], found['sizes']) == (0, 0, 0)
