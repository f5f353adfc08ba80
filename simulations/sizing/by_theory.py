"""The answer of theory."""

import math

from simulations.measuring.caveats import UNSTABLE
from simulations.scenarios.scenario import Scenario
from simulations.sizing.search import bisect


ENDLESS = 2**31 - 1
"""The largest possible pool: no job is ever refused there."""


def size_by_theory(scenario: Scenario, target: float, guess: int) -> float | None:
    """Return the smallest size by theory.

    It is infinite if no size suffices, and ``None`` if theory does not apply.
    """
    workload = scenario.workload()

    def enough(max_size: int) -> bool | None:
        expected = scenario.expect(max_size, workload)
        if isinstance(expected, str):
            return None
        share = expected.attempts_refusal_share if scenario.on_refusal.endless else expected.refusal_share
        return share < target

    too_small, big = 0, max(1, guess)
    while not (found := enough(big)):
        if found is None and not _unstable(scenario, big):
            return None
        if big > ENDLESS // 2:
            return math.inf
        too_small, big = big, 2 * big
    return bisect(big, too_small, lambda size: bool(enough(size)))


def _unstable(scenario: Scenario, max_size: int) -> bool:
    """Return whether ever more jobs wait at this size, so that a larger one may have a long run."""
    pace = scenario.replace(max_size=max_size).conditions().pace(scenario.workload())
    return pace is not None and pace.cause == UNSTABLE
