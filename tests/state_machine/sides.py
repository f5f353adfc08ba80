"""The two ways to use a pool, by threads and by tasks, behind one interface.

A *frame* is one call of a function, which enters and leaves pools as its ``with`` statements would;
it can continue in another thread or task. A *place* is such a thread or task.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, TypeVar

from py_cachify import pool
from py_cachify._settings import Settings
from py_cachify.backends.base import Backend
from py_cachify.commands import Command, Steps
from py_cachify.drivers import arun, run


R = TypeVar('R')

FRAMES = 3
STRANGER = FRAMES
"""The number of one more frame, which enters nothing."""
PLACES = 2
DRIVERS = ('sync', 'async')

Step = tuple[Literal['enter', 'leave'], pool, BaseException | None]
"""What a frame does next, on which pool, and the error of the body that it leaves."""


def _frame() -> Generator[BaseException | None, Step]:
    """Carry out what is sent; yield the error that ended it."""
    outcome = None
    while True:
        what, of, error = yield outcome
        outcome = None
        try:
            if what == 'enter':
                of.__enter__()
            else:
                of.__exit__(type(error) if error else None, error, None)
        except BaseException as raised:
            outcome = raised.with_traceback(None)


async def _async_frame() -> AsyncGenerator[BaseException | None, Step]:
    """Carry out what is sent, in a task; yield the error that ended it."""
    outcome = None
    while True:
        what, of, error = yield outcome
        outcome = None
        try:
            if what == 'enter':
                await of.__aenter__()
            else:
                await of.__aexit__(type(error) if error else None, error, None)
        except BaseException as raised:
            outcome = raised.with_traceback(None)


class SyncSide:
    """Threads."""

    name = 'sync'

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = ThreadPoolExecutor(1)
        self._frames: list[Generator[BaseException | None, Step]] = []

    def new_frames(self) -> None:
        """Replace the frames with new ones, which have entered nothing."""
        self._frames = [_frame() for _ in range(FRAMES + 1)]
        for frame in self._frames:
            next(frame)

    def close(self) -> None:
        """End the threads."""
        self._thread.shutdown()
        self.loop.close()

    def do(self, step: Step, frame: int, place: int) -> BaseException | None:
        """Let a frame continue in a place; return the error that ended its step."""
        if place == 0:
            return self._frames[frame].send(step)
        return self._thread.submit(self._frames[frame].send, step).result()

    def do_in_child(self, step: Step, frame: int) -> BaseException | None:
        """Let a frame continue in a forked child; return the error that ended its step."""
        return self._frames[frame].send(step)

    def do_cancelled(self, step: Step, frame: int, begun: Callable[[Any], None]) -> BaseException | None:
        """Raise: threads cannot be cancelled."""
        raise NotImplementedError

    def size(self, of: Any) -> int:
        """Return ``of.size()``."""
        size = of.size()
        assert isinstance(size, int)
        return size

    def asked(self, size: Any) -> Any:
        """Return the result of ``function.size()`` or of a call of the function."""
        return size

    def function(self, plain: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function to decorate."""
        return plain

    def drive(self, settings: Settings, steps: Steps[R]) -> R:
        """Carry out the steps of a protocol."""
        return run(steps, settings.sync_backend().perform)

    def perform(self, settings: Settings, command: Command[R]) -> R:
        """Carry out one command."""
        return settings.sync_backend().perform(command)


class AsyncSide:
    """Tasks, some of which live as long as the machine."""

    name = 'async'

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._work: list[asyncio.Queue[Any]] = [asyncio.Queue() for _ in range(PLACES)]
        self._tasks = [self.loop.create_task(_work_off(queue)) for queue in self._work]
        self._frames: list[AsyncGenerator[BaseException | None, Step]] = []

    def new_frames(self) -> None:
        self._close_frames()
        self._frames = [_async_frame() for _ in range(FRAMES + 1)]
        for frame in self._frames:
            self.loop.run_until_complete(frame.__anext__())

    def _close_frames(self) -> None:
        for frame in self._frames:
            self.loop.run_until_complete(frame.aclose())

    def close(self) -> None:
        self._close_frames()
        for task in self._tasks:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*self._tasks, return_exceptions=True))
        self.loop.close()

    def do(self, step: Step, frame: int, place: int) -> BaseException | None:
        async def in_place() -> BaseException | None:
            done: asyncio.Future[BaseException | None] = self.loop.create_future()
            self._work[place].put_nowait((self._go_on(step, frame), done))
            return await done

        return self.loop.run_until_complete(in_place())

    def do_in_child(self, step: Step, frame: int) -> BaseException | None:
        # The child has a copy of the loop and must not touch it.
        coroutine = self._go_on(step, frame)
        try:
            coroutine.send(None)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]  # StopIteration.value is untyped
        raise AssertionError('a child waits for an answer')

    def do_cancelled(self, step: Step, frame: int, begun: Callable[[Any], None]) -> BaseException | None:
        """Let a frame continue in a separate task, which ``begun`` may cancel."""

        async def main() -> BaseException | None:
            task = self.loop.create_task(self._go_on(step, frame))
            begun(task)
            return await task

        return self.loop.run_until_complete(main())

    async def _go_on(self, step: Step, frame: int) -> BaseException | None:
        return await self._frames[frame].asend(step)

    def size(self, of: Any) -> int:
        """Return ``of.asize()``."""
        size = self.loop.run_until_complete(of.asize())
        assert isinstance(size, int)
        return size

    def asked(self, size: Any) -> Any:
        return self.loop.run_until_complete(size)

    def function(self, plain: Callable[..., Any]) -> Callable[..., Any]:
        async def function(name: str) -> Any:
            await asyncio.sleep(0)
            return plain(name)

        return function

    def drive(self, settings: Settings, steps: Steps[R]) -> R:
        backend = settings.async_backend()
        if isinstance(backend, Backend):
            return run(steps, backend.perform)
        return self.loop.run_until_complete(arun(steps, backend.aperform))

    def perform(self, settings: Settings, command: Command[R]) -> R:
        backend = settings.async_backend()
        if isinstance(backend, Backend):
            return backend.perform(command)  # type: ignore[no-any-return]  # memory's is untyped

        async def ask() -> R:
            return await backend.aperform(command)

        return self.loop.run_until_complete(ask())


async def _work_off(queue: 'asyncio.Queue[tuple[Coroutine[Any, Any, Any], asyncio.Future[Any]]]') -> None:
    while True:
        work, done = await queue.get()
        try:
            done.set_result(await work)
        except Exception as error:
            done.set_exception(error)


Side = SyncSide | AsyncSide


def side_of(driver: str) -> Side:
    """Return the side of this driver. Raise ``ValueError`` if it is unknown."""
    if driver not in DRIVERS:
        raise ValueError(f'driver must be one of {", ".join(DRIVERS)}, got {driver!r}')
    return SyncSide() if driver == 'sync' else AsyncSide()
