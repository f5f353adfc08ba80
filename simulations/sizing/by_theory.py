"""The answer of theory."""

import math

from simulations.measuring.caveats import UNSTABLE
from simulations.scenarios.scenario import Scenario
from simulations.sizing.goals import Goals, waits_for_ever
from simulations.sizing.search import bisect


ENDLESS = 2**31 - 1
"""The largest possible pool: no job is ever refused there."""


def size_by_theory(scenario: Scenario, goals: Goals, guess: int) -> float | None:
    """Return the smallest size by theory.

    It is infinite if no size suffices, and ``None`` if theory does not apply, or is not exact.
    """
    workload = scenario.workload()

    def enough(max_size: int) -> bool | None:
        expected = scenario.expect(max_size, workload)
        if isinstance(expected, str):
            return None
        return goals.met_by_theory(expected, scenario.on_refusal)

    too_small, big = 0, max(1, guess)
    while not (found := enough(big)):
        if found is None and _cause(scenario, big) != UNSTABLE:
            return None
        if big > ENDLESS // 2:
            return math.inf
        too_small, big = big, 2 * big
    return bisect(big, too_small, lambda size: bool(enough(size)))


def unstable_up_to(scenario: Scenario, load: float) -> int:
    """Return the largest size at which ever more jobs wait, 0 if there is none.

    Args:
        scenario: the workload.
        load: about how many slots would be in use in each pool if no job waited.
    """
    workload = scenario.workload()
    endless = scenario.on_refusal.endless or waits_for_ever(scenario)
    # Clients wait for their answers, so no more of them can wait than there are.
    if not (endless and workload.steady and workload.clients is None):
        return 0
    size = int(load)
    while size and _cause(scenario, size) == '':
        size -= 1
    while _cause(scenario, size + 1) == UNSTABLE:
        size += 1
    return size


def _cause(scenario: Scenario, max_size: int) -> str | None:
    """Return why there is no long run at this size, empty if there is one; ``None`` if unknown."""
    pace = scenario.replace(max_size=max_size).conditions().pace(scenario.workload())
    return None if pace is None else pace.cause
