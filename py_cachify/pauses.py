"""When a waiter asks again, and when its time is up: decided once, for threads and for asyncio.

A waiter is woken when it gets a slot.  It still asks by itself from time to time, because a message
may be lost, and because the store takes a waiter that has been silent for long for dead.
"""

import math
import random
from collections.abc import Callable

from py_cachify.commands import CLAIM, DEADLINE, HEARTBEAT, AwaitTurn, Turn


UNREACHABLE_LIMIT = 30.0
"""In seconds: how long a store may fail to answer until a waiter gives up."""

SHORTEST_PAUSE, LONGEST_PAUSE = 0.02, 0.25
"""In seconds: how long a waiter pauses if nothing can wake it."""

LONGEST_BACKOFF = 1.0
"""In seconds: the longest pause between two requests that fail."""

A_MOMENT = 0.001
"""In seconds: how long after an expiry a waiter asks, because a clock may be late."""

_random = random.Random()
"""The library's own, so that it draws nothing from the stream that a program may have seeded."""


class Pauses:
    """The pauses of one waiter.

    Attributes:
        began: when it began to wait, by its clock.
        until: when its time is up, by its clock; infinite if never.
    """

    def __init__(
        self,
        wait: float | None,
        clock: Callable[[], float],
        told_by_all: bool,
        is_told: Callable[[], bool],
        *,
        stream: random.Random = _random,
    ) -> None:
        """Begin to wait for ``wait`` seconds by ``clock``, ``None`` for any time.

        ``told_by_all`` says whether everything that frees a slot tells the waiter, as in memory;
        ``is_told()`` whether messages tell it.  A simulation passes the ``stream`` from which its
        pauses are drawn.
        """
        self._stream = stream
        self._clock = clock
        self._told_by_all = told_by_all
        self._is_told = is_told
        self.began = clock()
        self.until = math.inf if wait is None else self.began + wait
        self._ended: float | None = None
        self._answered = self.began
        self._asked = 0

    def waited(self) -> float:
        """Return how long it has waited, in seconds."""
        return max(0.0, (self._clock() if self._ended is None else self._ended) - self.began)

    def is_over(self) -> bool:
        """Return whether its time is up."""
        return self._ended is not None or self._clock() >= self.until

    def note_end(self) -> None:
        """Note that its time is up, if it is, although the clock may go on before it reacts."""
        now = self._clock()
        if self._ended is None and now >= self.until:
            self._ended = now

    def after(self, turn: AwaitTurn) -> float | Turn | None:
        """Return how long to wait now, in seconds, ``None`` until told; or why not to wait."""
        now = self._clock()
        left = self.until - now
        if self._ended is not None or left <= 0:
            return Turn.OVER
        if not turn.failures:
            self._answered = now
        elif now - self._answered > UNREACHABLE_LIMIT:
            return Turn.GIVE_UP
        pause = self._pause(turn)
        self._asked += 1
        if left == math.inf:
            return pause
        return left if pause is None else min(pause, left)

    def _pause(self, turn: AwaitTurn) -> float | None:
        if turn.failures:
            return min(LONGEST_BACKOFF, SHORTEST_PAUSE * 2.0 ** min(turn.failures, 10)) * self._stream.uniform(0.5, 1)
        queued = turn.queued
        if queued is None:
            return self._without_message(0)
        expiry = queued.next_expiry
        if self._told_by_all:
            return expiry
        # Those that are next ask within the time of a claim, because they may have one.
        is_near = queued.rank < turn.max_size
        if not self._is_told():
            pause = self._without_message(queued.rank // turn.max_size)
        elif is_near:
            claim = CLAIM if turn.slot_exp is None else min(CLAIM, turn.slot_exp)
            pause = claim * self._stream.uniform(0.6, 0.9)
        else:
            pause = HEARTBEAT * self._stream.uniform(0.8, 1)
        # What expires next may be claims of dead waiters, with more of them behind.  All of
        # them fall silent at last, so a waiter that is far behind need not hurry for their sake.
        if expiry is not None and queued.rank * CLAIM < turn.max_size * DEADLINE:
            pause = min(pause, expiry + A_MOMENT if expiry else 0.0)
        return pause

    def _without_message(self, groups_before: int) -> float:
        longest = min(SHORTEST_PAUSE * 1.5 ** min(self._asked, 20), LONGEST_PAUSE)
        # Those that are far behind leave the server to those that are next.
        return min(HEARTBEAT, longest * (1 + groups_before)) * self._stream.uniform(0.5, 1)
