"""Decide which caveats the estimates of a run have."""

import math
from collections.abc import Mapping

from simulations.measuring.caveats import (
    BATCHES_ALIKE,
    FEW_OVERRUNS,
    FEW_REFUSALS,
    HEAVY_TAIL,
    NOT_STEADY,
    SHORT_RUN,
    STARTS_EMPTY,
    TOO_FEW_JOBS,
    Caveat,
)
from simulations.measuring.pace import Pace
from simulations.measuring.series import Series
from simulations.statistics.batches import COUNTS, BatchMeans
from simulations.statistics.intervals import Interval


ENOUGH_MEMORIES = 100
"""The length that a run should have at least, in units of the pool's memory."""
ENOUGH_FILLINGS = 20
"""The length that it should have, in units of the time until the pool lacks a hundredth.

It matters where a few very long jobs make up much of the load: they are too rare for the memory,
which is a mean.
"""
_LACKING = 0.01
BIAS = 0.2
"""A shift by the empty start gets a caveat if it is more than this share of a half-width."""
MISSING = 0.05
"""If more of the long-run occupancy was missing, even a wide interval has a caveat."""
RARE = 30
"""With fewer overruns there is no interval of the overrun."""
FEW = 30
"""With fewer refusals, unless there are none, the interval has a caveat."""
_ROUNDING = 1e-9


def too_few_jobs(series: Series) -> Caveat:
    """Return the caveat of a run that cannot be cut into batches."""
    jobs, stretches = float(series.jobs.sum()), len(series.jobs)
    return Caveat(TOO_FEW_JOBS, jobs, needed=math.ceil(min(COUNTS) * jobs / stretches) if stretches else min(COUNTS))


def no_long_run(steady: bool, pace: Pace | None) -> list[Caveat]:
    """Return the caveats of figures that have no long run, or no finite variance."""
    caveats = [] if steady else [Caveat(NOT_STEADY)]
    if pace is not None and pace.cause:
        caveats.append(Caveat(pace.cause))
    if pace is not None and math.isinf(pace.beyond):
        caveats.append(Caveat(HEAVY_TAIL, figure='overrun_mean'))
    return caveats


def short_run(start: float, length: float, looks: float, known: Pace | None) -> list[Caveat]:
    """Return the caveat of a run that is short for the pool's memory.

    Args:
        start: the length of the warm-up in seconds.
        length: the length of the rest in seconds.
        looks: the number of independent looks at the pool.
        known: how fast the pool forgets its past; if that is unknown, ``looks`` are counted.
    """
    enough = ENOUGH_MEMORIES * (known.memory if known is not None else length / looks)
    if known is not None:
        enough = max(enough, ENOUGH_FILLINGS * known.settled(_LACKING))
    return [Caveat(SHORT_RUN, length, needed=start + enough)] if length < enough else []


def short_for_overruns(start: float, length: float, beyond: float, runs: int = 1) -> list[Caveat]:
    """Return the caveat of an overrun whose rare long bodies are hardly met.

    ``length`` is that of all ``runs`` together, because each may meet one; ``beyond`` is that of
    :class:`Pace`.
    """
    enough = ENOUGH_MEMORIES * beyond
    short = length < enough < math.inf
    return [Caveat(SHORT_RUN, length / runs, 'overrun_mean', start + enough / runs)] if short else []


def ends_early(intervals: Mapping[str, Interval], length: float, cycle: float) -> list[Caveat]:
    """Return the caveats of figures that are shifted because a run that meets a burst ends early.

    The shift is about one cycle of bursts in the length of a run, as a share of the figure.
    """
    caveats = []
    for figure, interval in intervals.items():
        shift = interval.mean * min(1.0, cycle / length) if length else 0.0
        if shift > BIAS * interval.half_width:
            needed = interval.mean * cycle / (BIAS * interval.half_width) if interval.half_width else math.inf
            caveats.append(Caveat(SHORT_RUN, length, figure, needed))
    return caveats


def batches_alike(found: Mapping[str, BatchMeans]) -> list[Caveat]:
    """Return a caveat for each figure whose batches are correlated; two names of one count once."""
    figures: dict[int, str] = {}
    for figure, each in found.items():
        # Batches that differ only by rounding are equal, not correlated.
        if not each.independent and each.interval.half_width > _ROUNDING * abs(each.interval.mean):
            figures.setdefault(id(each), figure)
    return [Caveat(BATCHES_ALIKE, figure=figure) for figure in figures.values()]


def few_events(series: Series) -> list[Caveat]:
    """Return the caveats of figures that rest on few events."""
    refused, attempts = float(series.refused.sum()), float(series.attempts_refused.sum())
    caveats = [Caveat(FEW_REFUSALS, refused, 'refusal_share', FEW)] if 0 < refused < FEW else []
    if attempts != refused and 0 < attempts < FEW:
        caveats.append(Caveat(FEW_REFUSALS, attempts, 'attempts_refusal_share', FEW))
    expired = float(series.expired.sum())
    return caveats + ([Caveat(FEW_OVERRUNS, expired, 'overrun_mean', RARE)] if 0 < expired < RARE else [])


def starts_empty(
    intervals: dict[str, Interval], missing: float, max_size: int, pools: int, filling: float
) -> list[Caveat]:
    """Return the caveats of figures that the empty start shifts by a visible part of an interval.

    A mean over time lacks the share ``missing`` of itself. The share of refusals reacts more
    strongly: by Erlang's formula, if the load rises by one in a hundred, it rises by about as many
    hundredths as slots are free.  A waiting time and a queue also grow as the free slots shrink, as
    does the share that is not served in time.

    Args:
        intervals: by the name of the figure.
        missing: the share of the long-run occupancy that was missing on average.
        max_size: slots of each pool.
        pools: the number of pools.
        filling: the seconds that the pool takes to fill up.
    """
    caveats = []
    occupancy = intervals.get('occupancy_mean')
    for figure, interval in intervals.items():
        if figure == 'attempts_refusal_share' and interval == intervals.get('refusal_share'):
            continue
        # What was never seen may be as frequent as its bound says.
        wrong = 1 - interval.mean or 1 - interval.low
        shift = (wrong if figure == 'served_within' else interval.mean or interval.high) * missing
        taken = occupancy.mean / pools if occupancy else 0.0
        free = max(0.0, max_size - taken)
        if figure.endswith('share'):
            shift *= 1 + free
        elif figure.startswith(('wait', 'queue', 'served')):
            shift *= 1 + free + taken / max(free, 0.1)
        if shift > BIAS * interval.half_width or missing > MISSING:
            caveats.append(Caveat(STARTS_EMPTY, missing, figure, filling))
    return caveats
