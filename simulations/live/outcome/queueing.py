"""The promises of a queue, as far as a live run can prove that they were broken.

No check assumes that a call is quick, or that a worker learns at once that it has a slot.  What
counts is when the store can have acted at the latest, or at the earliest.
"""

import itertools
import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import attrgetter

from py_cachify.commands import CLAIM, DEADLINE, HEARTBEAT
from simulations.judging import GRANTED, REFUSED
from simulations.judging.violation import Violation
from simulations.live.outcome.attempts import SLOW, Attempt, Clock
from simulations.live.plan import NANO
from simulations.live.supervisor.accidents import Accident
from simulations.live.supervisor.lookout import Look
from simulations.live.workers.worker import key_in_store
from simulations.workloads.patience import Patience, as_wait


EARLY = 0.001
"""Seconds by which a wait may end before its time is up."""
UNSEEN = 0.5
"""Seconds without a look at a pool after which nothing is certain about its queue."""
IDLE = CLAIM + HEARTBEAT + 5.0
"""Seconds for which a free slot may stand beside a waiter; the last five are for a busy machine."""
_HARMLESS = ('crash', 'flush scripts')
"""Accidents after which those that are still alive wait as before."""


def patience_of(attempts: Sequence[Attempt], clock: Clock) -> Mapping[int, float | None]:
    """Return for how many seconds each job waits; without those of clients that draw it."""
    scenario = clock.plan.scenario
    wait = as_wait(scenario.wait)
    jobs = sorted({each.job for each in attempts})
    if wait is None or isinstance(wait, int | float):
        return dict.fromkeys(jobs, wait)
    if scenario.workload().clients is not None or not jobs:
        return {}
    drawn = Patience(scenario.seed, wait)
    return {job: drawn.draw() for job in range(jobs[-1] + 1)}


def wrong_refusals(attempts: Sequence[Attempt], clock: Clock) -> Iterator[Violation]:
    """Yield a violation for each attempt that was refused before its time was up.

    Unless as many as ``max_waiting`` others can have waited at some instant of the call.  Whether
    the pool was full is for the judge to say.
    """
    most = clock.plan.scenario.max_waiting
    margin = EARLY * clock.plan.speed
    patience = patience_of(attempts, clock)
    queues: dict[str, list[Attempt]] = defaultdict(list)
    for each in attempts:
        queues[each.key].append(each)
    for key, asked in queues.items():
        peaks = _Peaks(asked)
        for each in asked:
            wait = patience.get(each.job, 0.0)
            if each.answer != REFUSED or wait == 0:
                continue
            seconds = each.returned - each.called
            who = f'{each.token} was refused by the pool {key!r}'
            if each.timed_out:
                if wait is None:
                    yield Violation('wait', each.returned, f'{who} after {seconds:.6g} s, although it waits for ever')
                elif seconds < wait - margin:
                    words = f'{who} after {seconds:.6g} s, although it waits for {wait:.6g} s'
                    yield Violation('wait', each.returned, words)
            elif most is None:
                yield Violation('wait', each.returned, f'{who} without waiting')
            elif peaks.most(each.called, each.returned) - 1 < most:
                words = f'{who} without waiting, although fewer than max_waiting={most} others can have waited'
                yield Violation('wait', each.returned, words)


class _Peaks:
    """How many acquires of a pool were under way at most, in any span of time."""

    def __init__(self, attempts: Sequence[Attempt]) -> None:
        # At one instant, calls come before returns.
        changes = sorted([(each.called, -1) for each in attempts] + [(each.returned, 1) for each in attempts])
        self._instants = [instant for instant, _ in changes]
        self._levels = [0, *itertools.accumulate(-change for _, change in changes)]

    def most(self, since: float, until: float) -> int:
        """Return the largest number from one instant to another, both included."""
        first = bisect_left(self._instants, since)
        return max(self._levels[first : bisect_left(self._instants, math.nextafter(until, math.inf)) + 1])


def overtaken(
    attempts: Sequence[Attempt],
    looks: Sequence[Look],
    slow_claims: Sequence[int],
    accidents: Sequence[Accident],
    clock: Clock,
) -> Iterator[Violation]:
    """Yield a violation for each grant to one that asked when another was queued, and still waits.

    The other surely has no slot yet, and none is kept for it: its time was up later, and then it
    had none; or it got a slot by a request that was sent much later.  A slot may have been kept for
    it before, for as long as a claim lasts, or its process may have been slow to tell it.  If that
    process may have been silent for too long, it may have lost a claim or its place, and nothing is
    certain.

    Args:
        attempts: the attempts of the run.
        looks: the looks at the store.
        slow_claims: when a look saw a slot that was kept for a waiter for long, in nanoseconds.
        accidents: the accidents of the run.
        clock: the clock of the run.
    """
    plan = clock.plan
    kept = max(SLOW, CLAIM) * plan.speed
    alive = (DEADLINE - HEARTBEAT) * plan.speed
    patience = patience_of(attempts, clock)
    spans = [] if plan.in_memory else _blind_spots(looks, clock)
    spans += [(clock.seconds(instant), clock.seconds(instant)) for instant in slow_claims]
    spans += [(clock.seconds(each.began), _over(each, clock)) for each in accidents if each.kind not in _HARMLESS]
    disturbed = _Spans(spans)
    waiting: dict[str, list[tuple[float, float, Attempt]]] = defaultdict(list)
    for each in attempts:
        if each.queued is None:
            continue
        if each.answer == GRANTED and each.taken is not None:
            until = each.taken - kept
        elif each.timed_out:
            until = each.called + (patience.get(each.job, 0.0) or 0.0)
        else:
            continue
        until = min(until, each.queued + alive)
        if not disturbed.meet(each.called, each.returned):
            waiting[each.key].append((each.queued, until, each))
    granted: dict[str, list[Attempt]] = defaultdict(list)
    for each in attempts:
        if each.answer == GRANTED:
            granted[each.key].append(each)
    for key, queue in waiting.items():
        queue.sort(key=lambda one: one[:2])
        place, last = 0, queue[0]
        for each in sorted(granted[key], key=attrgetter('called')):
            while place < len(queue) and queue[place][0] < each.called:
                last = max(last, queue[place], key=lambda one: one[1])
                place += 1
            if place and last[1] > each.returned:
                words = (
                    f'{each.token} asked at {each.called:.6g} s and had a slot of the pool {key!r} at'
                    f' {each.returned:.6g} s, although {last[2].token} had waited since {last[0]:.6g} s and still had'
                    f' none at {last[1]:.6g} s'
                )
                yield Violation('order', each.returned, words)


def _over(accident: Accident, clock: Clock) -> float:
    """Return when those that an accident hit have asked again, at the latest."""
    return clock.seconds(max(accident.ended, accident.up)) + DEADLINE * clock.plan.speed


class _Spans:
    """Spans of time, given in any order."""

    def __init__(self, spans: Iterable[tuple[float, float]]) -> None:
        ordered = sorted(spans)
        self._begins = [begin for begin, _ in ordered]
        # The latest end of all spans up to each.
        self._ends = list(itertools.accumulate((end for _, end in ordered), max))

    def meet(self, since: float, until: float) -> bool:
        """Return whether any of them has an instant in common with this one."""
        place = bisect_right(self._begins, until)
        return place > 0 and self._ends[place - 1] >= since


def _blind_spots(looks: Sequence[Look], clock: Clock) -> list[tuple[float, float]]:
    """Return the spans in which no look at all ended."""
    ends = sorted(look.ended for look in looks)
    return [
        (clock.seconds(one), clock.seconds(other))
        for one, other in itertools.pairwise(ends)
        if other - one > UNSEEN * NANO
    ]


def idle_slots(
    attempts: Sequence[Attempt], looks: Sequence[Look], accidents: Sequence[Accident], clock: Clock
) -> Iterator[Violation]:
    """Yield a violation for each waiter beside which a slot was free for too long.

    At each look during that time, fewer than ``max_size`` slots were taken.
    """
    limit, longest = clock.plan.scenario.max_size, IDLE * clock.plan.speed
    free: dict[str, list[tuple[float, float]]] = defaultdict(list)
    since: dict[str, float | None] = {}
    for look in sorted(looks, key=attrgetter('began')):
        if look.size >= limit:
            since[look.key] = None
            continue
        began = since.get(look.key)
        if began is None:
            since[look.key] = clock.seconds(look.began)
            free[look.key].append((clock.seconds(look.began), clock.seconds(look.ended)))
        else:
            free[look.key][-1] = began, clock.seconds(look.ended)
    long = {key: [(begun, end) for begun, end in spans if end - begun > longest] for key, spans in free.items()}
    disturbed = _Spans(
        (clock.seconds(each.began), _over(each, clock)) for each in accidents if each.kind != 'flush scripts'
    )
    for each in attempts:
        if each.queued is None:
            continue
        left = each.returned if each.withdrew is None else each.withdrew
        if disturbed.meet(each.queued, left):
            continue
        for begun, end in long.get(key_in_store(each.key), ()):
            if min(end, left) - max(begun, each.queued) > longest:
                words = f'a slot of the pool {each.key!r} was free for {longest:.6g} s although {each.token} waited'
                yield Violation('idle slot', min(end, left), words)
