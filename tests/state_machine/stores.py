"""The stores that the machine runs over: their clients, and direct access to their contents."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import fakeredis
import redis
import redis.asyncio

from py_cachify import Cachify, MemoryClient, init_cachify
from py_cachify.backends._choose import Backends
from py_cachify.backends.pool_keys import is_derived
from py_cachify.backends.redis import AsyncRedisBackend, RedisBackend
from tests.state_machine.wire import AsyncPlainWire, AsyncScriptedWire, PlainWire, ScriptedWire, Wire


BACKENDS = ('memory', 'fakeredis', 'plain', 'valkey')

PREFIX = 'PYC-'
DEFAULT_LIFE = 2.0
"""The life in seconds of a slot whose pool sets none."""


class Store:
    """An empty store in virtual time.

    Attributes:
        cachify: the result of ``init_cachify()`` for it.
        wire: the connection between library and store; ``None`` if there is none.
        shared: whether a forked child uses the same store, not a copy.
        whole_seconds: whether a life is rounded up to whole seconds.
        sees_all: whether each acquire sees all slots of a pool, even those beyond its ``max_size``.
    """

    cachify: Cachify
    wire: Wire | None = None
    shared = False
    whole_seconds = False
    sees_all = True
    forgets = True

    def tokens(self, key: str) -> set[str]:
        """Return the tokens of the live slots of a pool, without changing the store."""
        raise NotImplementedError

    def names(self) -> list[str]:
        """Return all names in the store, except those of tombstones."""
        raise NotImplementedError

    def restart(self) -> None:
        """Restart with the data: clients lose their scripts and connections only."""

    def forget(self) -> None:
        """Lose all data."""
        raise NotImplementedError


Clock = Callable[[], float]


class InMemory(Store):
    forgets = False

    def __init__(self, clock: Clock) -> None:
        self._client = MemoryClient(clock)
        self._clock = clock
        self.cachify = init_cachify(
            self._client, prefix=PREFIX, default_pool_slot_expiration=DEFAULT_LIFE, is_global=False
        )

    def tokens(self, key: str) -> set[str]:
        slots = self._client._slots.live.get(PREFIX + key, {})
        return {token for token, end in slots.items() if end > self._clock()}

    def names(self) -> list[str]:
        return list(self._client._slots.live)


class Plain(Store):
    whole_seconds = True
    sees_all = False

    def __init__(self, clock: Clock) -> None:
        self._client = MemoryClient(clock)
        self._clock = clock
        self.wire = Wire()
        self.cachify = init_cachify(
            PlainWire(self._client, self.wire),
            AsyncPlainWire(self._client, self.wire),
            prefix=PREFIX,
            default_pool_slot_expiration=DEFAULT_LIFE,
            is_global=False,
        )

    def tokens(self, key: str) -> set[str]:
        now, found = self._clock(), []
        for name, of in self._client._names.live.items():
            pool, _, _ = name.rpartition(':')
            if pool == PREFIX + key and of[name] > now:
                found.append(self._client._values[name])
        assert len(found) == len(set(found)), 'one token has two slots'
        return set(found)

    def names(self) -> list[str]:
        return list(self._client._names.live)

    def forget(self) -> None:
        self._client.delete(*self.names())


class Scripted(Store):
    """A server, or a fake one."""

    def __init__(self, clock: Clock, client: Any, async_client: Any, loop: asyncio.AbstractEventLoop, shared: bool):
        self._client, self._async_client, self._loop, self._clock = client, async_client, loop, clock
        self.shared = shared
        # Flush the scripts too, so that a history does not depend on what ran before it.
        client.flushall()
        client.script_flush()
        self.wire = Wire()
        # They have only those methods of a client that the library uses.
        sync: Any = ScriptedWire(client, self.wire)
        asynchronous: Any = AsyncScriptedWire(async_client, self.wire)
        made = init_cachify(
            sync, asynchronous, prefix=PREFIX, default_pool_slot_expiration=DEFAULT_LIFE, is_global=False
        )
        in_virtual_time = Backends(RedisBackend(sync, clock), AsyncRedisBackend(asynchronous, clock))
        settings = made._settings()._replace(backends=in_virtual_time)
        self.cachify = Cachify(lambda: settings)

    def tokens(self, key: str) -> set[str]:
        found = self._client.zrangebyscore(PREFIX + key, f'({self._clock()!r}', '+inf')
        return {token.decode() for token in found}

    def names(self) -> list[str]:
        return [name.decode() for name in self._client.keys('*') if not is_derived(name)]

    def restart(self) -> None:
        self._client.script_flush()
        if self.shared:
            self._client.connection_pool.disconnect()
            self._loop.run_until_complete(self._async_client.connection_pool.disconnect())

    def forget(self) -> None:
        self._client.flushall()
        self.restart()


@contextmanager
def stores_of(backend: str, loop: asyncio.AbstractEventLoop, socket: str = '') -> Iterator[Callable[[Clock], Store]]:
    """Yield a function that makes empty stores of one kind; ``socket`` is that of a server."""
    match backend:
        case 'memory':
            yield InMemory
        case 'plain':
            yield Plain
        case 'fakeredis':
            server = fakeredis.FakeServer()
            with _both(fakeredis.FakeRedis(server=server), fakeredis.FakeAsyncRedis(server=server), loop) as both:
                yield lambda clock: Scripted(clock, *both, loop, shared=False)
        case 'valkey':
            sync, asynchronous = redis.Redis(unix_socket_path=socket), redis.asyncio.Redis(unix_socket_path=socket)
            with _both(sync, asynchronous, loop) as both:
                yield lambda clock: Scripted(clock, *both, loop, shared=True)
        case _:
            raise ValueError(f'backend must be one of {", ".join(BACKENDS)}, got {backend!r}')


@contextmanager
def _both(sync: Any, asynchronous: Any, loop: asyncio.AbstractEventLoop) -> Iterator[tuple[Any, Any]]:
    try:
        yield sync, asynchronous
    finally:
        loop.run_until_complete(asynchronous.aclose())
        sync.close()
