"""A crowd of workers that wait for the slots of one pool, again and again, for some time.

A worker asks for a slot, waits until it has one, and sleeps in it.  The module imports only the
standard library, because it also measures other packages, in their own environments.
"""

import asyncio
import multiprocessing
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, Protocol

from tests.benchmarks.contention import Counter
from tests.benchmarks.sizes import MAX_SIZE, PROCESSES


Wait = Callable[[Callable[[], None]], None]
"""Waits for a slot, and runs a body in it."""
AsyncWait = Callable[[Callable[[], Awaitable[None]]], Awaitable[None]]
"""Waits for a slot, and awaits a body in it."""

WARM_UP = 0.25
"""How long the workers work before each second that counts.

At first all ask at once and open their connections; then they ask one after the other.
"""


class Waited(NamedTuple):
    """The outcome of one round."""

    grants: int
    """How often a worker got a slot, also before and after the time that counts."""
    rate: float
    """Bodies a second; one that does not lie wholly in the time that counts does so in part."""
    longest: float
    """The longest time that a worker waited, in seconds; a wait that goes on counts so far."""
    fewest: int
    """The grants of the worker that got the fewest in time."""
    most: int
    """The grants of the worker that got the most in time."""
    overfull: int
    """How many bodies ran beyond ``MAX_SIZE``, by an independent counter."""


class Counts(Protocol):
    """Counts polls in vain."""

    in_vain: int


class Crowd(Protocol):
    """Workers that can wait in any number of rounds."""

    def round(self, seconds: float) -> Waited:
        """Let the workers wait and work for this many seconds that count, after a warm-up."""
        ...


class Notes(NamedTuple):
    """What one worker notes."""

    all: int
    in_time: int
    bodies: float
    longest: float


class _Worker:
    """What one worker does and notes."""

    def __init__(self, counter: Counter, body: float, begin: float, end: float) -> None:
        self.all = self.in_time = 0
        self.longest = self.bodies = 0.0
        self._counter, self._body, self._begin, self._end = counter, body, begin, end
        self._asked = self._entered = 0.0

    def work(self, wait: Wait) -> None:
        while (asked := time.monotonic()) < self._end:
            self._asked = asked
            wait(self._work_in_slot)

    async def awork(self, wait: AsyncWait) -> None:
        while (asked := time.monotonic()) < self._end:
            self._asked = asked
            await wait(self._awork_in_slot)

    def notes(self) -> Notes:
        return Notes(self.all, self.in_time, self.bodies, self.longest)

    def _work_in_slot(self) -> None:
        if self._enter():
            time.sleep(self._body)
        self._leave()

    async def _awork_in_slot(self) -> None:
        if self._enter():
            await asyncio.sleep(self._body)
        self._leave()

    def _enter(self) -> bool:
        """Note a slot, and return whether the round still goes on."""
        entered = self._entered = time.monotonic()
        self._counter.enter()
        self.all += 1
        if entered >= self._begin:
            self.longest = max(self.longest, min(entered, self._end) - self._asked)
            self.in_time += entered < self._end
        return entered < self._end

    def _leave(self) -> None:
        left = time.monotonic()
        if self._entered < self._end:
            counts = min(left, self._end) - max(self._entered, self._begin)
            self.bodies += max(0.0, counts) / (left - self._entered)
        self._counter.leave()


def _outcome(notes: Sequence[Notes], counter: Counter, seconds: float) -> Waited:
    in_time = [each.in_time for each in notes]
    return Waited(
        sum(each.all for each in notes),
        # On a busy machine a tiny round may see no body at all; as one, it still has a ratio.
        max(1.0, sum(each.bodies for each in notes)) / seconds,
        max(each.longest for each in notes),
        min(in_time),
        max(in_time),
        max(0, counter.peak() - MAX_SIZE),
    )


def _work_in_threads(
    make: Callable[[], Wait], workers: int, body: float, counter: Counter, begin: float, seconds: float
) -> list[Notes]:
    every = [_Worker(counter, body, begin, begin + seconds) for _ in range(workers)]
    with ThreadPoolExecutor(workers) as threads:
        working = [threads.submit(worker.work, make()) for worker in every]
    for each in working:
        each.result()
    return [worker.notes() for worker in every]


class ThreadCrowd:
    """Workers in threads of this process.

    Args:
        make: makes what each worker waits with.
        workers: how many there are.
        body: how long each sleeps in its slot, in seconds.
    """

    def __init__(self, make: Callable[[], Wait], workers: int, body: float) -> None:
        self._make, self._workers, self._body = make, workers, body

    def round(self, seconds: float) -> Waited:
        """Let the workers wait and work for this many seconds that count, after a warm-up."""
        counter, begin = Counter(), time.monotonic() + WARM_UP * seconds
        notes = _work_in_threads(self._make, self._workers, self._body, counter, begin, seconds)
        return _outcome(notes, counter, seconds)


class TaskCrowd:
    """Workers in tasks of one event loop.

    Args:
        runner: the event loop.
        make: makes what each worker waits with.
        workers: how many there are.
        body: how long each sleeps in its slot, in seconds.
    """

    def __init__(self, runner: asyncio.Runner, make: Callable[[], AsyncWait], workers: int, body: float) -> None:
        self._runner, self._make, self._workers, self._body = runner, make, workers, body

    def round(self, seconds: float) -> Waited:
        """Let the workers wait and work for this many seconds that count, after a warm-up."""
        return self._runner.run(self._round(seconds))

    async def _round(self, seconds: float) -> Waited:
        counter, begin = Counter(), time.monotonic() + WARM_UP * seconds
        workers = [_Worker(counter, self._body, begin, begin + seconds) for _ in range(self._workers)]
        await asyncio.gather(*(worker.awork(self._make()) for worker in workers))
        return _outcome([worker.notes() for worker in workers], counter, seconds)


class ProcessCrowd:
    """Workers in threads of several processes; a context manager that ends the processes.

    Args:
        make: called with ``socket`` in each process, returns what makes what each worker waits
            with, and what counts its polls in vain; it must be a function of a module.
        socket: the unix socket of the server.
        workers: how many there are in all processes together.
        body: how long each sleeps in its slot, in seconds.

    Attributes:
        in_vain: the polls in vain of the last round.
    """

    def __init__(
        self, make: Callable[[str], tuple[Callable[[], Wait], Counts]], socket: str, workers: int, body: float
    ) -> None:
        context = multiprocessing.get_context('spawn')
        cells = context.Array('i', 2)
        self.in_vain = 0
        self._counter = Counter(cells, cells.get_lock())
        self._members = []
        for _ in range(PROCESSES):
            ours, theirs = context.Pipe()
            arguments = make, socket, workers // PROCESSES, body, theirs, cells
            process = context.Process(target=_be_a_member, args=arguments, daemon=True)
            process.start()
            theirs.close()
            self._members.append((process, ours))

    def __enter__(self) -> 'ProcessCrowd':
        return self

    def __exit__(self, *_: object) -> None:
        for process, pipe in self._members:
            pipe.close()
            process.join()

    def round(self, seconds: float) -> Waited:
        """Let the workers wait and work for this many seconds that count, after a warm-up."""
        for _, pipe in self._members:
            pipe.send(None)
            pipe.recv()
        begin = time.monotonic() + WARM_UP * seconds
        for _, pipe in self._members:
            pipe.send((begin, seconds))
        notes: list[Notes] = []
        self.in_vain = 0
        for _, pipe in self._members:
            of_member, in_vain = pipe.recv()
            notes += of_member
            self.in_vain += in_vain
        return _outcome(notes, self._counter, seconds)


def _be_a_member(
    make: Callable[[str], tuple[Callable[[], Wait], Counts]],
    socket: str,
    workers: int,
    body: float,
    pipe: Any,
    cells: Any,
) -> None:
    counter = Counter(cells, cells.get_lock())
    make_wait, counts = make(socket)
    while True:
        try:
            asked = pipe.recv()
        except EOFError:
            return
        if asked is None:
            pipe.send('ready')
        else:
            before = counts.in_vain
            notes = _work_in_threads(make_wait, workers, body, counter, *asked)
            pipe.send((notes, counts.in_vain - before))
