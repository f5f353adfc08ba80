"""Judge the queue of a pool while a long run goes on: the promises of :mod:`queues`, but faster.

A run has thousands of requests and may have long queues, in which all waiters ask for the same.
The model is written from the reference and shares no code with the library.  It knows the requests
that the store carried out, with their answers, and which slots each of them gave.

* *order*: slots are given in the order in which the store first queued the waiters, among
  those that live. One that has been silent for too long returns to its place when it asks again.
  After the store lost its data or its clock jumped, the order is not promised to those who waited
  then.
* *waiting*: no request leaves a free slot beside a live waiter, unless it gave as many as one
  request may. Where nothing fails, none stays free for longer than ``free_limit``, either.
* *crowd*: a waiter is queued if fewer than ``max_waiting`` live ones wait, and not otherwise.
"""

import bisect
import math
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from simulations.judging.queues import ASKING, NO, PATIENCE, QUEUED


CROWDED = 'crowded'
"""The answer of a store to a waiter that found too many waiting; the others are in ``queues``."""

MAX_GIVEN = 100
"""How many slots one request may give to waiters, at most."""
MAX_REMOVED = 1000
"""How many silent waiters one request may remove, at most."""


class Asked(NamedTuple):
    """A request that a store carried out.

    Attributes:
        what: the name of the command, such as ``JoinQueue``.
        token: the token that it names.
        answer: what the store answered: ``QUEUED``, ``YES``, ``NO`` or ``CROWDED``.
        place: with ``QUEUED``, the place in the queue as the store counts.
    """

    what: str
    token: str
    answer: str
    place: float = 0.0


class Wrong(NamedTuple):
    """A broken promise: which, and how."""

    rule: str
    words: str


class Line:
    """The queue of one pool.

    Args:
        max_size: the slots of the pool, for everybody.
        max_waiting: how many may wait already when one more is queued; ``None`` for any number.
        free_limit: for how many seconds a slot may be free beside a live waiter.

    Attributes:
        levels: pairs of an instant and the number of those who wait from then on.

    Example::

        line = Line(max_size=1)
        list(line.after(0.0, Asked('JoinQueue', 'A', QUEUED, 0.5), taken={'B': 9.0}, given=()))
    """

    def __init__(self, max_size: int, max_waiting: int | None = None, free_limit: float = math.inf) -> None:
        self._max_size = max_size
        self._max_waiting = max_waiting
        self._free_limit = free_limit
        self._last = 0
        # Of everybody who has waited: the order, and the place as the store counts.
        self._order: dict[str, tuple[int, float]] = {}
        self._silent_at: dict[str, float] = {}
        self._waiting: list[tuple[int, str]] = []
        self._excused: set[str] = set()
        self.levels: list[tuple[float, int]] = []

    def after(
        self,
        now: float,
        asked: Asked,
        taken: Mapping[str, float],
        given: Collection[str],
        *,
        reading: float | None = None,
        free_since: float | None = None,
    ) -> Iterator[Wrong]:
        """Take a request into account, and yield what is wrong.

        Args:
            now: the instant.
            asked: the request.
            taken: the slots that are taken or kept after it.
            given: those of them that were not before.
            reading: what the store's clock says; ``now`` by default.
            free_since: since when a slot was free before the request; ``None`` if none was.
        """
        reading = now if reading is None else reading
        before, was_first = len(self._waiting), self._first(reading)
        if free_since is not None and was_first is not None and now - free_since > self._free_limit:
            yield Wrong('waiting', f'a slot was free for {now - free_since:.6g} s although {was_first} waits')
        for token in given:
            yield from self._given(token, asked.token, reading)
        # One that asks may be queued before it is given a slot, and others are given theirs before.
        self._stop_waiting(*given)
        yield from self._take(asked, reading)
        self._stop_waiting(*given)
        if given:
            first = self._first(reading)
            for token in given:
                if first is not None and self._is_before(first, token):
                    yield Wrong('order', f'{token} was given a slot although {first} has waited longer')
        if len(taken) < self._max_size and len(given) < MAX_GIVEN and _gives(asked):
            first = self._first(reading)
            if first is not None:
                yield Wrong('waiting', f'{asked.what} of {asked.token} left a slot free although {first} waits')
        if len(self._waiting) != before:
            self.levels.append((now, len(self._waiting)))

    @property
    def is_empty(self) -> bool:
        """Whether nobody waits, as far as was noticed."""
        return not self._waiting

    def forget(self) -> None:
        """Note that the store has lost its data: who asks again waits again."""
        self._excused.update(self._order)
        self._waiting.clear()
        self._silent_at.clear()

    def clock_jumped(self) -> None:
        """Note that the clock of the store has jumped."""
        self._excused.update(self._order)

    def _take(self, asked: Asked, reading: float) -> Iterator[Wrong]:
        what, token, answer, place = asked
        if answer == QUEUED:
            known = self._order.get(token)
            # One that joins again is last; one that asks again returns to the place that it knows.
            if known is None or (what == 'JoinQueue' and place != known[1]):
                self._stop_waiting(token)
                if what == 'JoinQueue' and self._max_waiting is not None:
                    others = self._count(reading)
                    if others >= self._max_waiting:
                        words = f'{token} was queued although {others} waited, and {self._max_waiting} may'
                        yield Wrong('crowd', words)
                self._last += 1
                known = self._order[token] = (self._last, place)
                self._excused.discard(token)
            entry = (known[0], token)
            position = bisect.bisect_left(self._waiting, entry)
            if self._waiting[position : position + 1] != [entry]:
                self._waiting.insert(position, entry)
            self._silent_at[token] = reading + PATIENCE
        elif answer == CROWDED:
            others = self._count(reading)
            if self._max_waiting is None or (others < self._max_waiting and not self._excused):
                yield Wrong('crowd', f'{token} was refused because too many wait, but only {others} did')
        elif what == 'UndoSlot' or (answer == NO and what in ASKING):
            # Its order is kept: a late copy of a request to wait returns it to its old place.
            self._stop_waiting(token)

    def _given(self, token: str, asking: str, reading: float) -> Iterator[Wrong]:
        if token == asking or token in self._excused:
            return
        if self._silent_at.get(token, -math.inf) <= reading:
            silent = sum(instant <= reading for instant in self._silent_at.values())
            if silent <= MAX_REMOVED:
                yield Wrong('order', f'{token} was given a slot although it no longer waits')

    def _is_before(self, first: str, token: str) -> bool:
        """Return whether a waiter was queued before one that has a slot now."""
        if first in self._excused or token in self._excused:
            return False
        return token not in self._order or self._order[first][0] < self._order[token][0]

    def _stop_waiting(self, *tokens: str) -> None:
        for token in tokens:
            known = self._order.get(token)
            self._silent_at.pop(token, None)
            if known is not None:
                entry = (known[0], token)
                position = bisect.bisect_left(self._waiting, entry)
                if self._waiting[position : position + 1] == [entry]:
                    del self._waiting[position]

    def _first(self, reading: float) -> str | None:
        """Return the first live waiter."""
        silent = 0
        for _, token in self._waiting:
            if self._silent_at[token] > reading:
                break
            silent += 1
        del self._waiting[:silent]
        return self._waiting[0][1] if self._waiting else None

    def _count(self, reading: float) -> int:
        """Return how many live waiters there are."""
        return sum(self._silent_at[token] > reading for _, token in self._waiting)


def _gives(asked: Asked) -> bool:
    """Return whether a request gives free slots to those who wait."""
    what, _, answer, _ = asked
    if what in ('DropSlot', 'UndoSlot'):
        return True
    return (what in ('JoinQueue', 'AskAgain') and answer in (QUEUED, CROWDED)) or (
        what == 'LeaveQueue' and answer == NO
    )
