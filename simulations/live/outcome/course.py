"""The history of a live run, from its attempts, and the figures that are computed from it.

An event has the instant at which a worker knew of it: a grant when it returned, a release when it
was called.  No worker learns when a slot expires, so an expiry is *computed*: it is ``slot_exp``
after the acquire was called, the earliest instant possible; or if it waited, after the request was
sent that gave it its slot.  So the occupancy of a history is that
of the leases which certainly lasted.  The store may count more, never fewer.

A slot that is renewed expires when its holder notices its loss, or at the instant until which the
holder knew at the end of its body that it had it.  A holder whose process is killed or paused is
assumed to have renewed in time until then, so that its slot expires two thirds of a life later.

A slot that the store lost counts as *expired* at the instant of the loss if its body ran on.  A
release of unknown outcome counts as a release, because its lease certainly lasted until then.  An
acquire that failed is an event only if its job has others before: it had waited or retried.

A job is in the queue from when it learned that it is until its acquire returned, or until it was
dead.
"""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from py_cachify.renewals import RENEWALS_PER_LIFE
from simulations.history.events import (
    CRASHED,
    EXPIRED,
    FAILED,
    GRANTED,
    LOST,
    OCCUPANCY,
    OVERRAN,
    QUEUED,
    RECOVERED,
    REFUSED,
    RELEASED,
    RETRYING,
    RUNNING,
    SERVED,
    TIMED_OUT,
    WITHDREW,
    Block,
)
from simulations.history.recorder import BLOCK
from simulations.judging import calls as answers
from simulations.live.outcome.attempts import Attempt
from simulations.measuring.observer import Observer


_Event = tuple[float, int, int, int, int, str]
"""Instant, 1 if the event comes after the ends at the same instant (else 0), job, place, what, key.

Of the events of a job that come, the one with the smaller place comes first.
"""


class Pause(NamedTuple):
    """A worker was stopped at an instant, in scenario seconds."""

    worker: int
    began: float


class Course(NamedTuple):
    """The course of a run.

    Attributes:
        observer: the figures that are computed from the events.
        recoveries: the number of recovered slots, and for how many scenario seconds nobody used
            them: the sum and the longest.
    """

    observer: Observer
    recoveries: tuple[int, float, float]


def course_of(
    attempts: Sequence[Attempt],
    slot_exp: float | None,
    losses: Iterable[float],
    pauses: Sequence[Pause] | None = None,
    within: float | None = None,
) -> Course:
    """Return the course of a run.

    Args:
        attempts: the attempts of the run, in order of the jobs and of their attempts.
        slot_exp: the life of a slot, in scenario seconds.
        losses: when the store lost its slots, in scenario seconds.
        pauses: the pauses of workers, if slots were renewed; else ``None``.
        within: count the jobs that got a slot within so many scenario seconds, if given.
    """
    observer = Observer(keep=True, within=within)
    events: list[_Event] = []
    recovered, total, longest = 0, 0.0, 0.0
    lost = sorted(losses)
    first_asked, job = 0.0, -1
    for number, each in enumerate(attempts):
        if each.job != job:
            job, first_asked = each.job, each.called
        again = number + 1 < len(attempts) and attempts[number + 1].job == job
        outcome, instant = _outcome(each, again)
        if outcome is None or instant == math.inf:
            continue
        if each.queued is not None:
            events.append((each.queued, 1, job, 0, QUEUED, each.key))
            events.append((instant, 1, job, 0, _LEAVES[outcome], each.key))
        events.append((instant, 1, job, 1, outcome, each.key))
        if (each.attempt > 1 or each.queued is not None) and outcome != RETRYING:
            observer.waited(job, instant - first_asked)
        if outcome != GRANTED:
            continue
        if each.attempt > 1:
            observer.tally.granted_later()
        ends = _ends(each, slot_exp, lost, pauses)
        events += [(instant, 0, job, what, what, each.key) for instant, what in ends]
        if pauses is not None and any(what == EXPIRED for _, what in ends):
            events.append((ends[0].instant, 0, job, LOST, LOST, each.key))
        if len(ends) == 2 and ends[1][1] == RECOVERED:
            seconds = ends[1][0] - ends[0][0]
            recovered, total, longest = recovered + 1, total + seconds, max(longest, seconds)
    for block in _blocks(sorted(events), observer.names):
        observer.take(block)
    return Course(observer, (recovered, total, longest))


_LEAVES = {GRANTED: SERVED, REFUSED: TIMED_OUT, RETRYING: TIMED_OUT, FAILED: WITHDREW}
"""How a waiter leaves the queue just before each outcome."""


def _outcome(each: Attempt, again: bool) -> tuple[int | None, float]:
    """Return the event that ends an attempt, ``None`` if there is none, and when.

    ``again`` is whether its job made another attempt.
    """
    if each.answer == answers.GRANTED:
        return GRANTED, each.returned
    if each.answer == answers.REFUSED:
        return RETRYING if again else REFUSED, each.returned
    if each.queued is None and each.attempt == 1:
        return None, each.returned
    return FAILED, each.returned if each.withdrew is None else each.withdrew


def _taken(each: Attempt) -> float:
    """Return from when the life of a slot counts, as its holder knows."""
    return each.called if each.taken is None else max(each.called, each.taken)


class _End(NamedTuple):
    instant: float
    what: int


def _ends(each: Attempt, slot_exp: float | None, lost: Sequence[float], pauses: Sequence[Pause] | None) -> list[_End]:
    """Return how the slot and the body of a holder ended, in order of time."""
    # Slot and body end after the grant.
    earliest = math.nextafter(each.returned, math.inf)
    expiry = math.inf if slot_exp is None else _taken(each) + slot_exp
    if slot_exp is not None and pauses is not None:
        expiry = _renewed_until(each, expiry, slot_exp, pauses)
    expiry = max(earliest, min(expiry, next((instant for instant in lost if instant >= each.returned), math.inf)))
    body = each.left if each.left is not None else each.died
    body = math.inf if body is None else max(body, earliest)
    if each.left is not None and each.ending != answers.TOO_LATE and (each.ending == answers.RELEASED or body < expiry):
        return [_End(min(body, expiry), RELEASED)]
    if each.left is not None or expiry <= body:
        ends = [_End(min(expiry, body), EXPIRED), _End(body, OVERRAN)]
    else:
        ends = [_End(body, CRASHED), _End(expiry, RECOVERED)]
    return [end for end in ends if end.instant < math.inf]


def _renewed_until(each: Attempt, first: float, life: float, pauses: Sequence[Pause]) -> float:
    """Return when a renewed slot expires; ``first`` is when it would without a renewal."""
    if each.until is not None:
        return max(first, each.until)
    noticed = min((end for end in (each.lost, each.left, each.died) if end is not None), default=math.inf)
    paused = [pause.began for pause in pauses if pause.worker == each.worker and each.called < pause.began < noticed]
    still = max(paused, default=each.died)
    if still is None:
        return noticed
    until = max(first, still + life * (1 - 1 / RENEWALS_PER_LIFE))
    return until if each.died is not None else min(noticed, until)


def _blocks(events: Sequence[_Event], names: list[str]) -> Iterable[Block]:
    pools: dict[str, int] = {}
    occupancy: list[int] = []
    running: list[int] = []
    for start in range(0, len(events), BLOCK):
        rows = []
        for instant, _, job, _, what, key in events[start : start + BLOCK]:
            pool = pools.get(key)
            if pool is None:
                pool = pools[key] = len(names)
                names.append(key)
                occupancy.append(0)
                running.append(0)
            occupancy[pool] += OCCUPANCY.get(what, 0)
            running[pool] += RUNNING.get(what, 0)
            rows.append((instant, what, job, pool, occupancy[pool], running[pool]))
        yield Block.of(rows)
