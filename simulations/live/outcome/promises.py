"""The promises that a live run checks besides those that are judged by calls and returns."""

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
"""Seconds after its expiry within which a slot is to be gone from the server."""


def oversized(looks: Sequence[Look], clock: Clock) -> Iterator[Violation]:
    """Looks that saw more than ``max_size`` slots."""
    most = clock.plan.scenario.max_size
    for look in looks:
        if look.size > most:
            words = f'the store counted {look.size} slots of the pool {look.key!r}, where {most} may be'
            yield Violation('occupancy', clock.seconds(look.ended), words)


def undersized(
    looks: Sequence[Look], attempts: Sequence[Attempt], losses: Sequence[Loss], margin: float, clock: Clock
) -> Iterator[Violation]:
    """Looks that saw fewer slots than leases which surely lasted from before them until after them.

    A lease surely lasts from the return of its grant to the call of its release, or its earliest expiry.  At least so
    many lasted all through a look as had begun before it, less all that had ended when it was over.
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
            sure = np.searchsorted(begun, clock.seconds(look.began)) - over
            if look.size < sure:
                words = f'the store counted {look.size} slots of the pool {look.key!r}, where {sure} surely were taken'
                yield Violation('size', clock.seconds(look.ended), words)


def of_the_lookout(watch: Lookout, clock: Clock) -> Iterator[Violation]:
    """What the looks met that must not be: a size that is an error, and keys that would stay for ever."""
    for instant, error in watch.errors:
        yield Violation('errors', clock.seconds(instant), f'the store answered a look with an error: {error}')
    if clock.plan.slot_exp is not None:
        for key, instant in watch.for_ever.items():
            words = f'the pool {key!r} would stay in the store for ever, though its slots expire'
            yield Violation('at rest', clock.seconds(instant), words)


def unannounced(errors: Sequence[tuple[int, str, str, bool]], clock: Clock) -> Iterator[Violation]:
    """Errors of which the library's documentation says nothing."""
    for instant, _, words, announced in errors:
        if not announced:
            yield Violation('errors', clock.seconds(instant), f'a worker saw what no documentation tells: {words}')


def _of_the_dead(run: Run) -> Iterator[tuple[int, Seen]]:
    """The slots of killed holders that were still seen after their death, with its instant."""
    killed = {life.pid: life.ended for life in run.nursery.lives.values() if life.killed is not None}
    for seen in run.watch.seen if run.watch is not None else []:
        died = killed.get(seen.pid)
        if died is not None and seen.last_seen > died:
            yield died, seen


def _came_back(seen: Seen) -> bool:
    """Whether it was gone by its expiry, and not before."""
    return seen.gone >= seen.expiry - MARGIN * NANO


def recoveries_of(run: Run) -> Recoveries:
    """The slots of killed holders that came back by their expiry."""
    found = [
        (seen.expiry - died, seen.gone - died, seen.last_seen - seen.expiry)
        for died, seen in _of_the_dead(run)
        if _came_back(seen)
    ]
    columns = np.array(found, np.float64).reshape(-1, 3).T / NANO
    return Recoveries(*columns)


def back_too_early(attempts: Sequence[Attempt], losses: Sequence[Loss], clock: Clock, run: Run) -> Iterator[Violation]:
    """Slots of the dead that were gone before they expired, though nobody can have released them."""
    early = sum(not _came_back(seen) for _, seen in _of_the_dead(run))
    under_way = sum(each.left is not None and math.isinf(each.ended) for each in attempts)
    if early > under_way and not losses:
        slots, releases = count(early, 'slot', 'slots'), count(under_way, 'release', 'releases')
        words = f'gone before they had expired: {slots} of killed holders; {releases} under way'
        yield Violation('own release', clock.seconds(run.over), words)


def back_too_late(recoveries: Recoveries, clock: Clock, run: Run) -> Iterator[Violation]:
    """Slots of the dead that a look still saw which began well after their expiry."""
    for late in recoveries.late[recoveries.late > MARGIN]:
        words = f'the slot of a killed holder was still taken {late:.3g} s after it had expired'
        yield Violation('recovery', clock.seconds(run.over), words)
