"""Measure how soon a mutant is caught: breadth first, and by random schedules."""

import statistics
from typing import NamedTuple

from simulations.exploring import explore
from tests.mutants.apply import mutated
from tests.mutants.mutant import Mutant


MOST_SCHEDULES = 2_000
"""A random search ends after this many schedules, and counts as this many."""


class Measured(NamedTuple):
    """How soon a mutant was caught.

    Attributes:
        moves: the length of the shortest schedule.
        schedules, states: the numbers that the exhaustive search had covered by then.
        random: the number of random schedules until it was caught, the median over the seeds.
        missed: the number of seeds that did not catch it.
    """

    moves: int
    schedules: int
    states: int
    random: float
    missed: int


def measure(mutant: Mutant, seed: int, seeds: int) -> Measured:
    """Search for a mutant. Raise ``RuntimeError`` if it is not caught for its stated reason."""
    known, _ = mutated(mutant)
    scope = mutant.scope or known.scope
    found = explore(known, scope)
    if found.violation is None or found.violation.reason != mutant.reason:
        raise RuntimeError(f'{mutant.title}: expected "{mutant.reason}", found {found.violation}')
    tried = [explore(known, scope, schedules=MOST_SCHEDULES, seed=seed + each) for each in range(seeds)]
    return Measured(
        len(found.violation.schedule.moves),
        found.schedules,
        found.states,
        statistics.median(each.schedules for each in tried),
        sum(each.violation is None for each in tried),
    )
