"""One life of a worker: runs its share of the jobs, and uses the library as its users do.

Jobs use ``with pool`` and ``@pooled`` alternately (with asyncio, ``async with pool`` and an
asynchronous function).  Each thread or task takes the next job, sleeps until it is due, and runs
it.  A job that was due while all were busy starts late, and is counted.

The holding time of a job counts from the call of the acquire, so the round trip to the server is
part of it and not added to it.  If the job waited, it counts from the request that gave it its
slot.  How a release ended is read from the log of the library, because
nothing else reports it.  If slots are renewed, the library says when one is lost (``on_lost``), and
a slot says how long it still lives.  If jobs wait, the library says when one is queued and when its
time is up.
"""

import contextvars
import logging
import os
import random
import threading
import time
import traceback
from collections.abc import Iterator
from typing import Any, NamedTuple

from py_cachify import (
    CachifyPoolFullError,
    Event,
    MemoryClient,
    Slot,
    current_slot,
    init_cachify,
    observe,
    pool,
)
from py_cachify.events import Kind
from py_cachify.protocols import NOT_UNDONE
from simulations.live import notes
from simulations.live.board import (
    ASKED,
    BUSY_UNTIL,
    FAILED,
    GRANTED,
    LATE,
    LATENCY,
    READY,
    REFUSED,
    SIZE,
    STARTED,
    WAITING,
    Board,
)
from simulations.live.clients import async_client, is_documented, sync_client
from simulations.live.notes import Notebook
from simulations.live.plan import NANO, Plan
from simulations.live.schedule import Due, Schedule, clients_of, numbers, quota, turns
from simulations.workloads.patience import as_wait, is_patience


_LOOK = 0.005
"""Seconds between two looks at the size of a pool in memory."""
_ON_TIME = NANO // 1000
"""Nanoseconds within which a free thread must take up a job that is due; else the job is late."""


def key_in_store(key: str) -> str:
    """Return the key of a pool as the library gets it; jobs without a key share one pool."""
    return f'pool-{key}' if key else 'pool'


class Asked(NamedTuple):
    """An attempt that is under way."""

    job: Due
    attempt: int
    key: int
    called: int

    @property
    def names(self) -> tuple[int, int, int]:
        """The key of its notes: job, attempt, pool."""
        return self.job.number, self.attempt, self.key


class Progress:
    """How far an attempt got.

    Attributes:
        granted, left, refused, timed_out: whether it got that far.
        queued: when it learned that it is in the queue, in nanoseconds; ``None`` if it did not.
        began: from when its holding time counts, in nanoseconds.
    """

    def __init__(self) -> None:
        self.granted = self.left = self.refused = self.timed_out = False
        self.queued: int | None = None
        self.began = 0


class Ending(NamedTuple):
    """How a release ended according to the log of the library, and the error that it met."""

    kind: int
    error: BaseException | None = None


FULL = Progress()
"""The result of a decorated function whose call was refused."""

_HOLDERS = 10_000
"""Of how many holders of a worker a loss is noted."""

_GIVING_BACK = '_giving_back'
"""The module of the library that gives slots back; others warn of slots that are lost."""

RELEASE: 'contextvars.ContextVar[list[Ending] | None]' = contextvars.ContextVar('RELEASE', default=None)
"""The endings that the log of the library reports for the release of this thread or task."""


UNDER_WAY: 'contextvars.ContextVar[tuple[Asked, Progress] | None]' = contextvars.ContextVar('UNDER_WAY', default=None)
"""The attempt of this thread or task."""


class _QueueListener:
    """Notes what the library says of an attempt that waits, in its own thread or task."""

    kinds: tuple[Kind, ...] = ('queued', 'timed_out')

    def __init__(self, worker: 'Worker') -> None:
        self._worker = worker

    def __call__(self, event: Event) -> None:
        under_way = UNDER_WAY.get()
        if under_way is None:
            return
        asked, progress = under_way
        if event.kind == 'queued':
            self._worker.note_queued(asked, progress)
        else:
            progress.timed_out = True


class _ReleaseHandler(logging.Handler):
    """Reads from the log of the library how a release ended, in the thread or task that released.

    The library warns of two endings: the slot was gone, or the release failed with an error, which
    is among the arguments of the record.  Warnings about acquires come before the body, see
    :meth:`Worker._ended`.
    """

    def emit(self, record: logging.LogRecord) -> None:
        endings = RELEASE.get()
        if endings is None or record.levelno < logging.WARNING or record.module != _GIVING_BACK:
            return
        arguments = record.args if isinstance(record.args, tuple) else ()
        error = next((each for each in arguments if isinstance(each, BaseException)), None)
        endings.append(Ending(notes.TOO_LATE) if error is None else Ending(notes.NOT_RELEASED, error))


class Worker:
    """What threads and tasks share: which job comes next, and the notes of each attempt."""

    def __init__(self, plan: Plan, schedule: Schedule, worker: int, life: int) -> None:
        self._plan, self._schedule, self._number, self._life = plan, schedule, worker, life
        self._notebook = Notebook(plan.folder, f'{worker}-{life}')
        self._board = Board(plan.folder / 'board', plan.processes)
        self._next = threading.Lock()
        self._pools: dict[str, pool] = {}
        self._last_expiry = 0
        self._conditions = plan.scenario.conditions()
        self._differ = is_patience(as_wait(plan.scenario.wait))
        self._in_a_slot: Any = None
        self._holders: dict[str, Asked] = {}
        if plan.in_memory:
            init_cachify(MemoryClient(), prefix=plan.prefix)
        else:
            address = plan.addresses[worker]
            name = f'{plan.prefix}{worker}-{life}'
            at_once = max(plan.loops, len(clients_of(plan, worker)))
            init_cachify(
                sync_client(plan, address, name, at_once),
                async_client(plan, address, name, at_once),
                prefix=plan.prefix,
            )
        log = logging.getLogger('py_cachify')
        log.handlers, log.propagate = [_ReleaseHandler()], False
        if plan.waits:
            observe(_QueueListener(self))

    def begin(self) -> None:
        """Report that the worker is ready, and wait until the run begins."""
        self._board.put(self._number, READY, 1)
        threading.Thread(target=self._end_with_parent, args=(os.getppid(),), daemon=True).start()
        while not self._board.epoch:
            time.sleep(0.002)
        self._epoch = self._board.epoch
        if self._plan.in_memory:
            self._looking = threading.Event()
            threading.Thread(target=self._look, daemon=True).start()

    def end(self) -> None:
        """In memory, note how many slots are left, which only this process can see."""
        if not self._plan.in_memory:
            return
        self._looking.set()
        if self._plan.scenario.slot_exp is not None:
            # A slot is freed at its expiry, and there is only one clock.
            time.sleep(max(0, self._last_expiry - time.monotonic_ns()) / NANO + 0.001)
        for key, one in list(self._pools.items()):
            self._notebook.note(notes.SIZE, time.monotonic_ns(), one.size(), 2, self._notebook.key(key))

    @staticmethod
    def _end_with_parent(parent: int) -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    def _look(self) -> None:
        while not self._looking.wait(_LOOK):
            sizes = {key: one.size() for key, one in list(self._pools.items())}
            for key, size in sizes.items():
                self._notebook.note(notes.SIZE, time.monotonic_ns(), size, 1, self._notebook.key(key))
            self._board.put(self._number, SIZE, sum(sizes.values()))

    # --- which job comes next

    def _dues(self) -> Iterator[Due]:
        """Return the jobs of this life: those that are due from now on."""
        now = self._plan.seconds(time.monotonic_ns() - self._epoch) if self._life else -1.0
        return (due for due in self._schedule.shares[self._number] if due.instant >= now)

    def _instant(self, due: Due) -> int:
        return self._epoch + self._plan.nanoseconds(due.instant)

    def _take(self, dues: Iterator[Due]) -> tuple[Due, int] | None:
        """Return the next job and the nanoseconds until it is due; ``None`` at the end."""
        with self._next:
            due = next(dues, None)
        if due is None:
            return None
        instant, now = self._instant(due), time.monotonic_ns()
        if now > instant + _ON_TIME:
            self._board.add(self._number, LATE)
        return due, max(0, instant - now)

    def _turn(self, client: int, begun: Iterator[int]) -> Iterator[tuple[Due, int]]:
        """Yield the jobs of a client, each with how long to sleep before it, in nanoseconds."""
        limit = quota(self._plan, self._number)
        last = self._schedule.last
        for turn in turns(self._plan, client, self._life):
            thinking = turn.thinking
            now = self._plan.seconds(time.monotonic_ns() - self._epoch)
            if last is not None and now + thinking > last:
                return
            with self._next:
                if limit is not None and self._board.get(self._number, STARTED) >= limit:
                    return
                self._board.put(self._number, STARTED, self._board.get(self._number, STARTED) + 1)
                number = next(begun)
            due = Due(number, now + thinking, *turn[1:])
            yield due, self._until(time.monotonic_ns() + self._plan.nanoseconds(thinking))

    def _begun(self) -> Iterator[int]:
        return numbers(self._plan, self._number, self._board.get(self._number, STARTED))

    def _pause(self, asked: Asked, stream: list[random.Random]) -> int | None:
        """Return how long to wait after a refusal, in nanoseconds; ``None`` if the job gives up."""
        on_refusal = self._plan.scenario.on_refusal
        if not stream:
            stream.append(random.Random(f'{self._plan.scenario.seed} pauses {asked.job.number}'))
        pause = on_refusal.pause(asked.attempt, stream[0])
        return None if pause is None else self._plan.nanoseconds(pause)

    # --- the notes of one attempt

    def _ask(self, job: Due, attempt: int) -> Asked:
        key = self._notebook.key(job.key)
        called = time.monotonic_ns()
        self._notebook.note(notes.ASKED, called, job.number, attempt, key)
        return Asked(job, attempt, key, called)

    def note_queued(self, asked: Asked, progress: Progress) -> None:
        """Note that an attempt has learned that it is in the queue."""
        now = progress.queued = time.monotonic_ns()
        self._notebook.note(notes.QUEUED, now, *asked.names)
        self._board.add(self._number, WAITING)
        self._answered(asked, now)
        # It waits until its time is up, or at most until the slots before it have expired.
        longest = min(
            (seconds for seconds in (self._plan.wait(asked.job.patience), self._plan.slot_exp) if seconds is not None),
            default=0.0,
        )
        self._until(now + round(longest * NANO))

    def _returned(self, asked: Asked, progress: Progress, kind: int, cell: int) -> int:
        now = time.monotonic_ns()
        self._notebook.note(kind, now, *asked.names)
        self._board.add(self._number, cell)
        if progress.queued is None:
            self._answered(asked, now)
        else:
            self._board.add(self._number, WAITING, -1)
        return now

    def _answered(self, asked: Asked, now: int) -> None:
        self._board.add(self._number, LATENCY, now - asked.called)
        self._board.add(self._number, ASKED)

    def _enter(self, asked: Asked, progress: Progress, slot: Slot | None = None) -> int:
        """Note that the body begins, and return how long it sleeps, in nanoseconds.

        ``slot`` is its slot, by default that of the running body.
        """
        now = self._returned(asked, progress, notes.GRANTED, GRANTED)
        progress.granted = True
        held = slot or current_slot()
        progress.began = asked.called if progress.queued is None else self._taken(asked, held, now)
        if self._plan.renewed and held is not None:
            self._holders[held.token] = asked
            if len(self._holders) > _HOLDERS:
                # A loss may be noticed after the release, so that nothing says when one is over.
                self._holders.pop(next(iter(self._holders)), None)
        self._board.body(self._number, 1)
        return self._until(progress.began + self._plan.nanoseconds(asked.job.holding))

    def _taken(self, asked: Asked, slot: Slot | None, now: int) -> int:
        """Note and return when the request was sent that gave a slot to an attempt that waited.

        A slot that never expires does not tell; then it is now.
        """
        if slot is None or self._plan.slot_exp is None:
            return now
        # By its own clock, a slot lives from that request on.
        taken = time.monotonic_ns() + round((slot.remaining - self._plan.slot_exp) * NANO)
        self._notebook.note(notes.TAKEN, taken, *asked.names)
        return taken

    def _until(self, instant: int) -> int:
        self._board.raise_to(self._number, BUSY_UNTIL, instant)
        return max(0, instant - time.monotonic_ns())

    def _leave(self, asked: Asked, progress: Progress) -> None:
        """Note that the body ends and the release begins."""
        self._board.body(self._number, -1)
        progress.left = True
        if self._plan.renewed:
            self._note_life(asked, current_slot())
        self._notebook.note(notes.LEAVING, time.monotonic_ns(), *asked.names)

    def _note_life(self, asked: Asked, slot: Slot | None) -> None:
        """Note until when a holder has its slot."""
        if slot is None:
            return
        now = time.monotonic_ns()
        if remaining := slot.remaining:
            self._notebook.note(notes.HELD_UNTIL, now + round(remaining * NANO), *asked.names)

    def _note_loss(self, slot: Slot) -> None:
        """Note that a holder has lost its slot, as the library says."""
        now, asked = time.monotonic_ns(), self._holders.get(slot.token)
        if asked is not None:
            self._notebook.note(notes.LOST, now, *asked.names)

    def _ended(self, asked: Asked, progress: Progress, endings: list[Ending], error: Exception | None) -> None:
        """Note how the release ended, or how the acquire ended if there was no body."""
        now = time.monotonic_ns()
        # Without a release, a warning in the log was about the acquire, whose error was raised as
        # well.
        endings = endings if progress.left else []
        for each in (error, *(ending.error for ending in endings)):
            if each is None or isinstance(each, CachifyPoolFullError):
                continue
            known = is_documented(each)
            # An undocumented error is noted with its traceback.
            text = str(each) if known else ''.join(traceback.format_exception(each))
            self._notebook.error(now, each, known, text)
        if progress.left:
            kind = endings[-1].kind if endings else notes.RELEASED if error is None else notes.NOT_RELEASED
            self._notebook.note(kind, now, *asked.names)
        elif progress.granted:
            self._board.body(self._number, -1)
        elif progress.refused or isinstance(error, CachifyPoolFullError):
            progress.refused = True
            self._returned(asked, progress, notes.TIMED_OUT if progress.timed_out else notes.REFUSED, REFUSED)
        elif error is not None:
            not_undone = any(NOT_UNDONE in note for note in getattr(error, '__notes__', ()))
            self._returned(asked, progress, notes.UNKNOWN if not_undone else notes.FAILED, FAILED)

    def _life_of(self, job: Due) -> float:
        """Return for how many scenario seconds a holder runs before it crashes alone."""
        return (job.crash or 0.0) * self._conditions.held_for(job.holding)

    def _abandon(self, asked: Asked, slot: Slot | None) -> None:
        self._board.body(self._number, -1)
        self._note_life(asked, slot)
        now = time.monotonic_ns()
        self._notebook.note(notes.ABANDONED, now, *asked.names)
        self._last_expiry = max(self._last_expiry, now + round((self._plan.slot_exp or 0) * NANO))

    def _pool(self, job: Due) -> pool:
        found = self._pools.get(job.key)
        if found is None:
            found = self._pools.setdefault(job.key, self._new_pool(job))
        # Each job has a patience of its own, and a pool has one `wait`.
        return self._new_pool(job) if self._differ else found

    def _new_pool(self, job: Due) -> pool:
        max_size = self._plan.scenario.max_size
        return pool(key_in_store(job.key), max_size, self._plan.slot_exp, **self._options(job.patience))

    def _options(self, patience: float | None) -> dict[str, Any]:
        """Return the options of a pool that say how its slots are waited for and held."""
        options: dict[str, Any] = {}
        if self._plan.waits:
            options |= {'wait': self._plan.wait(patience), 'max_waiting': self._plan.scenario.max_waiting}
        if self._plan.renewed:
            options |= {'renew_for': self._plan.renew_for, 'on_lost': self._note_loss}
        return options

    def _decorated(self, job: Due) -> Any:
        """Return a function that calls a body in a slot, as a decorator makes it."""
        if self._differ:
            return self._decorate(job.patience)
        if self._in_a_slot is None:
            self._in_a_slot = self._decorate(job.patience)
        return self._in_a_slot

    def _decorate(self, patience: float | None) -> Any:
        raise NotImplementedError
