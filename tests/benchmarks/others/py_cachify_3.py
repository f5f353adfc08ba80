"""The other package called py-cachify, whose public reference this project's library implements.

It runs in an environment that has that package: here, ``py_cachify`` is not the project's library.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, ExitStack
from importlib.metadata import version
from typing import Any

from py_cachify import CachifyPoolFullError, init_cachify, pool
from tests.benchmarks.clients import make_async_client, make_client
from tests.benchmarks.contention import Arena, AsyncAttempt, Attempt, Processes, Tasks, Threads
from tests.benchmarks.loops import async_with_loop, with_loop
from tests.benchmarks.others.subject import CannotError
from tests.benchmarks.rounds import Chunk
from tests.benchmarks.sizes import HELD, MAX_SIZE, ROOM
from tests.benchmarks.waiting import Crowd


version('py-cachify')  # raises where it is not installed

_SHARED = pool(key='theirs-contended', max_size=MAX_SIZE)


def attempts(socket: str) -> Callable[[], Attempt]:
    """Return what makes the attempts of threads, which share one pool object."""
    init_cachify(sync_client=make_client(socket))

    def attempt(body: Callable[[], None]) -> bool:
        try:
            with _SHARED:
                body()
        except CachifyPoolFullError:
            return False
        return True

    return lambda: attempt


def async_attempts(client: Any) -> Callable[[], AsyncAttempt]:
    """Return what makes the attempts of tasks, which share one pool object."""
    init_cachify(async_client=client)

    async def attempt(body: Callable[[], Awaitable[None]]) -> bool:
        try:
            async with _SHARED:
                await body()
        except CachifyPoolFullError:
            return False
        return True

    return lambda: attempt


class Subject:
    """The subject for py-cachify, see ``subject.py``."""

    def __init__(self, socket: str) -> None:
        self._socket = socket
        self._runner = asyncio.Runner()
        self._client, self._async_client = make_client(socket), make_async_client(socket)
        self._crowd: ExitStack | None = None
        self._kept: list[Any] = []

    def chunk(self, measure: str) -> Chunk:
        """Return the loop of an uncontended row."""
        match measure.split():
            case ['store', side, crowd]:
                init_cachify(sync_client=self._client, async_client=self._async_client)
                if crowd == 'crowded' and self._crowd is None:
                    self._crowd = ExitStack()
                    for _ in range(HELD):
                        self._crowd.enter_context(pool(key='theirs-crowded', max_size=ROOM, slot_exp=3600))
                return self._loop(side, pool(key=f'theirs-{crowd}', max_size=ROOM))
            case ['memory', side, 'other', slots]:
                mine = init_cachify(is_global=False)
                if side == 'sync':
                    held = ExitStack()
                    for _ in range(int(slots)):
                        held.enter_context(mine.pool(key='memory', max_size=ROOM))
                    self._kept.append(held)
                else:
                    self._kept.append(self._runner.run(_hold(mine, int(slots))))
                return self._loop(side, mine.pool(key='memory', max_size=ROOM))
            case ['memory', _, 'same', _]:
                raise CannotError('no: one slot for each object and context')
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
        """Refuse, because its pools do not wait."""
        raise CannotError('does not wait')

    def _loop(self, side: str, of: Any) -> Chunk:
        return with_loop(of) if side == 'sync' else async_with_loop(self._runner, of)


async def _hold(mine: Any, slots: int) -> AsyncExitStack:
    held = AsyncExitStack()
    for _ in range(slots):
        await held.enter_async_context(mine.pool(key='memory', max_size=ROOM))
    return held
