"""The promises that a live run checks in addition to those of the judge."""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from simulations.judging import GRANTED, Loss
from simulations.judging.violation import Violation
from simulations.live.outcome.attempts import Attempt, Clock
from simulations.live.outcome.measured import Recoveries
from simulations.live.plan import NANO
from simulations.live.supervisor.lookout import Look, Lookout, Seen
from simulations.live.supervisor.run import Run
from simulations.live.workers.worker import key_in_store
from simulations.units import count


MARGIN = 0.02
"""Seconds after its expiry within which a slot must be gone from the server."""


def sizes_too_large(looks: Sequence[Look], clock: Clock) -> Iterator[Violation]:
    """Yield a violation for each look that saw more than ``max_size`` slots."""
    limit = clock.plan.scenario.max_size
    for look in looks:
        if look.size > limit:
            words = f'the store counted {look.size} slots of the pool {look.key!r}, which may have at most {limit}'
            yield Violation('occupancy', clock.seconds(look.ended), words)


def sizes_too_small(
    looks: Sequence[Look], attempts: Sequence[Attempt], losses: Sequence[Loss], margin: float, clock: Clock
) -> Iterator[Violation]:
    """Yield a violation for each look that saw fewer slots than leases that lasted through it.

    A lease certainly lasts from the return of its grant to the call of its release, or to its
    earliest expiry.  The number of leases that lasted through a look is at least the number that
    had begun before it, minus the number that had ended when it was over.
    """
    if losses:
        return
    life = math.inf if clock.plan.scenario.slot_exp is None else clock.plan.scenario.slot_exp - margin
    leases: dict[str, list[tuple[float, float]]] = {}
    for each in attempts:
        if each.answer == GRANTED:
            end = min(math.inf if each.left is None else each.left, each.called + life)
            leases.setdefault(key_in_store(each.key), []).append((each.returned, end))
    sorted_leases = {key: [np.sort(column) for column in np.array(found).T] for key, found in leases.items()}
    for look in looks:
        if look.key in sorted_leases:
            begun, ended = sorted_leases[look.key]
            over = np.searchsorted(ended, clock.seconds(look.ended), side='right')
            certain = np.searchsorted(begun, clock.seconds(look.began)) - over
            if look.size < certain:
                words = (
                    f'the store counted {look.size} slots of the pool {look.key!r}, but at least {certain} were taken'
                )
                yield Violation('size', clock.seconds(look.ended), words)


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
    rows = [
        (seen.expiry - died, seen.gone - died, seen.last_seen - seen.expiry)
        for died, seen in _slots_of_the_dead(run)
        if _expired(seen)
    ]
    columns = np.array(rows, np.float64).reshape(-1, 3).T / NANO
    return Recoveries(*columns)


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


def freed_late(recoveries: Recoveries, clock: Clock, run: Run) -> Iterator[Violation]:
    """Yield a violation for each slot of a killed holder that was seen well after its expiry."""
    for late in recoveries.late[recoveries.late > MARGIN]:
        words = f'the slot of a killed holder was still taken {late:.3g} s after its expiry'
        yield Violation('recovery', clock.seconds(run.over), words)
