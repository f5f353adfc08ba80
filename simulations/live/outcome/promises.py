"""The promises that a live run checks in addition to those of the judge."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

import numpy as np

from simulations.judging import FAILED, GRANTED, REFUSED, RELEASED, TOO_LATE, Loss
from simulations.judging.violation import Violation
from simulations.live.outcome.attempts import Attempt, Clock
from simulations.live.outcome.measured import Recoveries
from simulations.live.plan import NANO, SLEW
from simulations.live.supervisor.lookout import Look, Lookout, Seen
from simulations.live.supervisor.run import SLACK, Run
from simulations.live.workers.worker import key_in_store
from simulations.units import count


MARGIN = 0.02
"""Seconds before its expiry within which a slot that is gone counts as expired."""


def sizes_too_large(looks: Sequence[Look], clock: Clock) -> Iterator[Violation]:
    """Yield a violation for each look that saw more than ``max_size`` slots."""
    limit = clock.plan.scenario.max_size
    for look in looks:
        if look.size > limit:
            words = f'the store counted {look.size} slots of the pool {look.key!r}, which may have at most {limit}'
            yield Violation('occupancy', clock.seconds(look.ended), words)


def sizes_unexplained(
    looks: Sequence[Look], attempts: Sequence[Attempt], losses: Sequence[Loss], margin: float, clock: Clock
) -> Iterator[Violation]:
    """Yield a violation for each look that saw fewer or more slots than the calls can explain.

    A lease certainly lasts from the return of its grant to the call of its release, or to its
    earliest expiry.  It can last from the call of its acquire to the return of its release, or to
    its latest expiry.  The number of leases that lasted through a look is at least the number that
    had begun before it, minus the number that had ended when it was over; and at most the number
    that had begun when it was over, minus the number that had ended before it.
    """
    if losses:
        return
    slot_exp = clock.plan.scenario.slot_exp
    life = math.inf if slot_exp is None else slot_exp
    # A renewal that timed out may still be carried out.
    late = clock.plan.timeout * clock.plan.speed if clock.plan.renewed and clock.plan.may_repeat else 0.0
    certain = _Leases()
    possible = _Leases()
    for each in attempts:
        key = key_in_store(each.key)
        if each.answer == GRANTED:
            left = math.inf if each.left is None else each.left
            given_back = each.ended if each.ending in {RELEASED, TOO_LATE} else math.inf
            earliest, latest = each.expires(life, clock.plan.renewed)
            certain.add(key, each.returned, min(left, earliest - margin))
            possible.add(key, each.called, min(given_back, latest + margin + late))
        elif each.answer == REFUSED:
            if each.queued is not None:
                # A slot may have been kept for it that it did not claim in time.
                possible.add(key, each.called, each.returned)
        else:
            # It may have taken a slot until that expired; if its outcome is unknown, it may yet.
            over = each.returned + life + margin if each.answer == FAILED else math.inf
            possible.add(key, each.called, over)
    certain.sort()
    possible.sort()
    for look in looks:
        began, ended = clock.seconds(look.began), clock.seconds(look.ended)
        least = certain.begun(look.key, began) - certain.over(look.key, ended)
        most = possible.begun(look.key, ended) - possible.over(look.key, began)
        if not least <= look.size <= most:
            bound = f'at least {least} were' if look.size < least else f'at most {most} can have been'
            words = f'the store counted {look.size} slots of the pool {look.key!r}, but {bound} taken'
            yield Violation('size', ended, words)


class _Leases:
    """When the leases of each pool began and ended."""

    def __init__(self) -> None:
        self._begun: dict[str, list[float]] = {}
        self._over: dict[str, list[float]] = {}

    def add(self, key: str, begun: float, over: float) -> None:
        self._begun.setdefault(key, []).append(begun)
        self._over.setdefault(key, []).append(over)

    def sort(self) -> None:
        """Call this once, between ``add`` and the counts."""
        for instants in (*self._begun.values(), *self._over.values()):
            instants.sort()

    def begun(self, key: str, until: float) -> int:
        return bisect_left(self._begun.get(key, ()), until)

    def over(self, key: str, until: float) -> int:
        return bisect_right(self._over.get(key, ()), until)


def wrong_answers(watch: Lookout, clock: Clock) -> Iterator[Violation]:
    """Yield a violation for each error that answered a look, and each key without an expiry."""
    for instant, error in watch.errors:
        yield Violation('errors', clock.seconds(instant), f'the store answered a size query with an error: {error}')
    if clock.plan.slot_exp is not None:
        for key, instant in watch.for_ever.items():
            words = f'the key of the pool {key!r} never expires, although its slots do'
            yield Violation('at rest', clock.seconds(instant), words)


def undocumented_errors(errors: Sequence[tuple[int, str, str, bool]], clock: Clock) -> Iterator[Violation]:
    """Yield a violation for each error that the library does not document."""
    for instant, _, words, documented in errors:
        if not documented:
            yield Violation('errors', clock.seconds(instant), f'a worker met an undocumented error: {words}')


def _slots_of_the_dead(run: Run) -> Iterator[tuple[int, Seen]]:
    """Yield the slots of killed holders that were seen after the death, each with its instant."""
    killed = {life.pid: life.ended for life in run.nursery.lives.values() if life.killed is not None}
    for seen in run.watch.seen if run.watch is not None else []:
        died = killed.get(seen.pid)
        if died is not None and seen.last_seen > died:
            yield died, seen


def _expired(seen: Seen) -> bool:
    """Return whether the slot lasted until its expiry, and was not freed before."""
    return seen.gone >= seen.expiry - MARGIN * NANO


def recoveries_of(run: Run) -> Recoveries:
    """Return when the slots of killed holders were freed by their expiry."""
    rows = [(seen.expiry - died, seen.gone - died) for died, seen in _slots_of_the_dead(run) if _expired(seen)]
    columns = np.array(rows, np.float64).reshape(-1, 2).T / NANO
    return Recoveries(*columns)


def renewed_by_the_dead(clock: Clock, run: Run) -> Iterator[Violation]:
    """Yield a violation for each slot that expires more than a life after its holder was killed."""
    plan = clock.plan
    if plan.slot_exp is None or not plan.renewed:
        return
    # A request that was under way at the kill may have been carried out later.
    late = plan.timeout * (1 + plan.retries) if plan.may_repeat else 0.0
    most = plan.slot_exp * (1 + SLEW) + SLACK + MARGIN + late
    for died, seen in _slots_of_the_dead(run):
        if (lives := (seen.expiry - died) / NANO) > most:
            words = (
                f'the slot of a killed holder expires {lives:.3g} s after its death, with slot_exp {plan.slot_exp:g} s'
            )
            yield Violation('renewal', clock.seconds(seen.last_seen), words)


def freed_early(attempts: Sequence[Attempt], losses: Sequence[Loss], clock: Clock, run: Run) -> Iterator[Violation]:
    """Yield a violation if slots of killed holders were freed before they expired.

    Only a release that was under way when its holder was killed may free a slot early.
    """
    early = sum(not _expired(seen) for _, seen in _slots_of_the_dead(run))
    under_way = sum(each.left is not None and math.isinf(each.ended) for each in attempts)
    if early > under_way and not losses:
        slots, releases = count(early, 'slot', 'slots'), count(under_way, 'release', 'releases')
        words = f'{slots} of killed holders freed before expiry, with only {releases} under way at the kill'
        yield Violation('own release', clock.seconds(run.over), words)
