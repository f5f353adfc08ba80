"""From a release to the body of the waiter, and a bare round trip after an equal pause.

A pool has one slot.  Once the waiter is in the queue, its holder pauses, releases the slot, pauses
again, and makes a round trip with a script that does nothing.  Both processes read the same clock.
"""

import asyncio
import multiprocessing
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

from py_cachify import init_cachify
from py_cachify.pools import pool
from tests.benchmarks.clients import make_async_client, make_client


PAUSE = 0.005
"""In seconds: how long a holder pauses before a release, and before the round trip."""
_LOOK = 0.001
"""In seconds: how often somebody looks whether the waiter is in the queue."""
_NOTHING = 'return 0'


class Moments(NamedTuple):
    """When a slot was released, and how long a round trip took, in seconds."""

    released: float
    trip: float


class HandOver(NamedTuple):
    """How long one hand-over and one round trip took, in seconds."""

    took: float
    trip: float


class _Holder(Protocol):
    """Holds the slot of a pool: a thread or a task, in this process or in another."""

    def take(self) -> None: ...

    def begin_release(self) -> None: ...

    def moments(self) -> Moments: ...


def _pools(key: str, client: Any, async_client: Any = None) -> tuple[pool, pool]:
    """Return the pool of the holder and that of the waiter."""
    store = init_cachify(client, async_client, is_global=False)
    return store.pool(key, 1), store.pool(key, 1, wait=None)


class _ThreadHolder:
    """Holds the slot in the thread that uses it."""

    def __init__(self, key: str, client: Any) -> None:
        self._pool, _ = _pools(key, client)
        self._client = client
        self._digest = client.script_load(_NOTHING)
        self._moments = Moments(0, 0)

    def take(self) -> None:
        self._pool.__enter__()

    def begin_release(self) -> None:
        time.sleep(PAUSE)
        released = time.monotonic()
        self._pool.__exit__(None, None, None)
        time.sleep(PAUSE)
        began = time.monotonic()
        self._client.evalsha(self._digest, 1, 'nothing')
        self._moments = Moments(released, time.monotonic() - began)

    def moments(self) -> Moments:
        return self._moments


class _TaskHolder:
    """Holds the slot in the task that uses it."""

    def __init__(self, key: str, client: Any) -> None:
        self._pool, _ = _pools(key, None, client)
        self._client = client
        self._digest = ''

    async def take(self) -> None:
        self._digest = self._digest or await self._client.script_load(_NOTHING)
        await self._pool.__aenter__()

    async def release(self) -> Moments:
        await asyncio.sleep(PAUSE)
        released = time.monotonic()
        await self._pool.__aexit__(None, None, None)
        await asyncio.sleep(PAUSE)
        began = time.monotonic()
        await self._client.evalsha(self._digest, 1, 'nothing')
        return Moments(released, time.monotonic() - began)


class OtherProcess:
    """Holds the slot in a process of its own.

    Args:
        kind: ``threads`` or ``tasks``.
        key: the key of the pool.
        socket: the unix socket of the server.
    """

    def __init__(self, kind: str, key: str, socket: str) -> None:
        context = multiprocessing.get_context('spawn')
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_hold, args=(kind, key, socket, theirs), daemon=True)
        self._process.start()
        theirs.close()

    @property
    def pid(self) -> int:
        """The id of the process."""
        assert self._process.pid is not None
        return self._process.pid

    def take(self) -> None:
        """Take the slot."""
        self._pipe.send('take')
        self._pipe.recv()

    def begin_release(self) -> None:
        """Let the slot be released soon."""
        self._pipe.send('release')

    def moments(self) -> Moments:
        """Return when the slot was released, after the round trip."""
        return Moments(*self._pipe.recv())

    def close(self) -> None:
        """End the process."""
        self._pipe.close()
        self._process.join()


def _hold(kind: str, key: str, socket: str, pipe: Any) -> None:
    """Carry out what the pipe says, in a process of its own."""
    with asyncio.Runner() as runner:
        if kind == 'threads':
            thread = _ThreadHolder(key, make_client(socket))
        else:
            task = _TaskHolder(key, make_async_client(socket))
        while True:
            try:
                order = pipe.recv()
            except EOFError:
                return
            if kind == 'threads':
                thread.take() if order == 'take' else thread.begin_release()
                pipe.send(thread.moments())
            else:
                pipe.send(runner.run(task.take() if order == 'take' else task.release()))


class ThreadWaiter:
    """A thread that waits for the slot, in this process.

    Args:
        key: the key of the pool.
        client: a synchronous client.
        other: holds the slot in another process; by default, this thread holds it.
    """

    def __init__(self, key: str, client: Any, other: OtherProcess | None = None) -> None:
        self._holder: _Holder = other or _ThreadHolder(key, client)
        _, self._pool = _pools(key, client)
        self._begin, self._end = threading.Semaphore(0), threading.Semaphore(0)
        self._entered: float | None = 0.0
        threading.Thread(target=self._wait, daemon=True).start()

    def measure(self) -> HandOver:
        """Let the slot be handed over once."""
        self._holder.take()
        self._begin.release()
        while self._pool.queue_size() == 0:
            time.sleep(_LOOK)
        self._holder.begin_release()
        self._end.acquire()
        released, trip = self._holder.moments()
        assert self._entered is not None
        return HandOver(self._entered - released, trip)

    def close(self) -> None:
        """End the thread."""
        self._entered = None
        self._begin.release()

    def _wait(self) -> None:
        while True:
            self._begin.acquire()
            if self._entered is None:
                return
            with self._pool:
                self._entered = time.monotonic()
            self._end.release()


class TaskWaiter:
    """A task that waits for the slot, in this process.

    Args:
        runner: the event loop.
        key: the key of the pool.
        client: an asynchronous client.
        other: holds the slot in another process; by default, another task holds it.
    """

    def __init__(self, runner: asyncio.Runner, key: str, client: Any, other: OtherProcess | None = None) -> None:
        self._runner = runner
        self._other = other
        self._own = _TaskHolder(key, client)
        _, self._pool = _pools(key, None, client)

    def measure(self) -> HandOver:
        """Let the slot be handed over once."""
        return self._runner.run(self._measure())

    async def _measure(self) -> HandOver:
        if self._other is None:
            await self._own.take()
        else:
            self._other.take()
        waiter = asyncio.create_task(self._wait())
        while await self._pool.aqueue_size() == 0:  # noqa: ASYNC110 - the server knows
            await asyncio.sleep(_LOOK)
        if self._other is None:
            moments = await self._own.release()
            entered = await waiter
        else:
            self._other.begin_release()
            entered = await waiter
            moments = self._other.moments()
        return HandOver(entered - moments.released, moments.trip)

    async def _wait(self) -> float:
        async with self._pool:
            return time.monotonic()


@contextmanager
def waiter(kind: str, key: str, socket: str, other: OtherProcess | None) -> Iterator[ThreadWaiter | TaskWaiter]:
    """Yield a waiter of this process: ``kind`` is ``threads`` or ``tasks``."""
    if kind == 'threads':
        with make_client(socket) as client:
            thread = ThreadWaiter(key, client, other)
            try:
                yield thread
            finally:
                thread.close()
        return
    with asyncio.Runner() as runner:
        client = make_async_client(socket)
        try:
            yield TaskWaiter(runner, key, client, other)
        finally:
            runner.run(client.aclose())
