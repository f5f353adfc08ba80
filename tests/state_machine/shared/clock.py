"""Virtual time for an event loop with a real server: it moves only while nothing is under way."""

import asyncio
import math
import selectors
import time
from collections.abc import Callable
from typing import Any

from tests.support.queue_model import START


QUIET = 30.0
"""In seconds: for how long a real server may be silent while a request is under way."""
LONGEST = 3000.0
"""In seconds of virtual time: how long tasks may take.  Tombstones live for longer."""


class StuckError(AssertionError):
    """Tasks wait for something that cannot happen any more."""


class Clock:
    """Two clocks: that of the event loop, which also goes on by itself, and that of the pools.

    Attributes:
        now: the time of the pools, a multiple of 0.25 s, so the very instant of an expiry occurs.
        limit: how much time may pass, in seconds.
    """

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._skipped = 0.0
        self.now = START
        self.limit = LONGEST

    def loop_time(self) -> float:
        """Return the time of the event loop, in seconds."""
        return time.monotonic() - self._began + self._skipped

    def skip(self, seconds: float) -> None:
        """Let time pass, a little more than that: so tasks that began together wake together."""
        quarters = math.ceil((self.loop_time() + seconds) * 4)
        self._skipped += quarters / 4 - self.loop_time()
        self.now = START + quarters / 4


class _Selector(selectors.DefaultSelector):
    def __init__(self, clock: Clock, is_idle: Callable[[], bool]) -> None:
        super().__init__()
        self._clock = clock
        self._is_idle = is_idle
        self._last_event = time.monotonic()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and (timeout is None or timeout > 0):
            if self._is_idle():
                if timeout is None:
                    raise StuckError('tasks wait, but nothing is under way that could wake them')
                if self._clock.loop_time() + timeout > self._clock.limit:
                    raise StuckError(f'tasks have not ended after {self._clock.limit:g} s of virtual time')
                self._clock.skip(timeout)
                self._last_event = time.monotonic()
                return ready
            ready = super().select(QUIET if timeout is None else min(timeout, QUIET))
        if ready:
            self._last_event = time.monotonic()
        elif time.monotonic() - self._last_event > QUIET:
            raise StuckError(f'requests are under way, but the server was silent for {QUIET:g} s')
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop that never waits for time to pass, only for the server."""

    def __init__(self, clock: Clock, is_idle: Callable[[], bool]) -> None:
        """Make a loop that skips time while ``is_idle()``."""
        self._clock = clock
        self.errors: list[dict[str, Any]] = []
        super().__init__(_Selector(clock, is_idle))
        # What no task noticed, such as an error of one that sends a batch.
        self.set_exception_handler(lambda _, context: self.errors.append(context))

    def time(self) -> float:
        """Return its time, in seconds."""
        return self._clock.loop_time()
