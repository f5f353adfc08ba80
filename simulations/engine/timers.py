"""Virtual time, and calls later in it without a SimPy process.

At one instant, bodies and slots end first, so a slot that becomes free can be taken immediately.
Then jobs whose wait is over leave the queue, and then jobs ask. Instants that differ only by
rounding count as one: if jobs arrive every 0.1 s and run for 0.3 s, the job of 6 * 0.1 ends at
0.9000000000000001, just after the arrival at 9 * 0.1 = 0.9, which would be refused.
"""

import math
from collections.abc import Callable
from heapq import heappush
from typing import Any, Protocol

import simpy


SAME = 1e-12
"""Instants count as one if they differ by no more than this share of the time since the first one.

This is 86 ns after a day.  It covers the roundings of thousands of slots that expire one after the
other.
"""

COARSE = 16 * 2.0**-52
"""To that is added this share of the first instant, some 16 units in its last place.

It matters if the clock reads seconds since 1970: neighbouring floats are 0.24 us apart there.
"""


class After(simpy.Event):
    """A call after ``delay`` seconds: a SimPy ``Timeout`` with less overhead."""

    NORMAL, LEAVES, ASKS = 1, 2, 3

    def __init__(self, env: simpy.Environment, delay: float, do: Callable[[Any], None], priority: int = NORMAL) -> None:
        self.env = env
        self.callbacks = [do]
        self._ok = True
        self._value = None
        # What env.schedule() does; a run has so many of these calls that calling it would be felt.
        entry: Any = (env._now + delay, priority, next(env._eid), self)  # noqa: SLF001
        heappush(env._queue, entry)  # noqa: SLF001


class Expiries(Protocol):
    """Slots that expire without an event."""

    @property
    def next_expiry(self) -> float:
        """The next instant at which a slot may expire, or one that has passed."""
        ...

    def until(self, now: float) -> float:
        """Let time pass until ``now``, and return the next instant at which a slot may expire."""
        ...

    def last_expiry(self, limit: float) -> float:
        """Return the last instant up to ``limit`` at which a slot may expire, or -infinity."""
        ...


class _NoExpiries:
    next_expiry = math.inf

    def until(self, _now: float) -> float:
        return math.inf

    def last_expiry(self, _limit: float) -> float:
        return -math.inf


class Clock(simpy.Environment):
    """Virtual time, in which a job leaves or asks after everything that ends at the same instant.

    Args:
        first: the instant at which it begins, in seconds.

    Attributes:
        expiries: the slots that expire without an event.
    """

    def __init__(self, first: float) -> None:
        super().__init__(first)
        self._first = first
        self._coarse = COARSE * abs(first)
        self._asked = -math.inf
        self.expiries: Expiries = _NoExpiries()

    def after_ends(self, delay: float, do: Callable[[float], object], priority: int = After.ASKS) -> None:
        """Call ``do`` in ``delay`` seconds, after everything that ends at the same instant.

        With the priority ``After.LEAVES``, before jobs ask then.

        If something ends later only by rounding, the call is as late.  It receives by how many
        seconds, so that what follows need not be late as well, and roundings do not add up.
        """
        event: Any = After(self, delay, self._ask if priority == After.ASKS else self._leave, priority)
        event.do = do

    def _ask(self, event: Any) -> None:
        now = self._now
        limit = now + SAME * (now - self._first) + self._coarse
        queue, expiries = self._queue, self.expiries
        if (queue and queue[0][0] <= limit and now != self._asked) or (
            expiries.next_expiry <= limit and expiries.until(now) <= limit
        ):
            last = max(self._last_end(limit, After.ASKS), expiries.last_expiry(limit))
            if last > now:
                After(self, last - now, lambda _: event.do(self._now - now), After.ASKS)
                return
            # Any number of jobs may ask at this instant; one look at the queue is enough.
            self._asked = now
        event.do(0.0)

    def _leave(self, event: Any) -> None:
        now = self._now
        limit = now + SAME * (now - self._first) + self._coarse
        last = max(self._last_end(limit, After.LEAVES), self.expiries.last_expiry(limit))
        if last > now:
            After(self, last - now, lambda _: event.do(self._now - now), After.LEAVES)
        else:
            event.do(0.0)

    def _last_end(self, limit: float, before: int) -> float:
        """Return the last instant up to ``limit`` for which anything is due that comes before."""
        last = -math.inf
        places = [0]
        while places:
            place = places.pop()
            if place < len(self._queue) and self._queue[place][0] <= limit:
                instant, priority, *_ = self._queue[place]
                if priority < before:
                    last = max(last, instant)
                # The queue is a heap: an entry is not later than the two below it.
                places += 2 * place + 1, 2 * place + 2
        return last


def check_moves_clock(now: float, what: str, seconds: float) -> float:
    """Return ``seconds`` if they move the clock.

    Raises:
        ValueError: they are lost in rounding, so a job that waits so long would retry forever.
    """
    if seconds > 0 and now + seconds == now:
        raise ValueError(
            f'a {what} of {seconds!r} s is too short: at {now!r} s it does not move the clock; use longer ones'
        )
    return seconds
