"""Call a function at an instant: in one thread of this process, or in an event loop."""

import asyncio
import heapq
import itertools
import logging
import math
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from py_cachify._process import after_fork, give_lock
from py_cachify._waiters import ThreadWaiter
from py_cachify.backends.memory import Alarm
from py_cachify.commands import Turn


logger = logging.getLogger('py_cachify')

IDLE = 10.0
"""In seconds: how long the thread continues without anything to do."""


class Dispatcher:
    """The one thread that notices losses and calls ``on_lost``; instants are monotonic seconds."""

    lock: threading.RLock

    def __init__(self) -> None:
        give_lock(self)
        self.forget()

    def forget(self) -> None:
        """Forget everything: a forked process has none of its parent's threads."""
        self._calls: list[tuple[float, int, Callable[[], object]]] = []
        self._cancelled: set[int] = set()
        self._numbers = itertools.count()
        self._waiter = ThreadWaiter()
        self._thread: threading.Thread | None = None

    def call_at(self, instant: float, call: Callable[[], object]) -> Callable[[], None]:
        """Call a function at an instant; return what cancels the call."""
        with self.lock:
            number = next(self._numbers)
            heapq.heappush(self._calls, (instant, number, call))
            if self._thread is None:
                # Known only once it runs: an interrupt, or a lack of threads, may prevent that.
                thread = threading.Thread(target=self._run, name='py-cachify losses', daemon=True)
                thread.start()
                self._thread = thread
            elif self._calls[0][1] == number:
                self._waiter.tell(Turn.ASK)
        return lambda: self._cancel(number)

    def _cancel(self, number: int) -> None:
        with self.lock:
            self._cancelled.add(number)
            if len(self._cancelled) > len(self._calls) // 2 + 64:
                self._calls = [each for each in self._calls if each[1] not in self._cancelled]
                heapq.heapify(self._calls)
                self._cancelled.clear()

    def _run(self) -> None:
        idle_at = math.inf
        while True:
            with self.lock:
                if self._thread is not threading.current_thread():
                    return
                now = time.monotonic()
                call, pause = self._next(now)
                if call is None and not self._calls:
                    idle_at = min(idle_at, now + IDLE)
                    if now >= idle_at:
                        self._thread = None
                        return
                    pause = idle_at - now
                else:
                    idle_at = math.inf
            if call is None:
                self._waiter.wait(pause)
                continue
            try:
                call()
            except BaseException:
                with suppress(BaseException):
                    logger.exception('a function that was called at the loss of a slot failed')

    def _next(self, now: float) -> tuple[Callable[[], object] | None, float]:
        """Return what is due, or ``None`` and how long to wait, in seconds."""
        while self._calls:
            instant, number, call = self._calls[0]
            if number in self._cancelled:
                heapq.heappop(self._calls)
                self._cancelled.discard(number)
            elif instant <= now:
                heapq.heappop(self._calls)
                return call, 0.0
            else:
                return None, instant - now
        return None, IDLE


dispatcher = Dispatcher()
after_fork(dispatcher.forget)


def loop_alarm(loop: asyncio.AbstractEventLoop) -> Alarm:
    """Return what calls a function in an event loop at an instant of ``time.monotonic()``."""

    def call_at(instant: float, call: Callable[[], object]) -> Callable[[], None]:
        return loop.call_later(max(0.0, instant - time.monotonic()), call).cancel

    return call_at
