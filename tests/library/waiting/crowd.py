"""People who enter pools and stay until they are told to leave: threads and tasks."""

import asyncio
import itertools
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from py_cachify import pool
from tests.support.stores import Clients


R = TypeVar('R')

KINDS = ('threads', 'tasks', 'both')

LIMIT = 60.0
"""In seconds: after this time a test that waits for something fails."""


def until(condition: Callable[[], object]) -> None:
    """Wait until something is true."""
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end, 'it did not happen'
        time.sleep(0.002)


class Loop:
    """An event loop in a thread of its own."""

    def __init__(self, *async_clients: Any) -> None:
        """Run the loop; ``async_clients`` are closed in it at the end."""
        self._clients = async_clients
        self._ready = threading.Event()
        self._thread = threading.Thread(target=asyncio.run, args=(self._main(),))
        self._thread.start()
        assert self._ready.wait(LIMIT)

    async def _main(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        self._ready.set()
        await self._end.wait()
        for client in self._clients:
            if hasattr(client, 'aclose'):
                await client.aclose()

    def call(self, function: Callable[..., object], *args: Any) -> None:
        """Call a function in the loop's thread."""
        self._loop.call_soon_threadsafe(function, *args)

    def start(self, body: Coroutine[Any, Any, object]) -> None:
        """Run a coroutine as a task."""
        asyncio.run_coroutine_threadsafe(body, self._loop)

    def result(self, body: Coroutine[Any, Any, R]) -> R:
        """Return the result of a coroutine."""
        return asyncio.run_coroutine_threadsafe(body, self._loop).result(LIMIT)

    def end(self) -> None:
        """End the loop, and its thread."""
        self.call(self._end.set)
        self._thread.join(LIMIT)
        assert not self._thread.is_alive()


class Visitor(Protocol):
    """Somebody who enters a pool once.

    Attributes:
        entered: whether it is or was in the pool.
        error: what entering or leaving raised.
        seconds: how long it took until it was in, or refused.
    """

    entered: threading.Event
    ended: threading.Event
    error: BaseException | None
    seconds: float

    def leave(self) -> None:
        """Let it leave the pool as soon as it is in."""
        ...


class _Visit:
    def __init__(self, of: pool, note: Callable[[Any], object]) -> None:
        self.of, self.note = of, note
        self.entered, self.ended = threading.Event(), threading.Event()
        self.error: BaseException | None = None
        self.began = time.monotonic()
        self.seconds = 0.0

    def _is_in(self) -> None:
        self.seconds = time.monotonic() - self.began
        self.note(self)
        self.entered.set()

    def _failed(self, error: BaseException) -> None:
        if not self.entered.is_set():
            self.seconds = time.monotonic() - self.began
        self.error = error


class Thread(_Visit):
    """A thread that enters a pool."""

    def __init__(self, of: pool, note: Callable[[Any], object] = bool) -> None:
        super().__init__(of, note)
        self._may_leave = threading.Event()
        threading.Thread(target=self._visit, daemon=True).start()

    def _visit(self) -> None:
        try:
            with self.of:
                self._is_in()
                assert self._may_leave.wait(LIMIT)
        except BaseException as error:
            self._failed(error)
        finally:
            self.ended.set()

    def leave(self) -> None:
        self._may_leave.set()


class Task(_Visit):
    """A task that enters a pool."""

    def __init__(self, of: pool, note: Callable[[Any], object], loop: Loop) -> None:
        super().__init__(of, note)
        self._loop = loop
        self._may_leave = asyncio.Event()
        loop.start(self._visit())

    async def _visit(self) -> None:
        try:
            async with self.of:
                self._is_in()
                await asyncio.wait_for(self._may_leave.wait(), LIMIT)
        except BaseException as error:
            self._failed(error)
        finally:
            self.ended.set()

    def leave(self) -> None:
        self._loop.call(self._may_leave.set)


class Crowd:
    """Makes visitors of one kind, or of both by turns.

    Attributes:
        arrived: who has got a slot, in this order.
    """

    def __init__(self, kind: str, loop: Loop) -> None:
        self.kind, self.loop = kind, loop
        self.arrived: list[Visitor] = []
        self._visitors: list[Visitor] = []
        self._kinds = itertools.cycle({'threads': 't', 'tasks': 'a', 'both': 'ta'}[kind])

    def enter(self, of: pool) -> Visitor:
        """Let somebody enter, who may have to wait."""
        note = self.arrived.append
        visitor: Visitor = Thread(of, note) if next(self._kinds) == 't' else Task(of, note, self.loop)
        self._visitors.append(visitor)
        return visitor

    def hold(self, of: pool) -> Visitor:
        """Let somebody enter a pool that has room, and return when that is done."""
        visitor = self.enter(of)
        until(lambda: visitor.entered.is_set() or visitor.error)
        assert visitor.error is None, visitor.error
        return visitor

    def queue(self, of: pool) -> Visitor:
        """Let somebody wait, and return when that stands in the queue."""
        before = of.queue_size()
        visitor = self.enter(of)
        until(lambda: of.queue_size() == before + 1 or visitor.error)
        assert visitor.error is None, visitor.error
        return visitor

    def refusal(self, of: pool) -> BaseException:
        """Let somebody enter in vain; return the error."""
        visitor = self.enter(of)
        assert visitor.ended.wait(LIMIT)
        assert visitor.error is not None, 'it was not refused'
        return visitor.error

    def end(self) -> None:
        """Let everybody leave, and wait for it."""
        for visitor in self._visitors:
            visitor.leave()
        for visitor in self._visitors:
            assert visitor.ended.wait(LIMIT)


@contextmanager
def crowd_of(kind: str, clients: Clients) -> Iterator[Crowd]:
    """Yield a crowd; at the end nobody is left, and no slot and no ticket either."""
    loop = Loop(clients.asynchronous)
    try:
        crowd = Crowd(kind, loop)
        try:
            yield crowd
        finally:
            crowd.end()
    finally:
        loop.end()
