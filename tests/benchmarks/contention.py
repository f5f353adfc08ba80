"""Many actors compete for the slots of one pool for some time; their notes are judged afterwards.

An actor tries repeatedly, at least once.  If it is granted a slot, its body sleeps
``BODY`` seconds in the slot; if it is refused, it sleeps ``BACK_OFF`` seconds.  A counter that is
independent of the pool counts the bodies.  The module imports only the standard library, because it
also measures other packages, in their own environments.
"""

import asyncio
import multiprocessing
import threading
import time
from array import array
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, Protocol

from tests.benchmarks.judge import Grant, Refusal, judge
from tests.benchmarks.sizes import ACTORS, BACK_OFF, BODY, MAX_SIZE, PROCESSES


Attempt = Callable[[Callable[[], None]], bool]
"""Runs a body in a slot and returns true, or is refused and returns false."""
AsyncAttempt = Callable[[Callable[[], Awaitable[None]]], Awaitable[bool]]
"""Awaits a body in a slot and returns true, or is refused and returns false."""
Attempts = Callable[[], Attempt]
"""Makes the attempt that one actor calls repeatedly."""


class Outcome(NamedTuple):
    """The outcome of one round."""

    grants: int
    refusals: int
    rate: float
    """Bodies that began, a second; those that began after the end of the round do not count."""
    peak: int
    """The most bodies at the same time, by the counter."""
    overfull: int
    """How many bodies began or ran beyond ``MAX_SIZE``."""
    false_refusals: int
    """How many refusals were false."""


class Arena(Protocol):
    """Actors that can compete in any number of rounds, until they are closed."""

    def round(self, seconds: float) -> Outcome:
        """Let the actors compete for this many seconds, and return the outcome."""
        ...

    def close(self) -> None:
        """End the actors."""
        ...


class Counter:
    """Counts the bodies that run, and the most that ran at the same time.

    Args:
        cells: where to count; by default in this process, or in cells that several processes share.
        lock: the lock of these cells.
    """

    def __init__(self, cells: Any = None, lock: Any = None) -> None:
        self._cells = [0, 0] if cells is None else cells
        self._lock = threading.Lock() if lock is None else lock

    def enter(self) -> None:
        """Count a body that begins."""
        with self._lock:
            self._cells[0] += 1
            self._cells[1] = max(self._cells)

    def leave(self) -> None:
        """Count a body that ends."""
        with self._lock:
            self._cells[0] -= 1

    def peak(self) -> int:
        """Return the most bodies at the same time since the last call."""
        with self._lock:
            peak = self._cells[1]
            self._cells[1] = self._cells[0]
        return int(peak)


class _Notes:
    """The notes of one actor, in arrays that are made before it begins."""

    def __init__(self, seconds: float, counter: Counter) -> None:
        # An actor sleeps at least once for each note, though a sleep may be slightly too short.
        limit = int(2 * seconds / min(BODY, BACK_OFF)) + 8
        self.grants = array('d', bytes(8 * 4 * limit))
        self.refusals = array('d', bytes(8 * 2 * limit))
        self.granted = self.refused = 0
        self._entered = self._left = 0.0
        self._counter = counter

    def body(self) -> None:
        self._entered = time.monotonic()
        self._counter.enter()
        time.sleep(BODY)
        self._counter.leave()
        self._left = time.monotonic()

    async def abody(self) -> None:
        self._entered = time.monotonic()
        self._counter.enter()
        await asyncio.sleep(BODY)
        self._counter.leave()
        self._left = time.monotonic()

    def note(self, asked: float, granted: bool) -> None:
        now = time.monotonic()
        if granted:
            at = 4 * self.granted
            self.grants[at], self.grants[at + 1], self.grants[at + 2], self.grants[at + 3] = (
                asked,
                self._entered,
                self._left,
                now,
            )
            self.granted += 1
        else:
            at = 2 * self.refused
            self.refusals[at], self.refusals[at + 1] = asked, now
            self.refused += 1

    def lists(self) -> tuple[list[Grant], list[Refusal]]:
        grants, refusals = self.grants[: 4 * self.granted], self.refusals[: 2 * self.refused]
        return (
            [Grant(*grants[at : at + 4]) for at in range(0, len(grants), 4)],
            [Refusal(*refusals[at : at + 2]) for at in range(0, len(refusals), 2)],
        )


def _act(attempt: Attempt, notes: _Notes, begin: float, end: float) -> None:
    time.sleep(max(0.0, begin - time.monotonic()))
    asked = time.monotonic()
    while True:
        granted = attempt(notes.body)
        notes.note(asked, granted)
        if not granted:
            time.sleep(BACK_OFF)
        if (asked := time.monotonic()) >= end:
            return


async def _aact(attempt: AsyncAttempt, notes: _Notes, begin: float, end: float) -> None:
    await asyncio.sleep(max(0.0, begin - time.monotonic()))
    asked = time.monotonic()
    while True:
        granted = await attempt(notes.abody)
        notes.note(asked, granted)
        if not granted:
            await asyncio.sleep(BACK_OFF)
        if (asked := time.monotonic()) >= end:
            return


def _act_in_threads(
    attempts: Attempts, actors: int, counter: Counter, begin: float, seconds: float
) -> tuple[list[Grant], list[Refusal]]:
    notes = [_Notes(seconds, counter) for _ in range(actors)]
    with ThreadPoolExecutor(actors) as threads:
        acting = [threads.submit(_act, attempts(), each, begin, begin + seconds) for each in notes]
    for each in acting:
        each.result()
    return _together([each.lists() for each in notes])


def _together(noted: Sequence[tuple[list[Grant], list[Refusal]]]) -> tuple[list[Grant], list[Refusal]]:
    return [grant for grants, _ in noted for grant in grants], [each for _, refusals in noted for each in refusals]


def _outcome(noted: tuple[list[Grant], list[Refusal]], peak: int, begin: float, seconds: float) -> Outcome:
    grants, refusals = noted
    verdict = judge(grants, refusals, MAX_SIZE)
    in_time = sum(grant.entered < begin + seconds for grant in grants)
    rate = in_time / seconds
    if grants and not in_time:  # on a machine that stood still
        rate = 1 / (min(grant.entered for grant in grants) - begin)
    # The counter and the notes are independent: each can show that there were too many bodies.
    overfull = max(verdict.overfull, peak - MAX_SIZE, 0)
    return Outcome(len(grants), len(refusals), rate, peak, overfull, verdict.false_refusals)


class Threads:
    """Actors in threads of this process.

    Args:
        attempts: makes the attempt of each actor.
        actors: how many there are.
    """

    def __init__(self, attempts: Attempts, actors: int = ACTORS) -> None:
        self._attempts = attempts
        self._actors = actors
        self._counter = Counter()

    def round(self, seconds: float) -> Outcome:
        """Let the actors compete for this many seconds, and return the outcome."""
        begin = time.monotonic() + 0.01
        noted = _act_in_threads(self._attempts, self._actors, self._counter, begin, seconds)
        return _outcome(noted, self._counter.peak(), begin, seconds)

    def close(self) -> None:
        """Do nothing, because the threads ended with their round."""


class Tasks:
    """Actors in tasks of one event loop.

    Args:
        runner: the event loop.
        attempts: makes the attempt of each actor.
        actors: how many there are.
    """

    def __init__(self, runner: asyncio.Runner, attempts: Callable[[], AsyncAttempt], actors: int = ACTORS) -> None:
        self._runner = runner
        self._attempts = attempts
        self._actors = actors
        self._counter = Counter()

    def round(self, seconds: float) -> Outcome:
        """Let the actors compete for this many seconds, and return the outcome."""
        return self._runner.run(self._round(seconds))

    def close(self) -> None:
        """Do nothing, because the tasks ended with their round."""

    async def _round(self, seconds: float) -> Outcome:
        notes = [_Notes(seconds, self._counter) for _ in range(self._actors)]
        begin = time.monotonic() + 0.01
        await asyncio.gather(*(_aact(self._attempts(), each, begin, begin + seconds) for each in notes))
        return _outcome(_together([each.lists() for each in notes]), self._counter.peak(), begin, seconds)


class Processes:
    """Actors in threads of several processes.

    Args:
        make: called with ``place`` in each process, returns what makes the attempt of each actor;
            it must be a function of a module.
        place: the unix socket of the server.
        actors: how many there are in all processes together.
    """

    def __init__(self, make: Callable[[str], Attempts], place: str, actors: int = ACTORS) -> None:
        context = multiprocessing.get_context('spawn')
        cells = context.Array('i', 2)
        self._counter = Counter(cells, cells.get_lock())
        self._members = []
        for _ in range(PROCESSES):
            ours, theirs = context.Pipe()
            process = context.Process(
                target=_be_a_member, args=(make, place, actors // PROCESSES, theirs, cells), daemon=True
            )
            process.start()
            theirs.close()
            self._members.append((process, ours))

    def round(self, seconds: float) -> Outcome:
        """Let the actors compete for this many seconds, and return the outcome."""
        for _, pipe in self._members:
            pipe.send(None)
            pipe.recv()
        begin = time.monotonic() + 0.02
        for _, pipe in self._members:
            pipe.send((begin, seconds))
        noted = _together([pipe.recv() for _, pipe in self._members])
        return _outcome(noted, self._counter.peak(), begin, seconds)

    def close(self) -> None:
        """End the processes."""
        for process, pipe in self._members:
            pipe.close()
            process.join()


def _be_a_member(make: Callable[[str], Attempts], place: str, actors: int, pipe: Any, cells: Any) -> None:
    counter = Counter(cells, cells.get_lock())
    attempts = make(place)
    while True:
        try:
            asked = pipe.recv()
        except EOFError:
            return
        pipe.send('ready' if asked is None else _act_in_threads(attempts, actors, counter, *asked))
