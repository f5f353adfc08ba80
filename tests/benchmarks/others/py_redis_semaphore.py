"""py-redis-semaphore: slots expire, and a thread or task of each holder renews its slot."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from redis_semaphore import AcquireMode, Semaphore, SemaphoreConfig

from tests.benchmarks.clients import make_async_client, make_client
from tests.benchmarks.contention import Arena, AsyncAttempt, Attempt, Processes, Tasks, Threads
from tests.benchmarks.loops import async_with_loop, with_loop
from tests.benchmarks.others.subject import CannotError
from tests.benchmarks.rounds import Chunk
from tests.benchmarks.sizes import ENOUGH_CONNECTIONS, HELD, MAX_SIZE, ROOM
from tests.benchmarks.waiting import AsyncWait, Crowd, TaskCrowd, ThreadCrowd, Wait


def _config(name: str, limit: int, lock_timeout: float = 600) -> Any:
    # Faster if nobody waits: it needs no list to wake waiters up.
    return SemaphoreConfig(name, limit, lock_timeout=lock_timeout, acquire_mode=AcquireMode.POLLING)


def attempts(socket: str) -> Callable[[], Attempt]:
    """Return what makes the attempts of threads; each has its own object, which holds one slot."""
    client = make_client(socket)

    def make() -> Attempt:
        semaphore = Semaphore(client, _config('contended', MAX_SIZE))

        def attempt(body: Callable[[], None]) -> bool:
            if not semaphore.acquire(blocking=False).success:
                return False
            try:
                body()
            finally:
                semaphore.release()
            return True

        return attempt

    return make


def async_attempts(client: Any) -> Callable[[], AsyncAttempt]:
    """Return what makes the attempts of tasks; each has its own object, which holds one slot."""

    def make() -> AsyncAttempt:
        semaphore = Semaphore(client, _config('contended', MAX_SIZE))

        async def attempt(body: Callable[[], Awaitable[None]]) -> bool:
            if not (await semaphore.aacquire(blocking=False)).success:
                return False
            try:
                await body()
            finally:
                await semaphore.arelease()
            return True

        return attempt

    return make


def _waiting_config() -> Any:
    # Its own way to wait: `BLPOP` on a list of signals, for less than the client's own time-out.
    return SemaphoreConfig('waiting', MAX_SIZE, lock_timeout=600, blpop_timeout=4)


def waiting(client: Any) -> Callable[[], Wait]:
    """Return what makes the waits of threads; each has its own object, which holds one slot."""

    def make() -> Wait:
        semaphore = Semaphore(client, _waiting_config())

        def wait(body: Callable[[], None]) -> None:
            with semaphore:
                body()

        return wait

    return make


def async_waiting(client: Any) -> Callable[[], AsyncWait]:
    """Return what makes the waits of tasks; each has its own object, which holds one slot."""

    def make() -> AsyncWait:
        semaphore = Semaphore(client, _waiting_config())

        async def wait(body: Callable[[], Awaitable[None]]) -> None:
            async with semaphore:
                await body()

        return wait

    return make


class Subject:
    """The subject for py-redis-semaphore, see ``subject.py``."""

    def __init__(self, socket: str) -> None:
        self._socket = socket
        self._runner = asyncio.Runner()
        self._client, self._async_client = make_client(socket), make_async_client(socket)
        self._crowd: tuple[asyncio.Runner, list[Semaphore]] | None = None

    def chunk(self, measure: str) -> Chunk:
        """Return the loop of an uncontended row."""
        match measure.split():
            case ['store', side, crowd]:
                if crowd == 'crowded' and self._crowd is None:
                    self._crowd = self._make_crowd()
                config = _config(crowd, ROOM)
                if side == 'sync':
                    return with_loop(Semaphore(self._client, config))
                return async_with_loop(self._runner, Semaphore(self._async_client, config))
            case ['memory', *_]:
                raise CannotError('no memory backend')
            case _:
                raise CannotError('not compared')

    def arena(self, kind: str) -> Arena:
        """Return the actors of a contended row."""
        match kind:
            case 'threads':
                return Threads(attempts(self._socket))
            case 'tasks':
                return Tasks(self._runner, async_attempts(self._async_client))
            case 'processes':
                return Processes(attempts, self._socket)
            case _:
                raise CannotError('not compared')

    def crowd(self, kind: str, workers: int, body: float) -> Crowd:
        """Return workers that wait."""
        if kind == 'threads':
            return ThreadCrowd(waiting(make_client(self._socket, ENOUGH_CONNECTIONS)), workers, body)
        client = make_async_client(self._socket, ENOUGH_CONNECTIONS)
        return TaskCrowd(self._runner, async_waiting(client), workers, body)

    def _make_crowd(self) -> tuple[asyncio.Runner, list[Semaphore]]:
        # In tasks of a loop that does not run: with threads, one thread per slot would renew it.
        runner = asyncio.Runner()
        client = make_async_client(self._socket)
        config = _config('crowded', ROOM, lock_timeout=3600)
        crowd = [Semaphore(client, config) for _ in range(HELD)]

        async def take_all() -> None:
            for semaphore in crowd:
                await semaphore.aacquire()

        runner.run(take_all())
        return runner, crowd
