"""The waiters of this process, by ticket, and how one of them is woken.

Any thread can wake a waiter: one that gives a slot back, one that reads the messages of a server,
or a timer.  Waking it twice does no harm.  If it is woken without a reason, it asks again in vain.
"""

import asyncio
import threading
from contextlib import suppress
from typing import Protocol

from py_cachify._process import after_fork
from py_cachify.commands import Turn


class Waiter(Protocol):
    """Somebody who waits.

    Attributes:
        granted_at: an instant before it was given a slot, by the clock of its backend; ``None`` for
            the present one.
        is_pausing: whether it waits to be told something at this moment.
    """

    granted_at: float | None
    is_pausing: bool

    def tell(self, turn: Turn) -> bool:
        """Let it stop waiting; ``GRANTED`` counts more than any other reason.

        Return false if it never can, because its loop has been closed.
        """
        ...


MAX_ABANDONED = 10_000
"""How many tickets without a waiter are remembered; one more and the oldest is forgotten."""

_waiters: dict[str, Waiter] = {}
_abandoned: dict[str, None] = {}


def register(ticket: str, waiter: Waiter) -> None:
    """Let ``waiter`` be told; call this before its ticket is in a queue."""
    _waiters[ticket] = waiter


def forget(ticket: str) -> None:
    """Forget the waiter of this ticket, so that nothing wakes it."""
    _waiters.pop(ticket, None)


def abandon(ticket: str) -> None:
    """Note that a ticket in a queue has lost its waiter: its coroutine was thrown away."""
    forget(ticket)
    _abandoned[ticket] = None
    if len(_abandoned) > MAX_ABANDONED:
        _abandoned.pop(next(iter(_abandoned)), None)


def tell(ticket: str, turn: Turn) -> None:
    """Tell the waiter of this ticket, if somebody waits with it."""
    waiter = _waiters.get(ticket)
    if waiter is not None and not waiter.tell(turn):
        abandon(ticket)


def is_pausing(ticket: str) -> bool:
    """Return whether the waiter of this ticket waits to be told something at this moment."""
    waiter = _waiters.get(ticket)
    return waiter is not None and waiter.is_pausing


def note_grant(ticket: str, instant: float) -> None:
    """Note that the waiter of this ticket was given a slot, after ``instant`` by its clock."""
    waiter = _waiters.get(ticket)
    if waiter is not None:
        waiter.granted_at = instant


def is_abandoned(ticket: str) -> bool:
    """Return whether a ticket that got a slot has no waiter: the slot must be given back.

    A ticket that is merely unknown is not abandoned: its waiter may have asked by itself and hold
    the slot already.
    """
    return bool(_abandoned) and _abandoned.pop(ticket, _MISSING) is not _MISSING


_MISSING = object()


def _forget_all() -> None:
    _waiters.clear()
    _abandoned.clear()


after_fork(_forget_all)


class ThreadWaiter:
    """A thread that waits."""

    granted_at: float | None = None
    is_pausing = False

    def __init__(self) -> None:
        self._turn: Turn | None = None
        # A lock that is held until somebody tells this waiter something: cheaper than an event.
        self._silence = threading.Lock()
        self._silence.acquire()

    def tell(self, turn: Turn) -> bool:
        """Let it stop waiting; from any thread."""
        if self._turn is None or turn is Turn.GRANTED:
            self._turn = turn
        with suppress(RuntimeError):
            # Already released if it was woken before and has not noticed yet.
            self._silence.release()
        return True

    def wait(self, seconds: float | None) -> Turn | None:
        """Return why it stops waiting; ``None`` if ``seconds`` have passed, or without a reason."""
        self.is_pausing = True
        self._silence.acquire(timeout=-1 if seconds is None else max(0.0, min(seconds, threading.TIMEOUT_MAX)))
        self.is_pausing = False
        turn, self._turn = self._turn, None
        return turn


class TaskWaiter:
    """A task that waits."""

    granted_at: float | None = None
    is_pausing = False

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._turn: Turn | None = None
        self._future: asyncio.Future[None] | None = None

    def tell(self, turn: Turn) -> bool:
        """Let it stop waiting; from any thread."""
        if self._turn is None or turn is Turn.GRANTED:
            self._turn = turn
        if asyncio._get_running_loop() is self._loop:  # noqa: SLF001 - as in _entries.py
            self._wake()
        else:
            try:
                self._loop.call_soon_threadsafe(self._wake)
            except RuntimeError:
                # Its loop has been closed, so its task can never go on.
                return False
        return True

    def _wake(self) -> None:
        if self._future is not None and not self._future.done():
            self._future.set_result(None)

    async def wait(self, seconds: float | None) -> Turn | None:
        """Return why it stops waiting; ``None`` if ``seconds`` have passed."""
        self._future = self._loop.create_future()
        timer = None if seconds is None else self._loop.call_later(max(0.0, seconds), self._wake)
        self.is_pausing = True
        try:
            # Not before, because another thread may tell it at any time.
            if self._turn is None:
                await self._future
        finally:
            self.is_pausing = False
            self._future = None
            if timer is not None:
                timer.cancel()
        turn, self._turn = self._turn, None
        return turn
