"""``ManualClock``: a clock that moves only when a test moves it."""

import heapq
import itertools
import math
import threading
from collections.abc import Callable
from typing import Any

from py_cachify._process import give_lock
from py_cachify.arguments import is_a, shown


class ManualClock:
    """A clock that stands still until :meth:`advance` moves it, and makes calls at given instants.

    Call it for the current instant in seconds. It may be used by many threads. Pass it to
    :class:`py_cachify.MemoryClient`, or wherever a function such as ``time.monotonic`` is expected.

    Args:
        start: the first instant, in seconds.

    Raises:
        TypeError, ValueError: ``start`` is not a finite number.

    Example::

        clock = ManualClock(start=100.0)
        clock.call_at(103.0, lambda: print('three seconds later'))
        clock.advance(5)                                # prints it
        clock()                                         # 105.0
    """

    lock: threading.RLock

    def __init__(self, start: float = 0.0) -> None:
        self._now = _finite('start', start)
        self._calls: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers = itertools.count()
        self._advancing = False
        # Held for no call, and so for moments only.
        give_lock(self)

    def __call__(self) -> float:
        """Return the current instant, in seconds."""
        return self._now

    def __repr__(self) -> str:
        return f'<ManualClock at {self._now:g} s>'

    def advance(self, seconds: float) -> None:
        """Let time pass, and call what is due on the way, each at its own instant.

        What a call schedules is called too if it is due by then. If a call raises, time stays at
        that instant, and the other calls stay scheduled.

        Args:
            seconds: how much time passes; 0 or more.

        Raises:
            TypeError, ValueError: ``seconds`` is not a finite number, or is negative.
            RuntimeError: ``advance`` is already under way, in a call that it makes or in another
                thread.
        """
        passing = _finite('seconds', seconds)
        if passing < 0:
            raise ValueError(f'seconds must be 0 or more, because a clock does not run backwards, got {shown(seconds)}')
        with self.lock:
            if self._advancing:
                raise RuntimeError('advance() is already under way, in a call that it makes or in another thread')
            self._advancing = True
        try:
            until = self._now + passing
            while (call := self._next_call(until)) is not None:
                # Without the lock, so that the call may wait for another thread.
                call()
        finally:
            self._advancing = False

    def _next_call(self, until: float) -> Callable[[], object] | None:
        """Move to the next call that is due by then, and return it; ``None`` if there is none."""
        with self.lock:
            if not self._calls or self._calls[0][0] > until:
                self._now = until
                return None
            instant, _, call = heapq.heappop(self._calls)
            self._now = instant
            return call

    def call_at(self, instant: float, call: Callable[[], object]) -> Callable[[], None]:
        """Call a function without arguments when the clock reaches an instant.

        The thread that moves the clock makes the call. If the instant has already been reached,
        this thread makes it now. Calls for the same instant are made in the order in which they
        were scheduled.

        Args:
            instant: by this clock, in seconds.
            call: the function.

        Returns:
            A function that cancels the call, if it has not been made yet.

        Raises:
            TypeError, ValueError: ``instant`` is not a finite number, or ``call`` is no function.

        Example::

            cancel = clock.call_at(clock() + 10, event.set)
            cancel()
        """
        at = _finite('instant', instant)
        if not callable(call):
            raise TypeError(f'call must be a function without arguments, not {shown(call)}')
        with self.lock:
            if at > self._now:
                entry = at, next(self._numbers), call
                heapq.heappush(self._calls, entry)
                return lambda: self._cancel(entry)
        call()
        return lambda: None

    def _cancel(self, entry: tuple[float, int, Callable[[], object]]) -> None:
        with self.lock:
            if entry in self._calls:
                self._calls.remove(entry)
                heapq.heapify(self._calls)


def _finite(name: str, seconds: Any) -> float:
    if is_a(seconds, bool) or not (is_a(seconds, int) or is_a(seconds, float)):
        raise TypeError(f'{name} must be a number of seconds, not {shown(seconds)}')
    if not math.isfinite(seconds):
        raise ValueError(f'{name} must be finite, got {shown(seconds)}')
    return float(seconds)
