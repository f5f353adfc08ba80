"""The store in memory as it would be if several processes shared it.

A run with several workers needs that, because the library's own store in memory belongs to one
process.  What differs is the queue, which here is that of the scripts, ``queue.lua``:

* A ticket of another process gets a claim: a slot under ``?`` and its token, for a short time,
  within which it must ask again.
* A waiter that has been silent for ``DEADLINE`` seconds has lost its place.
* One request gives slots to at most ``MAX_GRANTS`` waiters.

A test drives this store and the scripts through the same random histories.  It compares every
reply and all that they hold.
"""

import heapq
import math
from collections.abc import Callable, Collection

from py_cachify import MemoryClient
from py_cachify.backends.memory import Held, Ticket
from py_cachify.commands import CLAIM, DEADLINE, MAX_DROPPED, MAX_GRANTS, Listed, Queued, Refusal


class SharedMemory(MemoryClient):
    """A store in memory that keeps its queues as the scripts do.

    In its :class:`~py_cachify.backends.memory.Ticket`, ``alarm`` is the instant from which a waiter
    has been silent for too long.

    Args:
        clock: returns the current instant in seconds.
        max_grants: to how many waiters one request gives slots, at most.

    Example::

        store = SharedMemory(lambda: now)
        store.join_queue('reports', '1:worker-0:0::1:30.0::::7', 1, 30.0, None)     # True
    """

    def __init__(self, clock: Callable[[], float], *, max_grants: int = MAX_GRANTS) -> None:
        super().__init__(clock)
        self._max_grants = max_grants
        # The token of the request, and the ticket that gets only a claim.
        self._asking = ''
        self._unknown: str | None = None
        self._deadlines: dict[str, list[tuple[float, str]]] = {}

    def take_slot(self, key: str, token: str, max_size: int, slot_exp: float | None) -> bool | Refusal:
        self._asking = token
        return super().take_slot(key, token, max_size, slot_exp)

    def drop_slot(self, key: str, token: str) -> bool:
        self._asking = token
        return super().drop_slot(key, token)

    def undo_slot(self, key: str, token: str) -> bool:
        with self.lock:
            self._slots.remove(key, f'?{token}')
            return super().undo_slot(key, token)

    def list_slots(self, key: str) -> tuple[Listed, ...]:
        return tuple(Listed(token.removeprefix('?'), left) for token, left in super().list_slots(key))

    def join_queue(
        self, key: str, token: str, max_size: int, slot_exp: float | None, max_waiting: int | None
    ) -> bool | Refusal | Queued:
        with self.lock:
            now, self._asking = self._clock(), token
            known = self._reply_if_known(key, token, slot_exp, now)
            if known is not None:
                return known
            if not self._grant(key, now) and len(self._slots.live.get(key, ())) < max_size:
                self._slots.add(key, token, _later(now, slot_exp))
                return True
            queue = self._queues.get(key, {})
            if max_waiting is not None and len(queue) >= max_waiting:
                return Refusal.CROWDED
            last = queue[next(reversed(queue))].place if queue else 0.0
            place = max(now, last + 0.000001, 0.000001)
            self._enqueue(key, token, Ticket(place, max_size, slot_exp, math.inf), now)
            return self._standing(key, token, now)

    def ask_again(self, key: str, token: str, max_size: int, slot_exp: float | None, place: float) -> bool | Queued:
        with self.lock:
            now, self._asking = self._clock(), token
            known = self._reply_if_known(key, token, slot_exp, now)
            if known is not None:
                return known
            self._enqueue(key, token, Ticket(place, max_size, slot_exp, math.inf), now)
            queue = self._queues[key]
            self._queues[key] = dict(sorted(queue.items(), key=lambda item: (item[1].place, item[0])))
            self._unknown = token
            try:
                self._grant(key, now)
            finally:
                self._unknown = None
            if token not in self._queues.get(key, ()):
                # It has a claim, and must ask again at once.
                return Queued(place, 0, 0.0)
            return self._standing(key, token, now)

    def leave_queue(self, key: str, token: str, max_size: int, slot_exp: float | None, tombstone: bool) -> bool:  # noqa: ARG002
        with self.lock:
            now, self._asking = self._clock(), token
            if self._confirm(key, token, slot_exp, now):
                return True
            self._remove_ticket(key, token)
            if tombstone:
                self._bury(key, token, now)
            self._grant(key, now)
            return False

    def slots(self, key: str) -> dict[str, float]:
        """Return the slots and claims of a pool, including those that were not dropped yet."""
        return dict(self._slots.live.get(key, ()))

    def count_waiting(self, key: str) -> int:
        return len(self.list_waiting(key))

    def list_waiting(self, key: str) -> tuple[str, ...]:
        with self.lock:
            now = self._clock()
            return tuple(token for token, ticket in self._queues.get(key, {}).items() if ticket.alarm > now)

    def restore(self, held: Held, keys: Collection[str] | None = None) -> None:
        super().restore(held, keys)
        self._deadlines = {
            key: sorted((ticket.alarm, token) for token, ticket in queue.items()) for key, queue in self._queues.items()
        }

    # --- the functions of queue.lua

    def _confirm(self, key: str, token: str, slot_exp: float | None, now: float) -> bool:
        """Return whether ``token`` has a slot; its claim becomes one."""
        slots = self._slots
        slots.drop_ended(now)
        if token in slots.live.get(key, ()):
            return True
        if not slots.remove(key, f'?{token}'):
            return False
        slots.add(key, token, _later(now, slot_exp))
        return True

    def _reply_if_known(self, key: str, token: str, slot_exp: float | None, now: float) -> bool | Queued | None:
        """Return the reply to a request whose token has a slot, was undone, or is in the queue."""
        if self._confirm(key, token, slot_exp, now):
            return True
        if self._was_undone(key, token, now):
            return False
        ticket = self._queues.get(key, {}).get(token)
        if ticket is None:
            return None
        self._enqueue(key, token, ticket, now)
        self._grant(key, now)
        return token in self._slots.live.get(key, ()) or self._standing(key, token, now)

    def _enqueue(self, key: str, token: str, ticket: Ticket, now: float) -> None:
        deadline = now + DEADLINE
        self._queues.setdefault(key, {})[token] = ticket._replace(alarm=deadline)
        heapq.heappush(self._deadlines.setdefault(key, []), (deadline, token))

    def _standing(self, key: str, token: str, now: float) -> Queued:
        queue = self._queues[key]
        rank = 0 if next(iter(queue)) == token else list(queue).index(token)
        expiry = min(self._slots.live.get(key, {}).values(), default=math.inf)
        return Queued(queue[token].place, rank, None if expiry == math.inf else expiry - now)

    def _grant(self, key: str, now: float, asking: str | None = None) -> bool:  # noqa: ARG002 - it is in `_asking`
        """Give free slots to the first waiters, and return whether anybody still waits."""
        if key not in self._queues:
            return False
        slots, asks = self._slots, self._asking
        slots.drop_ended(now)
        self._drop_silent(key, now)
        owner = None
        for turn in range(self._max_grants + 1):
            queue = self._queues.get(key)
            if queue is None:
                return False
            head = next(iter(queue))
            ticket = queue[head]
            if len(slots.live.get(key, ())) >= ticket.max_size or turn == self._max_grants:
                return True
            self._remove_ticket(key, head)
            owner = owner or _owner_of(asks)
            if _owner_of(head) == owner and head != self._unknown:
                slots.add(key, head, _later(now, ticket.slot_exp))
                if head != asks:
                    self.granted(self, key, head)
            else:
                claim = CLAIM if ticket.slot_exp is None else min(CLAIM, ticket.slot_exp)
                slots.add(key, f'?{head}', now + claim)
        return True

    def _drop_silent(self, key: str, now: float) -> None:
        """Remove the waiters that have been silent for too long, a limited number at a time."""
        deadlines, queue = self._deadlines[key], self._queues[key]
        silent: dict[str, float] = {}
        while deadlines and deadlines[0][0] <= now:
            deadline, token = heapq.heappop(deadlines)
            # A waiter that asked again has a later one, too.
            if token in queue and queue[token].alarm == deadline:
                silent[token] = deadline
        first = sorted(silent, key=lambda token: (-silent[token], f'!{token}'))
        for token in first[:MAX_DROPPED]:
            self._remove_ticket(key, token)
        for token in first[MAX_DROPPED:]:
            heapq.heappush(deadlines, (silent[token], token))

    def _remove_ticket(self, key: str, token: str) -> None:
        super()._remove_ticket(key, token)
        if key not in self._queues:
            self._deadlines.pop(key, None)


def _owner_of(token: str) -> str | None:
    """Return the process of a token; ``None`` if the token does not say it."""
    version, _, rest = token.partition(':')
    owner, colon, _ = rest.partition(':')
    return owner if colon and version.isdecimal() else None


def _later(now: float, slot_exp: float | None) -> float:
    return math.inf if slot_exp is None else now + slot_exp
