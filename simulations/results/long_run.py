"""How the intervals were made and the reasons to doubt them, in words."""

from collections.abc import Callable

from simulations.measuring.caveats import (
    BATCHES_ALIKE,
    FEW_OVERRUNS,
    HALF_WIDTH_MISSED,
    NOT_STEADY,
    SHORT_RUN,
    TOO_FEW_JOBS,
    WARM_UP_OPEN,
    Caveat,
)
from simulations.measuring.estimates import Estimates, Method
from simulations.statistics.batches import COUNTS


_WORDS: dict[str, Callable[[Caveat], str]] = {
    TOO_FEW_JOBS: lambda caveat: f'no intervals: {caveat.amount:,.0f} jobs are too few, make at least {min(COUNTS)}',
    WARM_UP_OPEN: lambda _: 'the end of the warm-up was not found: run longer',
    NOT_STEADY: lambda _: (
        'no warm-up left out: the arrivals change with time, so there is no long run, and the intervals describe'
        ' only the variation within this run'
    ),
    BATCHES_ALIKE: lambda _: (
        'neighbouring batches are correlated, so the intervals are too narrow: run longer, or make replications'
    ),
    SHORT_RUN: lambda caveat: f'the run is only {caveat.amount:.0f} holding times long: run longer',
    HALF_WIDTH_MISSED: lambda _: 'the requested half-width was not reached: allow more runs',
    FEW_OVERRUNS: lambda caveat: (
        f'{caveat.amount:.0f} bodies beyond their slot are too few for an interval of the overrun: run longer'
    ),
}


def long_run(estimates: Estimates) -> str:
    """Describe how the intervals were made, what was left out, and each reason to doubt them."""
    parts = [] if estimates.method is None else _method(estimates.method)
    return '; '.join([*parts, *(_WORDS[caveat.code](caveat) for caveat in estimates.caveats)])


def _method(method: Method) -> list[str]:
    level = f'{100 * method.confidence:g} % intervals'
    if method.runs > 1:
        words = [f'{level} from {method.runs} independent runs']
        if method.left_out:
            words.append(f'warm-up of each left out, {method.left_out:,} jobs in total (MSER-5 on the occupancy)')
        return words
    words = [f'{level} from {method.batches} batch means, over the time in which jobs arrive']
    if method.left_out is not None:
        jobs = f'the first {method.left_out:,} of {method.jobs:,} jobs left out'
        words.append(f'warm-up: {jobs if method.left_out else "none to leave out"} (MSER-5 on the occupancy)')
    return words
