"""A store in the memory of this process: the default, for tests and single-process programs.

It does in Python what the scripts of ``redis.py`` do.  A test drives both through the same random
histories and compares every reply.
"""

import math
import threading
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple
from weakref import WeakSet

from py_cachify._process import after_fork, give_lock
from py_cachify._waiters import is_abandoned, note_grant, tell
from py_cachify.arguments import shown
from py_cachify.backends._expiries import Expiries
from py_cachify.backends.atomic import AtomicBackend, new_tuple
from py_cachify.commands import FENCE_LIFE, MAX_TOMBSTONES, TOMBSTONE_LIFE, Listed, Queued, Refusal, Turn
from py_cachify.protocols import Renewals
from py_cachify.tokens import new_short_token


class Held(NamedTuple):
    """The contents of a ``MemoryClient``, including what has expired; for simulations and tests.

    Each instant is in seconds by the client's clock, and infinite for what never expires.

    Attributes:
        slots: for each pool, its tokens, each with the instant at which its slot expires.
        names: each name of the plain contract, with the instant at which it expires.
        values: each of these names, with its value.
        tombstones: for each pool, the tokens that were undone, each with the instant at which its
            tombstone expires.
        queues: for each pool in which somebody waits, the tickets in order.
        fences: for each pool, the last fencing token.
    """

    slots: dict[str, dict[str, float]]
    names: dict[str, float]
    values: dict[str, Any]
    tombstones: Mapping[str, Mapping[str, float]] = {}
    queues: Mapping[str, Mapping[str, 'Ticket']] = {}
    fences: Mapping[str, int] = {}


Alarm = Callable[[float, Callable[[], object]], Callable[[], None]]
"""Calls a function at an instant of some clock; returns how to cancel the call."""


class Ticket(NamedTuple):
    """What a waiter asked for.

    Attributes:
        place: its place in the queue; the smallest is the first.
        max_size: the number of slots that it allows.
        slot_exp: the life of its slot in seconds; ``None`` if it never expires.
        alarm: the instant at which it asks again by itself, if the clock cannot wake it.
    """

    place: float
    max_size: int
    slot_exp: float | None
    alarm: float


_computers_clock = time.monotonic
"""Kept, because tools that freeze time for a test replace it in its module."""


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

    def __init__(self, clock: Callable[[], float] = _computers_clock) -> None:
        if not callable(clock):
            raise TypeError(f'clock must be a function that returns seconds, not {shown(clock)}')
        self._clock = clock
        give_lock(self)
        self._slots = Expiries()
        self._tombstones = Expiries()
        self._queues: dict[str, dict[str, Ticket]] = {}
        self._fences: dict[str, int] = {}
        self._forget_fences_at = math.inf
        self._names = Expiries()
        self._values: dict[str, Any] = {}
        # How a clock that tests move wakes waiters; where time passes by itself they have timers.
        self._call_at = _alarm_of(clock)
        self._alarms: dict[str, float] = {}
        _clients.add(self)

    def __repr__(self) -> str:
        return f'<MemoryClient at {id(self):#x}: {len(self._slots.live)} pools in use>'

    # --- the slots of the pools, by token

    def take_slot(self, key: str, token: str, max_size: int, slot_exp: float | None) -> bool | Refusal:
        """Give ``token`` a slot of the pool ``key``; return whether it has one now.

        The slot lives ``slot_exp`` seconds; with ``None`` it never expires.  A token that already
        has a slot keeps it.  A token that was undone gets none.  If others wait, return
        ``Refusal.PROMISED``.
        """
        with self.lock:
            slots, now = self._slots, self._clock()
            # Drop the expired slots of all pools: none must stay because nobody asks for it again.
            if slots.heap and slots.heap[0][0] <= now:
                slots.drop_ended(now)
            tokens = slots.live.get(key)
            if tokens is not None:
                if token in tokens:
                    return True
                if len(tokens) >= max_size:
                    return False
            if self._tombstones.live and self._was_undone(key, token, now):
                return False
            if self._queues and key in self._queues:
                if self._grant(key, now):
                    return Refusal.PROMISED
                if len(slots.live.get(key, ())) >= max_size:
                    return False
            slots.add(key, token, math.inf if slot_exp is None else now + slot_exp)
            return True

    def drop_slot(self, key: str, token: str) -> bool:
        """Remove the slot of ``token``; return false if it had expired or never existed."""
        with self.lock:
            slots, now = self._slots, self._clock()
            if slots.heap and slots.heap[0][0] <= now:
                slots.drop_ended(now)
            dropped = slots.remove(key, token)
            if self._queues and key in self._queues:
                self._grant(key, now)
            return dropped

    def undo_slot(self, key: str, token: str) -> bool:
        """Remove the slot of ``token``, and give it none for the next hour.

        Return what ``drop_slot()`` returns.  The acquire being undone may be carried out after
        this.  The pool remembers up to 10,000 such tokens.
        """
        with self.lock:
            self._bury(key, token, self._clock())
            self._remove_ticket(key, token)
            return self.drop_slot(key, token)

    def _bury(self, key: str, token: str, now: float) -> None:
        tombstones = self._tombstones
        tombstones.drop_ended(now)
        # An older one of the same token would keep its place among those that go first.
        tombstones.remove(key, token)
        tombstones.add(key, token, now + TOMBSTONE_LIFE)
        if len(tombstones.live[key]) > MAX_TOMBSTONES:
            tombstones.remove(key, next(iter(tombstones.live[key])))

    def _was_undone(self, key: str, token: str, now: float) -> bool:
        self._tombstones.drop_ended(now)
        return token in self._tombstones.live.get(key, ())

    def count_slots(self, key: str) -> int:
        """Return how many slots of the pool ``key`` are taken and have not expired."""
        with self.lock:
            self._slots.drop_ended(self._clock())
            return len(self._slots.live.get(key, ()))

    def list_slots(self, key: str) -> tuple[Listed, ...]:
        """Return the live slots of the pool ``key``."""
        with self.lock:
            now = self._clock()
            live = self._slots.live.get(key, {})
            return tuple(Listed(token, instant - now) for token, instant in live.items() if instant > now)

    def renew_slots(self, key: str, renewals: Renewals) -> tuple[bool, ...]:
        """Give slots their full life again; return for each whether it is there.

        ``renewals`` are tokens, each with the life of its slot in seconds, ``None`` for never.
        """
        with self.lock:
            slots, now = self._slots, self._clock()
            there = []
            for token, life in renewals:
                instant = slots.live.get(key, {}).get(token, -math.inf)
                there.append(instant > now)
                if now < instant < math.inf:
                    slots.move(key, token, math.inf if life is None else now + life)
            return tuple(there)

    def draw_fence(self, key: str, token: str) -> int | Refusal:
        """Return the next fencing token of the pool ``key``, if ``token`` has a slot."""
        with self.lock:
            now = self._clock()
            if self._slots.live.get(key, {}).get(token, -math.inf) <= now:
                return Refusal.EXPIRED
            if now >= self._forget_fences_at:
                # All at once: what is greater than the clock says must have been drawn since then.
                self._forget_fences_at = math.inf
                self._fences = {pool: last for pool, last in self._fences.items() if last >= _micros(now)}
            self._forget_fences_at = min(self._forget_fences_at, now + FENCE_LIFE)
            fence = self._fences[key] = max(self._fences.get(key, 0) + 1, _micros(now))
            return fence

    # --- the queues of the pools, by ticket

    granted: Callable[['MemoryClient', str, str], object]
    """Called with the client, a pool and the ticket of a waiter that has got a slot."""

    def join_queue(
        self, key: str, token: str, max_size: int, slot_exp: float | None, max_waiting: int | None
    ) -> bool | Refusal | Queued:
        """Give ``token`` a slot as ``take_slot()`` does, or queue it if that is refused.

        With ``max_waiting``, return ``Refusal.CROWDED`` if so many wait already.
        """
        with self.lock:
            now = self._clock()
            queue = self._queues.get(key, {})
            if token not in queue:
                if self.take_slot(key, token, max_size, slot_exp):
                    return True
                if self._was_undone(key, token, now):
                    return False
                queue = self._queues.get(key) or {}
                if max_waiting is not None and len(queue) >= max_waiting:
                    return Refusal.CROWDED
                last = queue[next(reversed(queue))].place if queue else 0.0
                # Above 0 and above all others, even if the clock does not move.
                place = max(now, last + 1e-6, 1e-6)
                self._queues.setdefault(key, {})[token] = new_tuple(Ticket, (place, max_size, slot_exp, math.inf))
                if self._call_at is None:
                    return self._standing(key, token, now)
            return self._stay(key, token, now)

    def ask_again(self, key: str, token: str, max_size: int, slot_exp: float | None, place: float) -> bool | Queued:
        """Return whether ``token`` has a slot by now; keep its ticket in the queue if it has none.

        An unknown ticket is queued at ``place``.
        """
        with self.lock:
            now = self._clock()
            self._slots.drop_ended(now)
            if token in self._slots.live.get(key, ()):
                return True
            if self._was_undone(key, token, now):
                return False
            if token not in self._queues.get(key, ()):
                queue = self._queues.setdefault(key, {})
                queue[token] = Ticket(place, max_size, slot_exp, math.inf)
                self._queues[key] = dict(sorted(queue.items(), key=lambda item: (item[1].place, item[0])))
            return self._stay(key, token, now)

    def leave_queue(self, key: str, token: str, max_size: int, slot_exp: float | None, tombstone: bool) -> bool:  # noqa: ARG002
        """Remove the ticket of ``token``; return true if it has got a slot instead.

        With ``tombstone``, give it no slot for the next hour.
        """
        with self.lock:
            now = self._clock()
            self._slots.drop_ended(now)
            if token in self._slots.live.get(key, ()):
                return True
            self._remove_ticket(key, token)
            if tombstone:
                self._bury(key, token, now)
            if key in self._queues:
                self._grant(key, now)
            return False

    def count_waiting(self, key: str) -> int:
        """Return how many wait for a slot of the pool ``key``."""
        with self.lock:
            return len(self._queues.get(key, ()))

    def list_waiting(self, key: str) -> tuple[str, ...]:
        """Return the tickets of those who wait for a slot of the pool ``key``, in order."""
        with self.lock:
            return tuple(self._queues.get(key, ()))

    def _stay(self, key: str, token: str, now: float) -> bool | Queued:
        """Return true if ``token`` gets a slot now, or else where it is in the queue."""
        self._grant(key, now, asking=token)
        if token in self._slots.live.get(key, {}):
            return True
        return self._standing(key, token, now)

    def _standing(self, key: str, token: str, now: float) -> Queued:
        """Return where a ticket is in the queue, and let it know of the next slot to expire."""
        slots, queue = self._slots.live.get(key, {}), self._queues[key]
        ticket = queue[token]
        expiry = min(slots.values(), default=math.inf)
        queue[token] = new_tuple(Ticket, (ticket.place, ticket.max_size, ticket.slot_exp, expiry))
        if next(iter(queue)) == token:
            rank = 0
        elif next(reversed(queue)) == token:
            rank = len(queue) - 1
        else:
            rank = list(queue).index(token)
        return new_tuple(Queued, (ticket.place, rank, None if expiry == math.inf else expiry - now))  # type: ignore[no-any-return]

    def _grant(self, key: str, now: float, asking: str | None = None) -> bool:
        """Give free slots to the first waiters, and return whether anybody still waits."""
        slots, soonest = self._slots, math.inf
        while (queue := self._queues.get(key)) is not None:
            head = next(iter(queue))
            ticket = queue[head]
            if len(slots.live.get(key, ())) >= ticket.max_size:
                if self._call_at is not None:
                    self._set_alarm(key, slots.earliest())
                elif soonest < ticket.alarm and head != asking:
                    # It does not know of this slot, which may never be given back.
                    queue[head] = ticket._replace(alarm=soonest)
                    tell(head, Turn.ASK)
                return True
            self._remove_ticket(key, head)
            expiry = math.inf if ticket.slot_exp is None else now + ticket.slot_exp
            soonest = min(soonest, expiry)
            slots.add(key, head, expiry)
            if head != asking:
                self.granted(self, key, head)
        return False

    def _set_alarm(self, key: str, instant: float) -> None:
        """Let the clock give the slot that expires at an instant to the next waiter."""
        if self._call_at is not None and instant < self._alarms.get(key, math.inf):
            self._alarms[key] = instant
            self._call_at(instant, lambda: self._ring(key))

    def _ring(self, key: str) -> None:
        with self.lock:
            self._alarms.pop(key, None)
            now = self._clock()
            self._slots.drop_ended(now)
            self._grant(key, now)

    def _remove_ticket(self, key: str, token: str) -> None:
        queue = self._queues.get(key)
        if queue is not None and queue.pop(token, None) is not None and not queue:
            del self._queues[key]

    def alarm(self) -> Alarm | None:
        """Return what lets this client's clock wake a waiter; ``None`` for the computer's clock.

        Raises:
            TypeError: its clock cannot wake a waiter.
        """
        if self._clock is not _computers_clock and self._call_at is None:
            raise TypeError(
                'waiting for a slot in memory, and renewing it, needs a clock that can wake a waiter: omit clock, or'
                f' pass py_cachify.testing.ManualClock() or another clock with call_at(instant, call), not'
                f' {shown(self._clock)}'
            )
        return self._call_at

    def now(self) -> float:
        """Return the current instant of this client's clock, in seconds."""
        return self._clock()

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
                {key: dict(queue) for key, queue in self._queues.items() if keys is None or key in keys},
                {key: last for key, last in self._fences.items() if keys is None or key in keys},
            )

    def restore(self, held: Held, keys: Collection[str] | None = None) -> None:
        """Replace the contents, or those under ``keys``, with ``held``.

        For simulations and tests.
        """
        with self.lock:
            if keys is None:
                self._slots, self._tombstones, self._names, self._values = Expiries(), Expiries(), Expiries(), {}
                self._queues, self._fences = {}, {}
            for key in (*(keys or ()), *held.slots, *held.names, *held.tombstones, *held.queues, *held.fences):
                self._queues.pop(key, None)
                self._fences.pop(key, None)
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
            self._queues.update((key, dict(queue)) for key, queue in held.queues.items() if queue)
            self._fences.update(held.fences)


def _micros(now: float) -> int:
    return math.floor(now * 1e6)


def _alarm_of(clock: Any) -> Alarm | None:
    try:
        call_at = clock.call_at
    except Exception:
        # Whatever it raises, it is a function that returns seconds and nothing more.
        return None
    return call_at if callable(call_at) else None


def _tell(client: MemoryClient, key: str, ticket: str) -> None:
    note_grant(ticket, client.now())
    tell(ticket, Turn.GRANTED)
    if is_abandoned(ticket):
        # No more than this, because the caller continues with the next waiter.
        client._slots.remove(key, ticket)  # noqa: SLF001


MemoryClient.granted = staticmethod(_tell)


def _forget_waiters() -> None:
    """Empty the queues of a forked process: the threads that wait are those of its parent."""
    for client in list(_clients):
        client._queues.clear()  # noqa: SLF001


_clients: 'WeakSet[MemoryClient]' = WeakSet()
after_fork(_forget_waiters)


class MemoryBackend(AtomicBackend):
    """Performs commands on a ``MemoryClient`` at once, so asyncio uses it as well."""

    new_token = staticmethod(new_short_token)

    def __init__(self, client: MemoryClient) -> None:
        self.now = client._clock  # noqa: SLF001 - without a call in between
        self.take_slot = client.take_slot
        self.drop_slot = client.drop_slot
        self.undo_slot = client.undo_slot
        self.count_slots = client.count_slots
        self.list_slots = client.list_slots
        self.renew_slots = client.renew_slots
        self.draw_fence = client.draw_fence
        self.join_queue = client.join_queue
        self.ask_again = client.ask_again
        self.leave_queue = client.leave_queue
        self.count_waiting = client.count_waiting
        self.list_waiting = client.list_waiting
        self.client = client

    def contents(self, key: str) -> dict[str, float]:
        """Return a copy of the tokens of the pool ``key``, each with the instant its slot expires.

        It includes expired slots that were not dropped yet.  For simulations and tests.
        """
        return self.client.contents((key,)).slots.get(key, {})

    def restore(self, key: str, slots: Mapping[str, float]) -> None:
        """Replace the slots of the pool ``key`` with ``slots``, as :meth:`contents` returns them.

        This forgets the pool's tombstones.  For simulations and tests.
        """
        self.client.restore(Held({key: dict(slots)}, {}, {}), (key,))
