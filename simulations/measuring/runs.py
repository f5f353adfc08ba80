"""Estimates of the long run from several independent runs."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from simulations.measuring.caveats import Caveat
from simulations.measuring.doubts import ends_early, few_events, short_for_overruns, starts_empty
from simulations.measuring.estimates import CONFIDENCE, FIGURES, SHARES, Estimates, at_least_zero, has_interval
from simulations.measuring.series import Series
from simulations.statistics.intervals import Interval, ratio_interval
from simulations.statistics.shares import share_interval


class RunSums(NamedTuple):
    """What the estimates need to know of one run.

    Attributes:
        sums: the sums of its :class:`simulations.measuring.series.Series`, in the order of its
            fields, warm-up left out.
        looks: the number of independent looks at the pool that it amounts to.
        missing: the share of the long-run occupancy that was missing on average.
        filling: the seconds that the pool takes to fill up; 0 if that is unknown.
        cycle: the seconds of a cycle of bursts, if the run ends with a number of jobs, else 0.
        beyond: the memory of the bodies beyond their slots, in seconds.
    """

    sums: tuple[float, ...]
    looks: float
    missing: float
    filling: float
    cycle: float = 0.0
    beyond: float = 0.0

    @classmethod
    def of(cls, estimates: Estimates) -> 'RunSums':
        """Return the sums of one run."""
        sums = tuple(float(column.sum()) for column in estimates.series)
        cycle, beyond = (0.0, 0.0) if estimates.pace is None else (estimates.pace.cycle, estimates.pace.beyond)
        return cls(sums, estimates.looks, estimates.missing, estimates.filling, cycle, beyond)

    def sum(self, name: str) -> float:
        """Return one of the sums, by the name of its field."""
        return self.sums[Series._fields.index(name)]


def of_runs(
    runs: Sequence[RunSums],
    max_size: int,
    pools: int,
    confidence: float = CONFIDENCE,
    *,
    waits: bool = False,
    within: bool = False,
) -> Estimates:
    """Return intervals from the scatter between independent runs.

    All runs start empty, so what the start shifts is shifted in each of them: that is a caveat even
    where the runs agree.

    Args:
        runs: the sums of each run, at least two.
        max_size: slots of each pool.
        pools: the number of pools.
        confidence: the confidence level, more than 0 and less than 1.
        waits, within: as for :func:`simulations.measuring.estimates.estimate`.
    """
    total = Series(*np.array([run.sums for run in runs]).T)
    seconds = float(total.seconds.sum())
    missing = sum(run.missing * run.sum('seconds') for run in runs) / seconds if seconds else 0.0
    looks = sum(run.looks for run in runs)
    intervals: dict[str, Interval] = {}
    for figure, (above, below) in FIGURES.items():
        found = ratio(runs, above, below, confidence)
        if found is None or not has_interval(figure, total, waits, within):
            continue
        share = figure in SHARES
        intervals[figure] = share_interval(found, len(runs), looks, confidence) if share else at_least_zero(found)
    caveats: list[Caveat] = few_events(total)
    caveats += starts_empty(intervals, missing, max_size, pools, max(run.filling for run in runs))
    caveats += ends_early(intervals, seconds / len(runs), max(run.cycle for run in runs))
    if 'overrun_mean' in intervals:
        caveats += short_for_overruns(0.0, seconds, max(run.beyond for run in runs), len(runs))
    return Estimates(intervals, None, tuple(caveats), total, looks, missing)


def ratio(runs: Sequence[RunSums], above: str, below: str, confidence: float) -> Interval | None:
    """Return the ratio of two sums with its interval; ``None`` if nothing can be divided."""
    per = [run.sum(below) for run in runs]
    if not any(per):
        return None
    return ratio_interval([run.sum(above) for run in runs], per, confidence)
