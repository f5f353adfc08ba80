"""The attempts of a live run, put together from the notes of all lives of all workers.

All instants are in scenario seconds.  Divided by the speed, and up to a constant, they are those of
``time.monotonic_ns()``.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from simulations.judging import FAILED, GRANTED, REFUSED, RELEASED, RENEWED, TOO_LATE, UNKNOWN, Call, Loss
from simulations.judging.calls import ACQUIRE, RELEASE, RENEW
from simulations.live import notes
from simulations.live.notes import Names
from simulations.live.plan import Plan
from simulations.live.supervisor.accidents import Accident
from simulations.live.supervisor.nursery import Life


SLOW = 2.0
"""Seconds for which a busy process may be slow to tell a waiter that it has a slot."""


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
        until: at the end of its body, until when it had its slot by its own clock, if that was
            renewed and not lost; else ``None``.
        lost: when it noticed that it had lost its slot; ``None`` if it did not.
        queued: when it learned that it was in the queue; ``None`` if it never was.
        taken: if it waited, when the request was sent that gave it its slot, as it knows; ``None``
            if that is not known.
        since: if it waited, the earliest instant from which the life of its slot can count; see
            :attr:`begun`.
        timed_out: whether it was refused because its time was up.
        withdrew: if it waited and then failed or died, when it did; else ``None``.
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
    until: float | None = None
    lost: float | None = None
    queued: float | None = None
    taken: float | None = None
    since: float = -math.inf
    timed_out: bool = False
    withdrew: float | None = None

    @property
    def begun(self) -> float:
        """The earliest instant from which the life of its slot can count."""
        return max(self.called, self.since)

    @property
    def over(self) -> float:
        """The instant from which its slot was renewed no longer; infinite if there was none."""
        ends = [end for end in (self.left, self.died, self.lost) if end is not None]
        return min(ends, default=math.inf)

    def expires(self, life: float, renewed: bool) -> tuple[float, float]:
        """Return when its slot expires at the earliest and at the latest.

        Args:
            life: the life of a slot in scenario seconds.
            renewed: whether slots are renewed.  A holder knows only at the end of its body until
                when it had its slot.  Otherwise any renewal may have failed, or the last may have
                succeeded at the end.
        """
        earliest, latest = self.begun + life, self.returned + life
        if not renewed:
            return earliest, latest
        return max(earliest, self.until or earliest), max(latest, self.over + life)

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
    notes.TIMED_OUT: REFUSED,
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
            acquire that was under way has happened by then, or never will, unless it waits.
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

    def when(kind: int) -> float | None:
        return clock.seconds(instants[kind]) if kind in instants else None

    queued = when(notes.QUEUED)
    attempt = Attempt(job, number, names.keys[key], life.worker, clock.seconds(asked), math.inf, UNKNOWN, queued=queued)
    if acquired is None:
        if queued is not None and died is not None:
            attempt = attempt._replace(withdrew=clock.seconds(died))
        if settled is not None:
            return attempt._replace(returned=clock.seconds(settled) + clock.plan.lingering, answer=FAILED)
        return attempt
    returned = clock.seconds(instants[acquired])
    attempt = attempt._replace(returned=returned, answer=_ACQUIRED[acquired], timed_out=acquired == notes.TIMED_OUT)
    if acquired != notes.GRANTED:
        return attempt._replace(withdrew=None if queued is None or attempt.answer == REFUSED else returned)
    lost = when(notes.LOST)
    until, taken = when(notes.HELD_UNTIL), when(notes.TAKEN)
    attempt = attempt._replace(until=until, lost=lost, taken=taken, since=_since(taken, clock))
    if notes.LEAVING in instants:
        ended = next((kind for kind in _ENDED if kind in instants), None)
        attempt = attempt._replace(left=clock.seconds(instants[notes.LEAVING]))
        if ended is None:
            return attempt
        # Who has said that a slot is lost does not say how its release ended.
        ending = TOO_LATE if lost is not None and ended == notes.RELEASED else _ENDED[ended]
        return attempt._replace(ended=clock.seconds(instants[ended]), ending=ending)
    dead = instants.get(notes.ABANDONED, died)
    killed = notes.ABANDONED not in instants
    return attempt._replace(died=None if dead is None else clock.seconds(dead), killed=killed)


def _since(taken: float | None, clock: Clock) -> float:
    """Return from when the life of a slot can count; ``taken`` is what its holder knows.

    Another request of its process may have given the slot to a waiter that was just asking itself.
    So it is older than it knows, by the time for which that process was slow to tell it; or if a
    reply was lost, by any time.
    """
    plan = clock.plan
    return -math.inf if taken is None or plan.may_repeat else taken - SLOW * plan.speed


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


def calls_of(attempts: Iterable[Attempt], repeated: bool, retries: bool, plan: Plan) -> list[Call]:
    """Return the acquires, renewals and releases of the attempts as calls for the judge.

    The library renews by itself, so a renewal is computed, see :func:`_renewals`.

    Args:
        attempts: the attempts of the run.
        repeated: whether a release may have been sent twice.
        retries: whether an acquire may have been sent twice.
        plan: the run.
    """
    calls = []
    for each in attempts:
        token = each.token
        calls.append(
            Call(ACQUIRE, token, each.called, each.returned, each.answer, each.key, each.worker, retries and repeated)
        )
        if each.answer == GRANTED and each.begun > each.called:
            # The request that gave a waiter its slot gave it the full life, as a renewal does.
            calls.append(Call(RENEW, token, each.begun, each.returned, RENEWED, each.key, each.worker))
        if plan.renewed and each.answer == GRANTED:
            calls += _renewals(each, plan, repeated)
        if each.left is not None:
            calls.append(Call(RELEASE, token, each.left, each.ended, each.ending, each.key, each.worker, repeated))
    return calls


def _renewals(each: Attempt, plan: Plan, repeated: bool) -> Iterator[Call]:
    """Yield calls that say what is known of the renewals of a slot.

    There was at least one in each life of the slot, or it expired.  At the end of its body a holder
    knows when it called the last one that succeeded.
    """
    life = plan.scenario.slot_exp
    if life is None:
        return
    # A request that timed out may still be carried out.
    late = plan.timeout * plan.speed * (1 + plan.retries) if repeated else 0.0
    last = None if each.until is None else each.until - life
    end = min(each.over, each.ended) if last is None else last
    known = UNKNOWN if last is None else RENEWED
    since = each.returned
    while since + life < end < math.inf:
        yield Call(RENEW, each.token, since, since + life, known, each.key, each.worker, settled=since + life)
        since += life
    if last is not None and last > each.called:
        returned = max(each.over, last)
        yield Call(RENEW, each.token, last, returned, RENEWED, each.key, each.worker, late > 0, returned + late)
    elif last is None and end < math.inf:
        yield Call(
            RENEW, each.token, since, max(since, end), UNKNOWN, each.key, each.worker, settled=max(since, end) + late
        )


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
