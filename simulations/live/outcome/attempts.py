"""The attempts of a live run, put together from the notes of all lives of all workers.

All instants are in scenario seconds.  Divided by the speed, and up to a constant, they are those of
``time.monotonic_ns()``.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from simulations.judging import FAILED, GRANTED, REFUSED, RELEASED, TOO_LATE, UNKNOWN, Call, Loss
from simulations.judging.calls import ACQUIRE, RELEASE
from simulations.live import notes
from simulations.live.notes import Names
from simulations.live.plan import Plan
from simulations.live.supervisor.accidents import Accident
from simulations.live.supervisor.nursery import Life


class Clock(NamedTuple):
    """Converts measured nanoseconds to scenario seconds.

    Attributes:
        plan: the run.
        epoch: when the run began, in nanoseconds.
        first: the instant of the first arrival, in scenario seconds.
    """

    plan: Plan
    epoch: int
    first: float

    def seconds(self, instant: float) -> float:
        """Return the instant in scenario seconds."""
        return self.first + self.plan.seconds(instant - self.epoch)


class Attempt(NamedTuple):
    """One attempt of one job.

    Attributes:
        job: the number of the job.
        attempt: the number of the attempt, from 1.
        key: the pool; ``''`` if there is only one.
        worker: the number of the worker.
        called, returned: when the acquire was called and returned; infinite if it never did.
        answer: how the acquire returned, as in :class:`simulations.judging.Call`.
        left: when the body ended and the release was called; ``None`` if it was not called.
        ended: when the release returned; infinite if it never did.
        ending: how the release returned.
        died: when the holder was dead, if it died before it called the release; else ``None``.
        killed: whether its process was killed then; otherwise it crashed alone.
    """

    job: int
    attempt: int
    key: str
    worker: int
    called: float
    returned: float
    answer: str
    left: float | None = None
    ended: float = math.inf
    ending: str = UNKNOWN
    died: float | None = None
    killed: bool = False

    @property
    def token(self) -> str:
        """The name of its lease in the judged calls."""
        return str(self.job) if self.attempt == 1 else f'{self.job}.{self.attempt}'

    @property
    def failed_to_release(self) -> bool:
        """Whether its release ended with an error."""
        return self.left is not None and self.ending == UNKNOWN and self.ended < math.inf


_ACQUIRED = {
    notes.GRANTED: GRANTED,
    notes.REFUSED: REFUSED,
    notes.FAILED: FAILED,
    notes.UNKNOWN: UNKNOWN,
}
_ENDED = {notes.RELEASED: RELEASED, notes.TOO_LATE: TOO_LATE, notes.NOT_RELEASED: UNKNOWN}


def attempts_of(life: Life, noted: Any, names: Names, clock: Clock, settled: int | None) -> Iterator[Attempt]:
    """Yield the attempts of one life, in order of the jobs' numbers.

    Args:
        life: the life.
        noted: its notes.
        names: its notes in words.
        clock: the clock of the run.
        settled: when the server had closed all connections of a killed worker, if that is known: an
            acquire that was under way has happened by then, or never will.
    """
    kept = noted[noted['kind'] != notes.SIZE]
    kept = kept[np.lexsort((kept['kind'], kept['attempt'], kept['job']))]
    columns = (kept[name].tolist() for name in ('job', 'attempt', 'key', 'kind', 'instant'))
    now: list[tuple[int, int]] = []
    who = (-1, -1, 0)
    for job, attempt, key, kind, instant in zip(*columns, strict=True):
        if (job, attempt) != who[:2]:
            if now:
                yield _attempt(life, who, now, names, clock, settled)
            who, now = (job, attempt, key), []
        now.append((kind, instant))
    if now:
        yield _attempt(life, who, now, names, clock, settled)


def _attempt(
    life: Life,
    who: tuple[int, int, int],
    noted: Sequence[tuple[int, int]],
    names: Names,
    clock: Clock,
    settled: int | None,
) -> Attempt:
    job, number, key = who
    instants = dict(noted)
    died = life.ended if life.ended is not None else None
    acquired = next((kind for kind in _ACQUIRED if kind in instants), None)
    asked = instants.get(notes.ASKED, min(instants.values()))
    attempt = Attempt(job, number, names.keys[key], life.worker, clock.seconds(asked), math.inf, UNKNOWN)
    if acquired is None:
        if settled is not None:
            return attempt._replace(returned=clock.seconds(settled), answer=FAILED)
        return attempt
    attempt = attempt._replace(returned=clock.seconds(instants[acquired]), answer=_ACQUIRED[acquired])
    if acquired != notes.GRANTED:
        return attempt
    if notes.LEAVING in instants:
        ended = next((kind for kind in _ENDED if kind in instants), None)
        attempt = attempt._replace(left=clock.seconds(instants[notes.LEAVING]))
        if ended is None:
            return attempt
        return attempt._replace(ended=clock.seconds(instants[ended]), ending=_ENDED[ended])
    dead = instants.get(notes.ABANDONED, died)
    killed = notes.ABANDONED not in instants
    return attempt._replace(died=None if dead is None else clock.seconds(dead), killed=killed)


def settle(attempts: Iterable[Attempt], accidents: Sequence[Accident], clock: Clock) -> Iterator[Attempt]:
    """Yield the attempts, with acquires of unknown outcome settled if their server then died.

    After the death of the server, none of these acquires can happen.  They count as failed: each
    may have taken a slot until it expires.  If the client library repeats requests itself, it may
    ask the restarted server, and the outcome stays unknown.
    """
    deaths = sorted((clock.seconds(each.ended), clock.seconds(each.began)) for each in accidents if each.up)
    for attempt in attempts:
        if attempt.answer == UNKNOWN and not clock.plan.retries:
            death = next((dead for starting, dead in deaths if attempt.called < starting), None)
            if death is not None and (attempt.returned < math.inf or attempt.called < death):
                returned = max(death, attempt.called, 0 if math.isinf(attempt.returned) else attempt.returned)
                yield attempt._replace(returned=returned, answer=FAILED)
                continue
        yield attempt


def renumbered(attempts: Iterable[Attempt]) -> list[Attempt]:
    """Return the attempts with their jobs numbered in the order of their first acquires.

    Clients make their jobs during the run, so the original numbers say nothing about the order.
    """
    attempts = list(attempts)
    first: dict[int, float] = {}
    for attempt in attempts:
        first[attempt.job] = min(first.get(attempt.job, math.inf), attempt.called)
    order = {job: number for number, job in enumerate(sorted(first, key=lambda job: (first[job], job)))}
    return [attempt._replace(job=order[attempt.job]) for attempt in attempts]


def calls_of(attempts: Iterable[Attempt], repeated: bool, retries: bool) -> list[Call]:
    """Return the acquires and releases of the attempts as calls for the judge.

    Args:
        attempts: the attempts of the run.
        repeated: whether a release may have been sent twice.
        retries: whether an acquire may have been sent twice.
    """
    calls = []
    for each in attempts:
        token = each.token
        calls.append(
            Call(ACQUIRE, token, each.called, each.returned, each.answer, each.key, each.worker, retries and repeated)
        )
        if each.left is not None:
            calls.append(Call(RELEASE, token, each.left, each.ended, each.ending, each.key, each.worker, repeated))
    return calls


def losses_of(accidents: Iterable[Accident], clock: Clock) -> tuple[Loss, ...]:
    """Return when the server lost its data: between its death and its first answer afterwards.

    Each loss counts three times: at the death, at the next start and at the first answer.  A reply
    that was sent before the death may be read after it, so a lease is certain only until the first
    of these instants, and possible until the last.
    """
    instants = [instant for each in accidents if each.data == 'lost' for instant in (each.began, each.ended, each.up)]
    return tuple(Loss(clock.seconds(instant)) for instant in instants)


def in_order(lives: Mapping[tuple[int, int], Life]) -> list[Life]:
    """Return the lives, ordered by worker and then by life."""
    return [lives[key] for key in sorted(lives)]
