"""Reasons to doubt an answer, and reasons why there is none."""

import math
from collections.abc import Iterable

from simulations.measuring.caveats import HEAVY_TAIL, SLOTS_LOST, STARTS_EMPTY, UNSTABLE, WARM_UP_OPEN, Caveat
from simulations.results.words import message
from simulations.scenarios.scenario import Scenario
from simulations.sizing.goals import Goals
from simulations.sizing.measure import Verdict


def caveats_of(sides: Iterable[Verdict], goals: Goals) -> tuple[Caveat, ...]:
    """Return the reasons to doubt what decides at the answer and just below it, each once."""
    found: dict[str, Caveat] = {}
    for verdict in sides:
        for each in verdict.point.caveats:
            if any(each.concerns(figure) for figure in goals.figures):
                found[each.code] = each
    return tuple(found.values())


def why_not(
    sides: Iterable[Verdict],
    caveats: Iterable[Caveat],
    theory: float | None,
    not_excluded: tuple[int, int],
    scenario: Scenario,
) -> tuple[str, bool]:
    """Return why there is no answer, empty if there is one, and whether the range has an end.

    Args:
        sides: the measurements at the answer and just below it.
        caveats: the reasons to doubt them.
        theory: the answer of theory: infinite if no size suffices, ``None`` if theory does not
            apply.
        not_excluded: the smallest and the largest size that the measurement does not exclude.
        scenario: what was measured. If its arrivals follow no steady law, such as a thinned log,
            the question is about its own jobs, and doubts about the long run do not matter.
    """
    (lowest, highest), steady = not_excluded, scenario.conditions().steady(scenario.workload())
    point = next(iter(sides)).point
    if theory == math.inf:
        lost = next((message(each, point.theory) for each in caveats if each.code == SLOTS_LOST), None)
        return lost or 'by theory, no number of slots meets the goal', False
    if theory is not None or not scenario.random:
        return '', True
    for each in caveats if steady else ():
        if each.code in _NO_LONG_RUN:
            return message(each), False
        if each.code in _SHIFTED:
            return f'from so short a workload: {message(each)}', False
    undecided = any(each.by == 'mean' for each in sides)
    if undecided and highest - lowest > max(1, _NEAR * lowest):
        sizes = f'every size from {lowest:,} to {highest:,} may be the answer'
        return f'from so short a workload: {sizes}; make longer runs, or more of them', True
    return '', True


_NO_LONG_RUN = (HEAVY_TAIL, SLOTS_LOST, UNSTABLE)
"""Reasons to doubt a share that no run is long enough to remove."""
_SHIFTED = (STARTS_EMPTY, WARM_UP_OPEN)
"""Reasons to doubt a share that longer runs would remove, but not more of them."""
_NEAR = 0.1
"""An undecided range is an answer if it is no wider than one slot or this share of it."""
