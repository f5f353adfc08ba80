"""How soon a mutant is found: breadth first, and by random schedules."""

import statistics
from typing import NamedTuple

from simulations.exploring import explore
from tests.mutants.apply import mutated
from tests.mutants.mutant import Mutant


MOST_SCHEDULES = 2_000
"""A random search is given up there, and counts as that many."""


class Measured(NamedTuple):
    """What it took.

    Attributes:
        moves: length of the shortest schedule.
        schedules, states: seen by then.
        random: schedules until it was found at random, the median over the seeds.
        missed: in how many of them it was not.
    """

    moves: int
    schedules: int
    states: int
    random: float
    missed: int


def measure(mutant: Mutant, seed: int, seeds: int) -> Measured:
    """Search for a mutant; ``RuntimeError`` if it is not found as it is said to be."""
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
