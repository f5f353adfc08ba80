"""The history of a live run, from its attempts, and the figures that are computed from it.

An event has the instant at which a worker knew of it: a grant when it returned, a release when it
was called.  No worker learns when a slot expires, so an expiry is *computed*: it is ``slot_exp``
after the acquire was called, the earliest instant possible.  So the occupancy of a history is that
of the leases which certainly lasted.  The store may count more, never fewer.

A slot that the store lost counts as *expired* at the instant of the loss if its body ran on.  A
release of unknown outcome counts as a release, because its lease certainly lasted until then.  An
acquire that failed is not an event.
"""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from simulations.history.events import (
    CRASHED,
    EXPIRED,
    GRANTED,
    OCCUPANCY,
    OVERRAN,
    RECOVERED,
    REFUSED,
    RELEASED,
    RETRYING,
    RUNNING,
    Block,
)
from simulations.history.recorder import BLOCK
from simulations.judging import calls as answers
from simulations.live.outcome.attempts import Attempt
from simulations.measuring.observer import Observer


_Event = tuple[float, int, int, int, str]
"""Instant, 1 if the event comes after the ends at the same instant (else 0), what, job, key."""
_COMES = (GRANTED, REFUSED, RETRYING)


class Course(NamedTuple):
    """The course of a run.

    Attributes:
        observer: the figures that are computed from the events.
        recoveries: the number of recovered slots, and for how many scenario seconds nobody used
            them: the sum and the longest.
    """

    observer: Observer
    recoveries: tuple[int, float, float]


def course_of(attempts: Sequence[Attempt], slot_exp: float | None, losses: Iterable[float]) -> Course:
    """Return the course of a run.

    Args:
        attempts: the attempts of the run, in order of the jobs and of their attempts.
        slot_exp: the life of a slot, in scenario seconds.
        losses: when the store lost its slots, in scenario seconds.
    """
    observer = Observer(keep=True)
    events: list[_Event] = []
    recovered, total, longest = 0, 0.0, 0.0
    lost = sorted(losses)
    first_asked, job = 0.0, -1
    for number, each in enumerate(attempts):
        if each.job != job:
            job, first_asked = each.job, each.called
        if each.answer == answers.REFUSED:
            again = number + 1 < len(attempts) and attempts[number + 1].job == job
            events.append((each.returned, 1, RETRYING if again else REFUSED, job, each.key))
        if each.answer != answers.GRANTED:
            continue
        events.append((each.returned, 1, GRANTED, job, each.key))
        if each.attempt > 1:
            observer.tally.waited(each.returned - first_asked)
        ends = _ends(each, slot_exp, lost)
        events += [(instant, 0, what, job, each.key) for instant, what in ends]
        if len(ends) == 2 and ends[1][1] == RECOVERED:
            seconds = ends[1][0] - ends[0][0]
            recovered, total, longest = recovered + 1, total + seconds, max(longest, seconds)
    for block in _blocks(sorted(events), observer.names):
        observer.take(block)
    return Course(observer, (recovered, total, longest))


class _End(NamedTuple):
    instant: float
    what: int


def _ends(each: Attempt, slot_exp: float | None, lost: Sequence[float]) -> list[_End]:
    """Return how the slot and the body of a holder ended, in order of time."""
    # Slot and body end after the grant.
    earliest = math.nextafter(each.returned, math.inf)
    expiry = math.inf if slot_exp is None else each.called + slot_exp
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


def _blocks(events: Sequence[_Event], names: list[str]) -> Iterable[Block]:
    pools: dict[str, int] = {}
    occupancy: list[int] = []
    running: list[int] = []
    for start in range(0, len(events), BLOCK):
        rows = []
        for instant, _, what, job, key in events[start : start + BLOCK]:
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
