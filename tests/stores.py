"""The stores that every promise is tested on, and the two ways to drive a pool, as one interface."""

import asyncio
import math
import threading
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, Protocol, TypeVar

import fakeredis
import redis
import redis.asyncio

from py_cachify import MemoryClient, pool


R = TypeVar('R')

STORES = ('memory', 'fakeredis', 'valkey', 'plain')
SERVERS = ('fakeredis', 'valkey')


class Clients(NamedTuple):
    """What to give ``init_cachify()`` for both sides of one store."""

    sync: Any
    asynchronous: Any


def make_clients(store: str, socket: str) -> Clients:
    """New clients of an empty store; ``socket`` is that of the real server."""
    match store:
        case 'memory':
            client = MemoryClient()
            return Clients(client, client)
        case 'fakeredis':
            server = fakeredis.FakeServer()
            return Clients(fakeredis.FakeRedis(server=server), fakeredis.FakeAsyncRedis(server=server))
        case 'valkey':
            return Clients(redis.Redis(unix_socket_path=socket), redis.asyncio.Redis(unix_socket_path=socket))
        case 'plain':
            plain = DictClient()
            return Clients(plain, AsyncDictClient(plain))
        case _:
            raise ValueError(store)


class DictClient:
    """The client over a dictionary that the documentation of the plain contract gives as its example."""

    def __init__(self) -> None:
        self.values: dict[str, tuple[Any, float]] = {}
        self.lock = threading.Lock()

    def get(self, name: str) -> Any:
        value, until = self.values.get(name, (None, 0.0))
        return value if time.monotonic() < until else None

    def set(self, name: str, value: Any, ex: int | None = None, nx: bool = False) -> bool:
        with self.lock:
            if nx and self.get(name) is not None:
                return False
            self.values[name] = value, time.monotonic() + (math.inf if ex is None else ex)
            return True

    def delete(self, *names: str) -> None:
        for name in names:
            self.values.pop(name, None)


class AsyncDictClient:
    """The same, awaited; it gives other tasks a turn before each call, as a network would."""

    def __init__(self, client: DictClient) -> None:
        self.client = client

    async def get(self, name: str) -> Any:
        await asyncio.sleep(0)
        return self.client.get(name)

    async def set(self, name: str, value: Any, ex: int | None = None, nx: bool = False) -> bool:
        await asyncio.sleep(0)
        return self.client.set(name, value, ex=ex, nx=nx)

    async def delete(self, *names: str) -> None:
        await asyncio.sleep(0)
        self.client.delete(*names)


class Driver(Protocol):
    """Threads or asyncio: the body of a test is written once, as a coroutine, and runs on either."""

    name: str

    def run(self, body: Coroutine[Any, Any, R]) -> R:
        """Run the body of a test."""
        ...

    def hold(self, of: pool) -> Any:
        """``async with driver.hold(p)`` is ``with p`` or ``async with p``."""
        ...

    async def size(self, of: pool) -> int:
        """``p.size()`` or ``await p.asize()``."""
        ...


class SyncDriver:
    """Drives a pool as a plain thread does: no event loop runs."""

    name = 'sync'

    def run(self, body: Coroutine[Any, Any, R]) -> R:
        try:
            body.send(None)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]
        raise AssertionError('a synchronous body waited for something')

    @asynccontextmanager
    async def hold(self, of: pool) -> AsyncIterator[pool]:
        with of as entered:
            yield entered

    async def size(self, of: pool) -> int:
        return of.size()


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
    async def hold(self, of: pool) -> AsyncIterator[pool]:
        async with of as entered:
            yield entered

    async def size(self, of: pool) -> int:
        return await of.asize()
