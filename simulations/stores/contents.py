"""Inspect a store from outside, past the protocol, and undo its writes.

Simulations with faults need both.  They observe which slots the store really holds after each
command, and a restart or a failover replaces its state by an older one.
"""

import functools
import math
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from py_cachify import MemoryClient
from py_cachify.backends.base import Backend
from py_cachify.backends.memory import Held, MemoryBackend
from py_cachify.backends.plain import PlainBackend
from py_cachify.backends.pool_keys import pool_keys
from py_cachify.backends.redis import RedisBackend
from py_cachify.commands import Command
from py_cachify.protocols import SlotProtocol, slot_name
from simulations.broken.commands import KeyValues
from simulations.stores.shared_memory import SharedMemory


Slots = Mapping[str, float]
"""Tokens, each with the instant, by the store's clock, at which its slot expires; or infinity."""
Clock = Callable[[], float]

CLAIM = '?'
"""Precedes the token of a slot that is kept for a waiter of another process for a short time."""
AGAIN = ' at '
"""Separates a token from the name of its second slot: under the plain contract it may have two."""
_A_DAY = 86_400_000
"""How long a server keeps what a killed run left, in milliseconds; see ``virtual_clock.lua``."""


class Contents(Protocol):
    """A store of pools that can be inspected.

    Attributes:
        protocol: the protocol by which slots are taken there.
    """

    protocol: SlotProtocol

    @property
    def named(self) -> tuple[str, ...]:
        """The tickets of the asking process to which the last command gave slots, in order."""
        ...

    def perform(self, command: Command[Any], own_now: float) -> Any:
        """Carry out a command for a client whose own clock says ``own_now``."""
        ...

    def slots(self, key: str, max_size: int) -> dict[str, float]:
        """Return the slots of a pool, including those that have expired and are not yet removed.

        ``CLAIM`` precedes the token of one that is kept for a waiter of another process.
        """
        ...

    def put(self, key: str, slots: Slots, max_size: int) -> None:
        """Replace the slots of a pool, and forget who waits and which acquires were undone there.

        A waiter returns to its place when it asks again.
        """
        ...

    def forget_scripts(self) -> None:
        """Forget the scripts, as a restarted server does."""
        ...


class MemoryContents:
    """The library's own store in memory, with the queue that several processes would share."""

    def __init__(self, clock: Clock) -> None:
        self._client = client = SharedMemory(clock)
        self._backend = MemoryBackend(client)
        self._named: list[str] = []
        vars(client)['granted'] = lambda _client, _key, ticket: self._named.append(ticket)
        self.protocol = self._backend.protocol

    @property
    def named(self) -> tuple[str, ...]:
        return tuple(self._named)

    def perform(self, command: Command[Any], own_now: float) -> Any:  # noqa: ARG002 - the store has its own clock
        self._named.clear()
        return self._backend.perform(command)

    def slots(self, key: str, max_size: int) -> dict[str, float]:  # noqa: ARG002
        return self._client.slots(key)

    def put(self, key: str, slots: Slots, max_size: int) -> None:  # noqa: ARG002
        self._backend.restore(key, slots)

    def forget_scripts(self) -> None:
        """Do nothing: this store has no scripts."""


class NameContents:
    """The plain contract, on names in memory."""

    named: tuple[str, ...] = ()

    def __init__(self, clock: Clock) -> None:
        self._client = MemoryClient(clock)
        self._backend: Backend = PlainBackend(self._client)
        self.protocol = self._backend.protocol

    def perform(self, command: Command[Any], own_now: float) -> Any:  # noqa: ARG002
        return self._backend.perform(command)

    def slots(self, key: str, max_size: int) -> dict[str, float]:
        held = self._client.contents(_slot_names(key, max_size))
        found: dict[str, float] = {}
        for name, until in held.names.items():
            token = held.values[name]
            found[f'{token}{AGAIN}{name}' if token in found else token] = until
        return found

    def put(self, key: str, slots: Slots, max_size: int) -> None:
        names = _slot_names(key, max_size)
        taken = {token: name for name, token in self._client.contents(names).values.items()}
        kept = {taken.get(token) for token in slots}
        free = [name for name in names if name not in kept]
        put = Held({}, {}, {})
        for known, until in slots.items():
            token = known.partition(AGAIN)[0]
            # A slot that is there keeps its name, by which its holder knows it.
            name = taken[token] if token in taken else free.pop()
            put.names[name], put.values[name] = until, token
        self._client.restore(put, names)

    def forget_scripts(self) -> None:
        """Do nothing: this store has no scripts."""


class ServerContents:
    """The library's Lua scripts, on a server or fakeredis."""

    def __init__(self, client: Any, clock: Clock) -> None:
        self._client = client
        self._backend: Backend = RedisBackend(client, clock)
        self._named: list[str] = []
        vars(self._backend)['granted'] = lambda _backend, _key, ticket: self._named.append(ticket)
        self.protocol = self._backend.protocol

    @property
    def named(self) -> tuple[str, ...]:
        return tuple(self._named)

    def perform(self, command: Command[Any], own_now: float) -> Any:  # noqa: ARG002
        self._named.clear()
        return self._backend.perform(command)

    def slots(self, key: str, max_size: int) -> dict[str, float]:  # noqa: ARG002
        found = self._client.zrange(key, 0, -1, withscores=True)
        return {member.decode() if isinstance(member, bytes) else member: score for member, score in found}

    def put(self, key: str, slots: Slots, max_size: int) -> None:  # noqa: ARG002
        self._client.delete(*pool_keys(key))
        if slots:
            self._client.zadd(key, dict(slots))
            self._client.pexpire(key, _A_DAY)

    def forget_scripts(self) -> None:
        self._client.script_flush()


class KeyValueContents:
    """One of the broken pools, on the simulated server that they are written for."""

    named: tuple[str, ...] = ()

    def __init__(self, protocol: SlotProtocol, clock: Clock) -> None:
        self._server = KeyValues()
        self._clock = clock
        self.protocol = protocol

    def perform(self, command: Command[Any], own_now: float) -> Any:
        return self._server.perform(command, self._clock(), own_now)

    def slots(self, key: str, max_size: int) -> dict[str, float]:
        found = dict(self._server.sets.get(key, ()))
        for name in (key, *_slot_names(key, max_size)):
            value, until = self._server.values.get(name, (None, None))
            if isinstance(value, str):
                found[value] = math.inf if until is None else until
        return found

    def put(self, key: str, slots: Slots, max_size: int) -> None:
        if slots:
            raise ValueError(
                'failover, which loses only the last writes, cannot be simulated for the protocols of'
                " simulations/broken: use restart with data='lost'"
            )
        for name in (key, *_slot_names(key, max_size)):
            self._server.sets.pop(name, None)
            self._server.values.pop(name, None)

    def forget_scripts(self) -> None:
        """Do nothing: this store has no scripts."""


@functools.lru_cache(maxsize=1024)
def _slot_names(key: str, max_size: int) -> tuple[str, ...]:
    """Return the names of the slots of a pool in which each slot has its own name."""
    return tuple(slot_name(key, index) for index in range(max_size))
