"""The stores on which every promise is tested, and one interface for threads and asyncio."""

import asyncio
import functools
import inspect
import math
import re
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple, Protocol, TypeVar

import fakeredis
import redis
import redis.asyncio

from py_cachify import MemoryClient, Slot, pool
from py_cachify.backends.base import Backend
from py_cachify.backends.memory import MemoryBackend
from py_cachify.backends.redis import RedisBackend
from tests.support.paths import ROOT


R = TypeVar('R')

STORES = ('memory', 'fakeredis', 'valkey', 'redis', 'plain', 'sqlite')
SERVERS = ('fakeredis', 'valkey', 'redis')

GUIDE = ROOT / 'py_cachify' / 'README.md'

SHORT = 0.05
"""The life of a slot that should expire, in seconds; plain clients round it up to a second."""

CENTURY = 100 * 365 * 24 * 3600.0


class Clock:
    """Real time, which a test can move forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


class VirtualClock:
    """Time that passes only when a test changes it."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Clients(NamedTuple):
    """The clients of one store, for ``init_cachify()``.

    Attributes:
        sync: the synchronous client.
        asynchronous: the asynchronous client.
        clock: the store's clock; ``None`` if the store is a server, which has its own clock.
    """

    sync: Any
    asynchronous: Any
    clock: Clock | None

    def outlive(self, seconds: float) -> None:
        """Let enough time pass for a slot with this life to expire."""
        if self.clock is None:
            time.sleep(seconds + 0.02)
        else:
            self.clock.ahead += math.ceil(seconds)


def documented_client(name: str, clock: Callable[[], float]) -> Any:
    """Return the class of an example client in the library's guide, on this clock."""
    [code] = [
        block for block in re.findall(r'```python\n(.*?)```', GUIDE.read_text(), re.S) if f'class {name}:' in block
    ]
    names: dict[str, Any] = {}
    exec(code, names)  # the test uses the text of the guide itself
    names['time'] = SimpleNamespace(time=clock, monotonic=clock)
    return names[name]


def make_clients(store: str, place: str) -> Clients:
    """Return new clients of an empty store.

    Args:
        store: one of ``STORES``.
        place: the unix socket of a server, or a folder.
    """
    clock = Clock()
    match store:
        case 'memory':
            client = MemoryClient(clock)
            return Clients(client, client, clock)
        case 'fakeredis':
            server = fakeredis.FakeServer()
            return Clients(fakeredis.FakeRedis(server=server), fakeredis.FakeAsyncRedis(server=server), None)
        case 'valkey' | 'redis':
            return Clients(redis.Redis(unix_socket_path=place), redis.asyncio.Redis(unix_socket_path=place), None)
        case 'plain':
            plain = documented_client('DictClient', clock)()
            return Clients(plain, AsyncDictClient(plain), clock)
        case 'sqlite':
            lite = documented_client('SqliteClient', clock)(Path(place) / 'slots.db')
            return Clients(lite, AsyncDictClient(lite), clock)
        case _:
            raise ValueError(store)


class DictClient:
    """A plain client on a dictionary, which tests extend."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.values: dict[str, tuple[Any, float]] = {}
        self.lock = threading.Lock()
        self.clock = clock

    def get(self, name: str) -> Any:
        value, until = self.values.get(name, (None, -math.inf))
        return value if self.clock() < until else None

    def set(self, name: str, value: Any, ex: int | None = None, nx: bool = False) -> bool:
        with self.lock:
            if nx and self.get(name) is not None:
                return False
            self.values[name] = value, self.clock() + (math.inf if ex is None else ex)
            return True

    def delete(self, *names: str) -> None:
        for name in names:
            self.values.pop(name, None)


class AsyncDictClient:
    """An asynchronous plain client; like a network, it lets other tasks run before each call."""

    def __init__(self, client: Any) -> None:
        self.client = client

    async def get(self, name: str) -> Any:
        await asyncio.sleep(0)
        return self.client.get(name)

    async def set(self, name: str, value: Any, ex: int | None = None, nx: bool = False) -> bool:
        await asyncio.sleep(0)
        return bool(self.client.set(name, value, ex=ex, nx=nx))

    async def delete(self, *names: str) -> None:
        await asyncio.sleep(0)
        self.client.delete(*names)


class Driver(Protocol):
    """Threads or asyncio: the body of a test is a coroutine, which runs with either."""

    name: str

    def run(self, body: Coroutine[Any, Any, R]) -> R:
        """Run the body of a test."""
        ...

    def hold(self, of: pool) -> Any:
        """Enter the pool: ``async with driver.hold(p)`` is ``with p`` or ``async with p``."""
        ...

    async def size(self, of: pool) -> int:
        """Return ``p.size()`` or ``await p.asize()``."""
        ...

    def function(self, plain: Callable[..., Any]) -> Any:
        """Return a function to decorate: ``plain``, or an ``async`` one with its signature."""
        ...

    async def result(self, of: Any) -> Any:
        """Return the result of such a function or its ``size``, awaited if necessary."""
        ...


class SyncDriver:
    """Drives a pool as a thread without an event loop does."""

    name = 'sync'

    def run(self, body: Coroutine[Any, Any, R]) -> R:
        try:
            body.send(None)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]
        raise AssertionError('the body of a synchronous test awaited something')

    @asynccontextmanager
    async def hold(self, of: pool) -> AsyncIterator[Slot]:
        with of as entered:
            yield entered

    async def size(self, of: pool) -> int:
        return of.size()

    def function(self, plain: Callable[..., Any]) -> Any:
        return plain

    async def result(self, of: Any) -> Any:
        assert not inspect.isawaitable(of)
        return of


class AsyncDriver:
    """Drives a pool as a task of an event loop does."""

    name = 'async'

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def run(self, body: Coroutine[Any, Any, R]) -> R:
        return asyncio.run(self._and_close(body))

    async def _and_close(self, body: Coroutine[Any, Any, R]) -> R:
        try:
            return await body
        finally:
            # A connection belongs to the loop that made it.
            if hasattr(self._clients.asynchronous, 'aclose'):
                await self._clients.asynchronous.aclose()

    @asynccontextmanager
    async def hold(self, of: pool) -> AsyncIterator[Slot]:
        async with of as entered:
            yield entered

    async def size(self, of: pool) -> int:
        return await of.asize()

    def function(self, plain: Callable[..., Any]) -> Any:
        @functools.wraps(plain)
        async def function(*args: Any, **kwargs: Any) -> Any:
            # Let other tasks run before the function returns, as real async functions do.
            await asyncio.sleep(0)
            result = plain(*args, **kwargs)
            return await result if inspect.isawaitable(result) else result

        return function

    async def result(self, of: Any) -> Any:
        return await of


@contextmanager
def backend_in_virtual_time(store: str, socket: str, clock: VirtualClock) -> Iterator[Backend]:
    """Yield a new backend of an empty store other than ``plain``, in the time of ``clock``."""
    if store == 'memory':
        yield MemoryBackend(MemoryClient(clock))
        return
    client = make_clients(store, socket).sync
    try:
        client.flushall()
        yield RedisBackend(client, clock)
    finally:
        client.close()


def slots_in(clients: Clients, name: str) -> set[str]:
    """Return the tokens of a pool's slots that do not expire, read from the store itself."""
    client = clients.sync
    if isinstance(client, MemoryClient):
        return set(client._slots.live.get(name, ()))
    if hasattr(client, 'zrange'):
        return {token.decode() for token in client.zrange(name, 0, -1)}
    return {client.get(f'{name}:{index}') for index in range(64)} - {None}
