"""Stores that can be put back into an earlier state, on which an exploration carries out commands.

A snapshot is a plain value, equal for two states in which the same will happen. Its instants are
relative to the present, so the absolute time does not matter.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from py_cachify import MemoryClient
from py_cachify.backends.base import Backend
from py_cachify.backends.memory import Held, MemoryBackend
from py_cachify.backends.plain import PlainBackend
from py_cachify.backends.pool_keys import is_derived
from py_cachify.backends.redis import RedisBackend
from py_cachify.commands import Command
from simulations.broken.commands import KeyValues


Snapshot = tuple[Any, ...]


class World(Protocol):
    """A store in virtual time.

    A world may have an attribute ``shows_time``. If it is false, no answer contains the absolute
    time or depends on it, or on a client's own clock, so states that differ in nothing else are the
    same. By default it is true.
    """

    now: float

    def perform(self, command: Command[Any], offset: float) -> Any:
        """Carry out a command for a client whose own clock is ahead by ``offset`` seconds."""
        ...

    def snapshot(self) -> Snapshot:
        """Return the state of the store, relative to ``now``."""
        ...

    def restore(self, snapshot: Snapshot) -> None:
        """Restore a snapshot at the present ``now``."""
        ...

    def next_expiry(self, snapshot: Snapshot) -> float | None:
        """Return the seconds from a snapshot to its next expiry, without asking the store."""
        ...


class MemoryWorld:
    """The library's store in memory, for atomic pools and for the plain contract."""

    shows_time = False

    def __init__(
        self,
        backend: Callable[[MemoryClient], Backend],
        client: Callable[[Callable[[], float]], MemoryClient] = MemoryClient,
    ) -> None:
        self.now = 0.0
        self._client = client(lambda: self.now)
        self._backend = backend(self._client)

    def perform(self, command: Command[Any], offset: float) -> Any:  # noqa: ARG002 - the store's own clock decides
        return self._backend.perform(command)

    def snapshot(self) -> Snapshot:
        held, now = self._client.contents(), self.now
        slots = ((key, token, until - now) for key, pool in held.slots.items() for token, until in pool.items())
        names = ((name, until - now) for name, until in held.names.items())
        undone = ((key, token, until - now) for key, pool in held.tombstones.items() for token, until in pool.items())
        return tuple(sorted(slots)), tuple(sorted(names)), tuple(sorted(held.values.items())), tuple(sorted(undone))

    def restore(self, snapshot: Snapshot) -> None:
        slots, names, values, undone = snapshot
        pools: dict[str, dict[str, float]] = {}
        tombstones: dict[str, dict[str, float]] = {}
        for found, items in ((pools, slots), (tombstones, undone)):
            for key, token, left in items:
                found.setdefault(key, {})[token] = self.now + left
        self._client.restore(Held(pools, {name: self.now + left for name, left in names}, dict(values), tombstones))

    def next_expiry(self, snapshot: Snapshot) -> float | None:
        # No schedule waits for a tombstone to expire.
        slots, names, *_ = snapshot
        return _first(left for *_, left in (*slots, *names))


class RedisWorld:
    """The shipped scripts, on fakeredis or in an emptied database of a server."""

    shows_time = False

    def __init__(self, client: Any, backend: Callable[[Any, Callable[[], float]], Backend] = RedisBackend) -> None:
        self.now = 0.0
        self._client = client
        self._backend = backend(client, lambda: self.now)

    def perform(self, command: Command[Any], offset: float) -> Any:  # noqa: ARG002 - the server's clock decides
        return self._backend.perform(command)

    def snapshot(self) -> Snapshot:
        return tuple(
            (key, tuple((member, score - self.now) for member, score in sorted(self._slots(key))))
            for key in sorted(self._client.keys('*'))
        )

    def _slots(self, key: bytes) -> list[tuple[bytes, float]]:
        found: list[tuple[bytes, float]] = self._client.zrange(key, 0, -1, withscores=True)
        return found

    def restore(self, snapshot: Snapshot) -> None:
        self._client.flushdb()
        for key, members in snapshot:
            self._client.zadd(key, {member: self.now + left for member, left in members})

    def next_expiry(self, snapshot: Snapshot) -> float | None:
        return _first(left for key, members in snapshot if not is_derived(key) for _, left in members)


class KeyValueWorld:
    """The store of the broken protocols: a server with keys, values, counters and lists."""

    def __init__(self) -> None:
        self.now = 0.0
        self._store = KeyValues()

    def perform(self, command: Command[Any], offset: float) -> Any:
        return self._store.perform(command, self.now, self.now + offset)

    def snapshot(self) -> Snapshot:
        return self._store.snapshot(self.now)

    def restore(self, snapshot: Snapshot) -> None:
        self._store.restore(snapshot, self.now)

    def next_expiry(self, snapshot: Snapshot) -> float | None:
        values, sets = snapshot
        left = [each for _, _, each in values if each is not None]
        return _first([*left, *(each for _, members in sets for _, each in members)])


def _first(left: Iterable[float]) -> float | None:
    return min((each for each in left if 0 < each < math.inf), default=None)


def memory_world() -> World:
    """Return the store in memory, which takes a slot in one step."""
    return MemoryWorld(MemoryBackend)


def plain_world() -> World:
    """Return the plain contract on names in memory."""
    return MemoryWorld(PlainBackend)


def fakeredis_world() -> World:
    """Return the shipped Lua scripts on fakeredis."""
    import fakeredis

    return RedisWorld(fakeredis.FakeRedis(server=fakeredis.FakeServer()))


def server_world(url: str) -> World:
    """Return the shipped Lua scripts on a server, in the empty database that the URL names."""
    import redis

    client = redis.Redis.from_url(url, single_connection_client=True)
    if client.dbsize():
        raise ValueError(f'the database of {url} is not empty: an exploration empties it again and again')
    return RedisWorld(client)
