"""A store in the memory of this process: the default, for tests and single-process programs.

It does in Python what the scripts of ``redis.py`` do.  A test drives both through the same random
histories and compares every reply.
"""

import math
import threading
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from py_cachify._process import give_lock
from py_cachify.arguments import shown
from py_cachify.backends._expiries import Expiries
from py_cachify.backends.atomic import AtomicBackend
from py_cachify.commands import MAX_TOMBSTONES, TOMBSTONE_LIFE


class Held(NamedTuple):
    """The contents of a ``MemoryClient``, including what has expired; for simulations and tests.

    Each instant is in seconds by the client's clock, and infinite for what never expires.

    Attributes:
        slots: for each pool, its tokens, each with the instant at which its slot expires.
        names: each name of the plain contract, with the instant at which it expires.
        values: each of these names, with its value.
        tombstones: for each pool, the tokens that were undone, each with the instant at which its
            tombstone expires.
    """

    slots: dict[str, dict[str, float]]
    names: dict[str, float]
    values: dict[str, Any]
    tombstones: Mapping[str, Mapping[str, float]] = {}


class MemoryClient:
    """A client whose store is this process's memory, shared by all its threads and tasks.

    It serves both sides of ``init_cachify()``.  It also keeps the plain contract (``get``, ``set``,
    ``delete``).  Other processes do not share it: a forked child continues with its own copy.

    If a finalizer or a signal handler uses it while the same thread is using it, it may, rarely,
    grant one slot too many or lose one until it expires.

    Args:
        clock: returns the current instant in seconds; it must not run backwards.  Tests pass their
            own clock to decide when slots expire.

    Example::

        now = 0.0
        init_cachify(MemoryClient(clock=lambda: now))
        with pool('reports', max_size=1, slot_exp=30):
            now = 31.0                                  # half a minute later, without waiting
            assert pool('reports', max_size=1).size() == 0
    """

    lock: threading.RLock

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        if not callable(clock):
            raise TypeError(f'clock must be a function that returns seconds, not {shown(clock)}')
        self._clock = clock
        give_lock(self)
        self._slots = Expiries()
        self._tombstones = Expiries()
        self._names = Expiries()
        self._values: dict[str, Any] = {}

    def __repr__(self) -> str:
        return f'<MemoryClient at {id(self):#x}: {len(self._slots.live)} pools in use>'

    # --- the slots of the pools, by token

    def take_slot(self, key: str, token: str, max_size: int, slot_exp: float | None) -> bool:
        """Give ``token`` a slot of the pool ``key``; return whether it has one now.

        The slot lives ``slot_exp`` seconds; with ``None`` it never expires.  A token that already
        has a slot keeps it.  A token that was undone gets none.
        """
        with self.lock:
            slots, now = self._slots, self._clock()
            # Drop the expired slots of all pools: none must stay because nobody asks for it again.
            if slots.earliest() <= now:
                slots.drop_ended(now)
            tokens = slots.live.get(key)
            if tokens is not None:
                if token in tokens:
                    return True
                if len(tokens) >= max_size:
                    return False
            if self._tombstones.live and self._was_undone(key, token, now):
                return False
            slots.add(key, token, math.inf if slot_exp is None else now + slot_exp)
            return True

    def drop_slot(self, key: str, token: str) -> bool:
        """Remove the slot of ``token``; return false if it had expired or never existed."""
        with self.lock:
            slots, now = self._slots, self._clock()
            if slots.earliest() <= now:
                slots.drop_ended(now)
            return slots.remove(key, token)

    def undo_slot(self, key: str, token: str) -> bool:
        """Remove the slot of ``token``, and give it none for the next hour.

        Return what ``drop_slot()`` returns.  The acquire being undone may be carried out after
        this.  The pool remembers up to 10,000 such tokens.
        """
        with self.lock:
            dropped, tombstones, now = self.drop_slot(key, token), self._tombstones, self._clock()
            tombstones.drop_ended(now)
            # An older one of the same token would keep its place among those that go first.
            tombstones.remove(key, token)
            tombstones.add(key, token, now + TOMBSTONE_LIFE)
            if len(tombstones.live[key]) > MAX_TOMBSTONES:
                tombstones.remove(key, next(iter(tombstones.live[key])))
            return dropped

    def _was_undone(self, key: str, token: str, now: float) -> bool:
        self._tombstones.drop_ended(now)
        return token in self._tombstones.live.get(key, ())

    def count_slots(self, key: str) -> int:
        """Return how many slots of the pool ``key`` are taken and have not expired."""
        with self.lock:
            self._slots.drop_ended(self._clock())
            return len(self._slots.live.get(key, ()))

    def remaining(self, key: str) -> list[float]:
        """Return how long each live slot of the pool ``key`` still lives, in seconds.

        The time is infinite if a slot never expires.
        """
        with self.lock:
            now = self._clock()
            self._slots.drop_ended(now)
            return [instant - now for instant in self._slots.live.get(key, {}).values()]

    # --- the plain contract

    def get(self, name: str) -> Any:
        """Return the value of ``name``, or ``None`` if it does not exist."""
        with self.lock:
            self._drop_ended_names()
            return self._values.get(name)

    def set(self, name: str, value: Any, ex: float | None = None, nx: bool = False) -> bool:
        """Set ``name`` for ``ex`` seconds, or without expiration; return whether it was set.

        With ``nx``, set it only if it does not exist.
        """
        with self.lock:
            now = self._drop_ended_names()
            if nx and name in self._values:
                return False
            # In this order, an interrupt in between leaves no value that never expires.
            self._values.pop(name, None)
            self._names.remove(name, name)
            self._names.add(name, name, math.inf if ex is None else now + ex)
            self._values[name] = value
            return True

    def delete(self, *names: str) -> int:
        """Remove ``names``; return how many of them existed."""
        with self.lock:
            self._drop_ended_names()
            found = 0
            for name in names:
                found += self._names.remove(name, name)
                self._values.pop(name, None)
            return found

    def _drop_ended_names(self) -> float:
        now = self._clock()
        for name in self._names.drop_ended(now):
            self._values.pop(name, None)
        return now

    # --- for simulations and tests

    def contents(self, keys: Collection[str] | None = None) -> Held:
        """Return a copy of the contents, or of those under ``keys``; for simulations and tests.

        This drops nothing: expired slots are included until an operation drops them.
        """
        with self.lock:
            pools, names, values = self._slots.live, self._names.live, self._values
            undone = self._tombstones.live
            return Held(
                {key: dict(pools[key]) for key in (pools if keys is None else keys) if key in pools},
                {name: names[name][name] for name in (names if keys is None else keys) if name in names},
                {name: values[name] for name in (values if keys is None else keys) if name in values},
                {key: dict(undone[key]) for key in (undone if keys is None else keys) if key in undone},
            )

    def restore(self, held: Held, keys: Collection[str] | None = None) -> None:
        """Replace the contents, or those under ``keys``, with ``held``.

        For simulations and tests.
        """
        with self.lock:
            if keys is None:
                self._slots, self._tombstones, self._names, self._values = Expiries(), Expiries(), Expiries(), {}
            for key in (*(keys or ()), *held.slots, *held.names, *held.tombstones):
                for items in (self._slots, self._tombstones):
                    for token in tuple(items.live.get(key, ())):
                        items.remove(key, token)
                self._names.remove(key, key)
                self._values.pop(key, None)
            for items, pools in ((self._slots, held.slots), (self._tombstones, held.tombstones)):
                for key, tokens in pools.items():
                    for token, instant in tokens.items():
                        items.add(key, token, instant)
            for name, instant in held.names.items():
                self._names.add(name, name, instant)
            self._values.update(held.values)


class MemoryBackend(AtomicBackend):
    """Performs commands on a ``MemoryClient``; never waits, so asyncio uses it as well."""

    def __init__(self, client: MemoryClient) -> None:
        self.take_slot = client.take_slot
        self.drop_slot = client.drop_slot
        self.undo_slot = client.undo_slot
        self.count_slots = client.count_slots
        self._client = client

    def remaining(self, key: str) -> list[float]:
        return self._client.remaining(key)

    def contents(self, key: str) -> dict[str, float]:
        """Return a copy of the tokens of the pool ``key``, each with the instant its slot expires.

        It includes expired slots that were not dropped yet.  For simulations and tests.
        """
        return self._client.contents((key,)).slots.get(key, {})

    def restore(self, key: str, slots: Mapping[str, float]) -> None:
        """Replace the slots of the pool ``key`` with ``slots``, as :meth:`contents` returns them.

        This forgets the pool's tombstones.  For simulations and tests.
        """
        self._client.restore(Held({key: dict(slots)}, {}, {}), (key,))
