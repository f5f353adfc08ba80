"""One asynchronous client in several event loops, one after the other, as with pytest."""

import asyncio
import gc
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
import redis.asyncio

from py_cachify import init_cachify, pool, pooled
from py_cachify.backends._answers import MAX_REPEATED
from tests.support.stores import AsyncDictClient, DictClient


# A connection that is left open in a loop that has ended warns when it is collected.
pytestmark = pytest.mark.filterwarnings('ignore::pytest.PytestUnraisableExceptionWarning', 'ignore::ResourceWarning')

LOOPS = 5


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """Collect these connections before the next test, which does not expect their warnings."""
    yield
    init_cachify()
    with warnings.catch_warnings(action='ignore'):
        gc.collect()


MakeClient = Callable[[str], Any]


def _default(socket: str) -> Any:
    return redis.asyncio.Redis(unix_socket_path=socket)


def _without_retries(socket: str) -> Any:
    return redis.asyncio.Redis(unix_socket_path=socket, retry=None)  # type: ignore[arg-type]


def _blocking(socket: str) -> Any:
    connections = redis.asyncio.BlockingConnectionPool.from_url(f'unix://{socket}', max_connections=20)
    return redis.asyncio.Redis(connection_pool=connections)


def _single(socket: str) -> Any:
    return redis.asyncio.Redis(unix_socket_path=socket, single_connection_client=True)


@pytest.mark.parametrize('make', [_default, _without_retries, _blocking, _single])
def test_each_loop_uses_the_same_client(
    make: MakeClient, socket: str, server: 'redis.Redis', caplog: pytest.LogCaptureFixture
) -> None:
    """The bare client fails in every second loop, with *Event loop is closed*."""
    client = make(socket)
    init_cachify(async_client=client)
    one = pool('reports', max_size=1, slot_exp=None)

    @pooled('calls', max_size=1, slot_exp=None)
    async def call() -> int:
        return await one.asize()

    async def use(*, is_last: bool) -> None:
        async with one:
            assert await call() == 1
        assert await one.asize() == 0
        if is_last:
            await client.aclose()

    for number in range(LOOPS):
        asyncio.run(use(is_last=number == LOOPS - 1))
    assert server.keys() == []
    assert caplog.text == ''


@pytest.mark.parametrize('make', [_default, _without_retries, _blocking])
def test_many_tasks_of_each_loop_use_the_same_client(
    make: MakeClient, socket: str, server: 'redis.Redis', caplog: pytest.LogCaptureFixture
) -> None:
    """Each of twenty idle connections belongs to the loop before."""
    init_cachify(async_client=make(socket))
    some = pool('reports', max_size=20, slot_exp=None)

    async def use() -> None:
        everyone = asyncio.Barrier(20)

        async def hold() -> None:
            async with some:
                await everyone.wait()

        await asyncio.gather(*(hold() for _ in range(20)))
        assert await some.asize() == 0

    for _ in range(LOOPS):
        asyncio.run(use())
    assert server.keys() == []
    assert caplog.text == ''


class NeverRecovers:
    """A client that belongs to one loop, like a lock of asyncio that was waited for."""

    def __init__(self, error: str) -> None:
        self.error = error
        self.asked = 0

    async def evalsha(self, *_: Any) -> Any:
        self.asked += 1
        raise RuntimeError(self.error)

    async def eval(self, *_: Any) -> Any:
        raise AssertionError('not needed')


@pytest.mark.parametrize(
    'error',
    [
        'Event loop is closed',
        "Task <Task pending name='Task-9'> got Future <Future pending> attached to a different loop",
        '<asyncio.locks.Lock object at 0x7f [locked]> is bound to a different event loop',
        'unable to perform operation on <TCPTransport closed=True>; the handler is closed',
    ],
)
def test_a_client_that_does_not_recover_is_one_clear_error(error: str) -> None:
    """It names the remedy, and the client is not asked forever."""
    client: Any = NeverRecovers(error)
    init_cachify(async_client=client)

    async def use() -> None:
        with pytest.raises(RuntimeError, match='in each event loop, make a new client') as raised:
            await pool('reports', max_size=1).asize()
        assert str(raised.value.__cause__) == error
        assert client.asked == MAX_REPEATED + 1

    asyncio.run(use())


def test_another_runtime_error_passes_through() -> None:
    """It is none of the library's business, and nothing is asked again."""
    client: Any = NeverRecovers('a bug')
    init_cachify(async_client=client)

    async def use() -> None:
        with pytest.raises(RuntimeError, match=r'^a bug$'):
            await pool('reports', max_size=1).asize()

    asyncio.run(use())
    assert client.asked == 1


def test_a_plain_client_of_another_loop_is_one_clear_error() -> None:
    """It is not asked again, because a second ``set`` could take a second name."""

    class Locked(AsyncDictClient):
        """It has a lock that belongs to the first loop in which somebody waited for it."""

        def __init__(self) -> None:
            super().__init__(DictClient())
            self.lock = asyncio.Lock()
            self.sets = 0

        async def set(self, name: str, value: Any, ex: int | None = None, nx: bool = False) -> bool:
            self.sets += 1
            async with self.lock:
                await asyncio.sleep(0)
                return await super().set(name, value, ex, nx)

    client = Locked()
    init_cachify(async_client=client)
    two = pool('reports', max_size=2)

    async def use() -> None:
        async def hold() -> None:
            async with two:
                await asyncio.sleep(0)

        await asyncio.gather(hold(), hold())

    asyncio.run(use())
    client.sets = 0
    with pytest.raises(RuntimeError, match='in each event loop, make a new client'):
        asyncio.run(use())
    assert client.sets == 2
