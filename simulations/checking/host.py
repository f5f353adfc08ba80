"""The thread that makes the client and makes all calls that need no other caller.

A client that never replies must not stop the check, so nobody else waits for it without a limit. An
asynchronous client lives in the event loop of this thread.
"""

import asyncio
import concurrent.futures
import inspect
import queue
import threading
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from simulations.checking.calls import drive


R = TypeVar('R')

Factory = Callable[[], Any]


class StuckError(Exception):
    """A call did not return in time, so the thread of the client cannot be used any more."""


class Host:
    """A client in its own thread.

    Args:
        factory: makes the client; it may be ``async`` if the client is.
        asynchronous: whether the client must be awaited.
        patience: how long to wait for one piece of work, in seconds.

    Raises:
        StuckError: the factory did not return in time.
        Exception: what the factory raised.
    """

    def __init__(self, factory: Factory, *, asynchronous: bool, patience: float) -> None:
        self.asynchronous = asynchronous
        self.patience = patience
        self.stuck = False
        self._factory = factory
        self._client: concurrent.futures.Future[Any] = concurrent.futures.Future()
        self._work: queue.SimpleQueue[tuple[Callable[[Any], Any], concurrent.futures.Future[Any]] | None] = (
            queue.SimpleQueue()
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        target = self._serve_tasks if asynchronous else self._serve_calls
        self._thread = threading.Thread(target=target, name='client', daemon=True)
        self._thread.start()
        self.client = self._result(self._client)

    def do(self, work: 'Callable[[Any], Coroutine[Any, Any, R]]', patience: float | None = None) -> R:
        """Run ``work(client)`` in the thread of the client, and return its result.

        Raises:
            StuckError: it did not return in time.
            BaseException: what ``work`` raised.
        """
        if self.stuck:
            raise StuckError
        if self._loop is not None:
            return self._result(asyncio.run_coroutine_threadsafe(work(self.client), self._loop), patience)
        done: concurrent.futures.Future[R] = concurrent.futures.Future()
        self._work.put((work, done))
        return self._result(done, patience)

    async def pause(self, seconds: float) -> None:
        """Wait, in the thread of the client."""
        if self.asynchronous:
            await asyncio.sleep(seconds)
        else:
            threading.Event().wait(seconds)

    def close(self) -> None:
        """Close the client if it can be closed, and end the thread."""
        with suppress(Exception):
            self.do(_close)
        if self._loop is not None:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._over.set)
        self._work.put(None)
        if not self.stuck:
            self._thread.join(self.patience)

    def _result(self, future: 'concurrent.futures.Future[R]', patience: float | None = None) -> R:
        # A result that is itself a TimeoutError of the work must not look like our own.
        done, _ = concurrent.futures.wait([future], patience or self.patience)
        if not done:
            self.stuck = True
            raise StuckError
        return future.result()

    def _serve_calls(self) -> None:
        try:
            client = self._factory()
        except BaseException as error:
            self._client.set_exception(error)
            return
        self._client.set_result(client)
        while (item := self._work.get()) is not None:
            work, done = item
            try:
                done.set_result(drive(work(client)))
            except BaseException as error:
                done.set_exception(error)

    def _serve_tasks(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        try:
            client = self._factory()
            if inspect.isawaitable(client):
                client = await client
        except BaseException as error:
            self._client.set_exception(error)
            return
        self._over = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._client.set_result(client)
        await self._over.wait()


async def _close(client: Any) -> None:
    for name in ('aclose', 'close'):
        close = getattr(client, name, None)
        if callable(close):
            answer: Awaitable[Any] | Any = close()
            if inspect.isawaitable(answer):
                await answer
            return
