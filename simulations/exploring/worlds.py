"""Stores that can be put back into an earlier state, on which an exploration carries out commands.

A snapshot is a plain value, equal for two states in which the same will happen. Its instants are
relative to the present, so the absolute time does not matter.
"""

import functools
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from py_cachify import MemoryClient
from py_cachify.backends.base import Backend
from py_cachify.backends.memory import Held, MemoryBackend, Ticket
from py_cachify.backends.plain import PlainBackend
from py_cachify.backends.pool_keys import is_derived
from py_cachify.backends.redis import RedisBackend
from py_cachify.commands import Command
from simulations.broken.commands import KeyValues
from simulations.judging.queues import Standing


Snapshot = tuple[Any, ...]


class World(Protocol):
    """A store in virtual time.

    A world may have an attribute ``shows_time``. If it is false, no answer contains the absolute
    time or depends on it, or on a client's own clock, so states that differ in nothing else are the
    same. By default it is true.

    A world in which clients can wait has more: ``named``, the tickets of the asking process that
    got a slot by the last command; ``standing(snapshot)``, who has a slot or waits;
    ``places(snapshot)``, the places in the queue; and ``with_places(snapshot, new)``, the snapshot
    in which each place is replaced. One in which they draw fencing tokens has ``standing`` as well.
    These tokens are in the snapshot as they are: where the time does not matter they only count up.

    A world in which a client can wait within a command has ``blocked(command, snapshot)``: whether
    the store cannot carry it out yet, or ``None`` if it always can. A client whose time is up
    receives ``None`` instead of an answer, and may be refused.
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
        self._got: list[str] = []
        vars(self._client)['granted'] = lambda _client, _key, ticket: self._got.append(ticket)

    @property
    def named(self) -> tuple[str, ...]:
        return tuple(self._got)

    def perform(self, command: Command[Any], offset: float) -> Any:  # noqa: ARG002 - the store's own clock decides
        self._got.clear()
        return self._backend.perform(command)

    def snapshot(self) -> Snapshot:
        held, now = self._client.contents(), self.now
        slots = ((key, token, until - now) for key, pool in held.slots.items() for token, until in pool.items())
        names = ((name, until - now) for name, until in held.names.items())
        undone = ((key, token, until - now) for key, pool in held.tombstones.items() for token, until in pool.items())
        # An alarm only lets a waiter ask sooner, and here it may ask at any moment.
        queues = (
            (key, token, ticket.place - now, ticket.max_size, ticket.slot_exp)
            for key, queue in held.queues.items()
            for token, ticket in queue.items()
        )
        return (
            tuple(sorted(slots)),
            tuple(sorted(names)),
            tuple(sorted(held.values.items())),
            tuple(sorted(undone)),
            tuple(sorted(held.fences.items())),
            tuple(queues),
        )

    def restore(self, snapshot: Snapshot) -> None:
        slots, names, values, undone, fences, waiting = snapshot
        pools: dict[str, dict[str, float]] = {}
        tombstones: dict[str, dict[str, float]] = {}
        for found, items in ((pools, slots), (tombstones, undone)):
            for key, token, left in items:
                found.setdefault(key, {})[token] = self.now + left
        queues: dict[str, dict[str, Ticket]] = {}
        for key, token, place, size, life in waiting:
            queues.setdefault(key, {})[token] = Ticket(self.now + place, size, life, math.inf)
        until = {name: self.now + left for name, left in names}
        self._client.restore(Held(pools, until, dict(values), tombstones, queues, dict(fences)))

    def standing(self, snapshot: Snapshot) -> Standing:
        """Return who has a slot and who waits."""
        slots, *_, waiting = snapshot
        return Standing(
            {token: left for _, token, left in slots if left > 0}, {}, frozenset(each[1] for each in waiting)
        )

    def places(self, snapshot: Snapshot) -> list[float]:
        """Return the places in the queue, relative to ``now``."""
        return [each[2] for each in snapshot[-1]]

    def with_places(self, snapshot: Snapshot, new: Mapping[float, float]) -> Snapshot:
        """Return a snapshot with other places, in the same order."""
        *others, waiting = snapshot
        return (*others, tuple((*each[:2], new[each[2]], *each[3:]) for each in waiting))

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
        self._got: list[str] = []
        vars(self._backend)['granted'] = lambda _backend, _key, ticket: self._got.append(ticket)

    @property
    def named(self) -> tuple[str, ...]:
        return tuple(self._got)

    def perform(self, command: Command[Any], offset: float) -> Any:  # noqa: ARG002 - the server's clock decides
        self._got.clear()
        return self._backend.perform(command)

    def snapshot(self) -> Snapshot:
        return tuple(
            # The last fencing token is the only member, and never expires.
            (key, ((self._client.get(key), math.inf),))
            if _is_fence(key)
            else (key, tuple((member, self._left(key, member, score)) for member, score in sorted(self._slots(key))))
            for key in sorted(self._client.keys('*'))
        )

    def _left(self, key: bytes, member: bytes, score: float) -> float:
        if _is_deadline(key, member):
            # It is negated; and once it has passed, it does not matter for how long.
            return max(0.0, -score - self.now)
        return score - self.now

    def _slots(self, key: bytes) -> list[tuple[bytes, float]]:
        found: list[tuple[bytes, float]] = self._client.zrange(key, 0, -1, withscores=True)
        return found

    def restore(self, snapshot: Snapshot) -> None:
        self._client.flushdb()
        for key, members in snapshot:
            if _is_fence(key):
                self._client.set(key, members[0][0])
                continue
            scores = {
                member: -(self.now + left) if _is_deadline(key, member) else self.now + left for member, left in members
            }
            self._client.zadd(key, scores)

    def standing(self, snapshot: Snapshot) -> Standing:
        """Return who has a slot, for whom one is kept, and who waits."""
        slots: dict[str, float] = {}
        claims: dict[str, float] = {}
        queue: set[str] = set()
        for key, members in snapshot:
            if _is_queue(key):
                queue = {member.decode() for member, _ in members if not member.startswith(b'!')}
            elif not is_derived(key):
                for member, left in members:
                    if left > 0:
                        found = claims if member.startswith(b'?') else slots
                        found[member.decode().removeprefix('?')] = left
        return Standing(slots, claims, frozenset(queue))

    def places(self, snapshot: Snapshot) -> list[float]:
        """Return the places in the queue, relative to ``now``."""
        return [left for key, members in snapshot if _is_queue(key) for member, left in members if member[:1] != b'!']

    def with_places(self, snapshot: Snapshot, new: Mapping[float, float]) -> Snapshot:
        """Return a snapshot with other places, in the same order."""
        return tuple(
            (key, tuple((member, left if member[:1] == b'!' else new[left]) for member, left in members))
            if _is_queue(key)
            else (key, members)
            for key, members in snapshot
        )

    def next_expiry(self, snapshot: Snapshot) -> float | None:
        return _first(
            left
            for key, members in snapshot
            for member, left in members
            if not is_derived(key) or _is_deadline(key, member)
        )


def _is_queue(key: bytes) -> bool:
    return is_derived(key) and b'~queue~' in key


def _is_fence(key: bytes) -> bool:
    return is_derived(key) and b'~fence~' in key


def _is_deadline(key: bytes, member: bytes) -> bool:
    return member.startswith(b'!') and _is_queue(key)


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


class BlockingWorld(KeyValueWorld):
    """The same store with commands that wait until it can carry them out, as ``BLPOP`` does."""

    def blocked(self, command: Command[Any], snapshot: Snapshot) -> bool | None:
        """Return whether a command must wait in this state; ``None`` if it never waits."""
        return self._store.blocked(command, snapshot)


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


def bounded_world() -> World:
    """Return the scripts on fakeredis, each of which gives a slot to one waiter at most."""
    import fakeredis

    client = fakeredis.FakeRedis(server=fakeredis.FakeServer())
    return RedisWorld(client, functools.partial(RedisBackend, max_grants=1))


def server_world(url: str) -> World:
    """Return the shipped Lua scripts on a server, in the empty database that the URL names."""
    import redis

    client = redis.Redis.from_url(url, single_connection_client=True)
    if client.dbsize():
        raise ValueError(f'the database of {url} is not empty: an exploration empties it again and again')
    return RedisWorld(client)
