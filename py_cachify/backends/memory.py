"""A store in the memory of this process: for tests, single-process programs, and the default.

It restates in Python what the scripts of ``redis.py`` do; one test drives both through the same random
histories and compares every reply.
"""

import math
import threading
import time
from collections.abc import Callable
from typing import Any, ClassVar

from py_cachify.arguments import shown
from py_cachify.backends.deadlines import Deadlines
from py_cachify.commands import Command, CountSlots, DropSlot, TakeSlot
from py_cachify.process import give_lock
from py_cachify.protocols import ATOMIC, SlotProtocol


class MemoryClient:
    """A client whose store is this process's memory, shared by all its threads and tasks.

    It serves both sides of ``init_cachify()``, and it keeps the plain contract (``get``, ``set``,
    ``delete``) as well.  Not shared with other processes: a forked child goes on with a copy of its own.

    Args:
        clock: returns the present instant in seconds; it must not run backwards.  Tests give one of
            their own, so that slots expire when they say.

    Example::

        now = 0.0
        init_cachify(MemoryClient(clock=lambda: now))
        with pool('reports', max_size=1, slot_exp=30):
            now = 31.0                                  # half a minute later, without waiting for it
            assert pool('reports', max_size=1).size() == 0
    """

    lock: threading.RLock

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        if not callable(clock):
            raise TypeError(f'clock must be a function that returns seconds, not {shown(clock)}')
        self._clock = clock
        give_lock(self)
        self._pools: dict[str, set[str]] = {}
        self._slot_ends: Deadlines[tuple[str, str]] = Deadlines()
        self._values: dict[str, Any] = {}
        self._value_ends: Deadlines[tuple[str]] = Deadlines()

    def __repr__(self) -> str:
        return f'<MemoryClient at {id(self):#x}: {len(self._pools)} pools in use>'

    # --- pools

    def take_slot(self, key: str, token: str, max_size: int, slot_exp: float | None) -> bool:
        """Give ``token`` a slot of the pool ``key``, for ``slot_exp`` seconds; true if it has one now."""
        with self.lock:
            now = self._drop_ended_slots()
            tokens = self._pools.get(key, ())
            if token in tokens:
                return True
            if len(tokens) >= max_size:
                return False
            # Looked up anew: a finalizer or a signal's handler may have emptied the pool meanwhile.
            self._pools.setdefault(key, set()).add(token)
            if slot_exp is not None:
                self._slot_ends.set((key, token), now + slot_exp)
            return True

    def drop_slot(self, key: str, token: str) -> bool:
        """Take the slot of ``token`` back; false if it had expired, or never was."""
        with self.lock:
            self._drop_ended_slots()
            if token not in self._pools.get(key, ()):
                return False
            self._slot_ends.forget((key, token))
            self._discard(key, token)
            return True

    def count_slots(self, key: str) -> int:
        """How many slots of the pool ``key`` are taken and have not expired."""
        with self.lock:
            self._drop_ended_slots()
            return len(self._pools.get(key, ()))

    def _drop_ended_slots(self) -> float:
        """Drop what has expired in all pools, so that none stays behind when nobody asks for it again."""
        now = self._clock()
        while (ended := self._slot_ends.pop_ended(now)) is not None:
            self._discard(*ended)
        return now

    def _discard(self, key: str, token: str) -> None:
        tokens = self._pools.get(key, set())
        tokens.discard(token)
        if not tokens:
            self._pools.pop(key, None)

    # --- the plain contract

    def get(self, name: str) -> Any:
        """The value of ``name``, or ``None``."""
        with self.lock:
            self._drop_ended_values()
            return self._values.get(name)

    def set(self, name: str, value: Any, ex: float | None = None, nx: bool = False) -> bool:
        """Set ``name`` for ``ex`` seconds; with ``nx``, only if it does not exist.  True if it was set."""
        with self.lock:
            now = self._drop_ended_values()
            if nx and name in self._values:
                return False
            self._values[name] = value
            self._value_ends.set((name,), math.inf if ex is None else now + ex)
            return True

    def delete(self, *names: str) -> int:
        """Remove ``names``; how many of them there were."""
        with self.lock:
            self._drop_ended_values()
            found = 0
            for name in names:
                found += self._values.pop(name, None) is not None
                self._value_ends.forget((name,))
            return found

    def _drop_ended_values(self) -> float:
        now = self._clock()
        while (ended := self._value_ends.pop_ended(now)) is not None:
            del self._values[ended[0]]
        return now


class MemoryBackend:
    """Performs commands on a ``MemoryClient``; it never waits, so asyncio needs no driver of its own."""

    protocol: ClassVar[SlotProtocol] = ATOMIC

    def __init__(self, client: MemoryClient) -> None:
        self._client = client

    def perform(self, command: Command[Any]) -> Any:
        match command:
            case TakeSlot(key, token, max_size, slot_exp):
                return self._client.take_slot(key, token, max_size, slot_exp)
            case DropSlot(key, token):
                return self._client.drop_slot(key, token)
            case CountSlots(key):
                return self._client.count_slots(key)
            case _:
                raise TypeError(f'the memory backend cannot perform {command!r}')
