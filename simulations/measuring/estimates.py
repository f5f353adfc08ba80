"""Estimates of the long run from a single run, with intervals and caveats."""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from simulations.measuring.caveats import WARM_UP_OPEN, Caveat
from simulations.measuring.doubts import (
    RARE,
    batches_alike,
    few_events,
    no_long_run,
    short_for_overruns,
    short_run,
    starts_empty,
    too_few_jobs,
)
from simulations.measuring.pace import Pace
from simulations.measuring.series import Series
from simulations.measuring.time_shares import GROUP
from simulations.statistics.batches import COUNTS, BatchMeans, batch_means
from simulations.statistics.intervals import Interval
from simulations.statistics.shares import share_interval
from simulations.statistics.warmup import Warmup, mser5


CONFIDENCE = 0.99
SETTLED = 0.001
"""The warm-up ends when the pool lacks no more than this share of its long-run occupancy."""
BATCH_MEMORIES = 10
"""The length that a batch should have at least, in units of the pool's memory."""
_ENOUGH_FOR_WARMUP = 100


FIGURES = {
    'refusal_share': ('refused', 'jobs'),
    'attempts_refusal_share': ('attempts_refused', 'attempts'),
    'occupancy_mean': ('occupancy', 'seconds'),
    'overrun_mean': ('overrun', 'seconds'),
    'wait_mean': ('wait', 'jobs'),
    'waited_share': ('waited', 'jobs'),
    'served_within': ('within', 'jobs'),
    'timed_out_share': ('timed_out', 'attempts'),
    'queue_mean': ('queue', 'seconds'),
}
"""The two sums of a series that each figure is the ratio of."""
SHARES = ('refusal_share', 'attempts_refusal_share', 'waited_share', 'served_within', 'timed_out_share')
"""Those of them that are shares."""

Quantiles = Callable[[int, float, int], Mapping[str, Interval]]
"""Returns quantiles of the waiting time with their intervals.

Its arguments are the first stretch to count, the confidence level, and the most batches.
"""


class Method(NamedTuple):
    """How intervals were made.

    Attributes:
        confidence: the confidence level, more than 0 and less than 1.
        jobs: the number of jobs, warm-up included.
        left_out: the number of jobs in the warm-up; ``None`` if no warm-up was looked for.
        batches: the number of batches that a single run was cut into; 0 for several runs.
        runs: the number of independent runs.
        by_law: whether the warm-up was computed from the laws of the workload; otherwise it was
            found by MSER-5.
    """

    confidence: float
    jobs: int
    left_out: int | None
    batches: int = 0
    runs: int = 1
    by_law: bool = False


class Estimates(NamedTuple):
    """Figures in the long run with their intervals at 99 %.

    Attributes:
        intervals: the intervals by the names of the figures; empty if the run is too short.
        method: how the intervals were made; ``None`` if there are none.
        caveats: the reasons to doubt them.
        series: the sums behind them, warm-up left out.
        looks: the number of independent looks at the pool that the run amounts to.
        missing: the share of the long-run occupancy that was missing on average, because the pool
            started empty; 0 if that is unknown.
        filling: the seconds that the pool takes to fill up; 0 if that is unknown.
        pace: how fast the pool forgets its past; ``None`` if that is unknown.
    """

    intervals: Mapping[str, Interval]
    method: Method | None
    caveats: tuple[Caveat, ...]
    series: Series
    looks: float = 1.0
    missing: float = 0.0
    filling: float = 0.0
    pace: Pace | None = None

    @property
    def refusal_share(self) -> Interval | None:
        """The share of refused jobs; ``None`` if the run is too short, as for the others."""
        return self.intervals.get('refusal_share')

    @property
    def attempts_refusal_share(self) -> Interval | None:
        """The share of refused attempts."""
        return self.intervals.get('attempts_refusal_share')

    @property
    def occupancy_mean(self) -> Interval | None:
        """Live slots, in all pools together."""
        return self.intervals.get('occupancy_mean')

    @property
    def overrun_mean(self) -> Interval | None:
        """Bodies beyond their slot."""
        return self.intervals.get('overrun_mean')

    @property
    def wait_mean(self) -> Interval | None:
        """The waiting time of all jobs, in seconds."""
        return self.intervals.get('wait_mean')

    @property
    def sound(self) -> bool:
        """Whether no caveat applies to all intervals."""
        return not any(caveat.against_all for caveat in self.caveats)

    def means(self) -> dict[str, float]:
        """Return the mean of each figure that has an interval."""
        return {name: interval.mean for name, interval in self.intervals.items()}

    def caveats_of(self, figure: str) -> tuple[Caveat, ...]:
        """Return the caveats that apply to one figure, such as ``'refusal_share'``."""
        return tuple(caveat for caveat in self.caveats if caveat.concerns(figure))


def estimate(
    series: Series,
    steady: bool,
    pace: Pace | None = None,
    max_size: int = 1,
    pools: int = 1,
    confidence: float = CONFIDENCE,
    *,
    waits: bool = False,
    within: bool = False,
    quantiles: Quantiles = lambda _cut, _confidence, _most: {},
) -> Estimates:
    """Return intervals from batch means.

    The run starts with an empty pool, so if the arrivals follow the same law at all times, the
    warm-up is left out. The laws of the workload say how long it takes; if they are unknown, it is
    found by MSER-5 on the occupancy. For means over time, the time after the last arrival is left
    out as well.

    Args:
        series: the run, from its beginning, in stretches with equal numbers of jobs.
        steady: whether the arrivals follow the same law at all times.
        pace: how fast the pool forgets its past; ``None`` if that is unknown.
        max_size: slots of each pool.
        pools: the number of pools.
        confidence: the confidence level, more than 0 and less than 1.
        waits: whether jobs wait if they find the pool full, so that waiting times are of interest
            even if none was observed.
        within: whether it was counted how many jobs got a slot within some time.
        quantiles: returns the quantiles of the waiting time.
    """
    if len(series.jobs) < min(COUNTS):
        return Estimates({}, None, (too_few_jobs(series),), series)
    known = pace if pace is not None and math.isfinite(pace.memory) else None
    cut, conclusive = _warm_up(series, known) if steady else (0, True)
    rest = series.after(cut)
    start, length = float(series.seconds[:cut].sum()), float(rest.seconds.sum())
    looks = looks_of(rest, known)
    missing = known.missing(start, start + length) if known is not None and steady else 0.0
    filling = known.settled(SETTLED) if known is not None else 0.0
    most = _most_batches(length, known)
    found = _batches(rest, most, confidence, waits, within)
    intervals = {figure: _bounded(figure, each, looks, confidence) for figure, each in found.items()}
    if 'wait_mean' in intervals:
        intervals |= quantiles(cut, confidence, most)
    caveats = [
        *([] if conclusive else [Caveat(WARM_UP_OPEN)]),
        *no_long_run(steady, pace),
        *(short_run(start, length, looks, known) if steady and (pace is None or known is not None) else []),
        *(short_for_overruns(start, length, pace.beyond) if pace and 'overrun_mean' in intervals else []),
        *batches_alike(found),
        *few_events(rest),
        *starts_empty(intervals, missing, max_size, pools, filling),
    ]
    left_out = int(series.jobs[:cut].sum()) if steady else None
    batches = found['refusal_share'].batches
    return Estimates(
        intervals,
        Method(confidence, int(series.jobs.sum()), left_out, batches, by_law=known is not None),
        tuple(caveats),
        rest,
        looks,
        missing,
        filling,
        pace,
    )


def _most_batches(length: float, known: Pace | None) -> int:
    """Return the largest number of batches that are long compared with the pool's memory."""
    if known is None or not known.memory:
        return COUNTS[0]
    return max(COUNTS[-1], min(COUNTS[0], int(length / (BATCH_MEMORIES * known.memory))))


def has_interval(figure: str, series: Series, waits: bool, within: bool) -> bool:
    """Return whether a figure of a run has an interval."""
    match figure:
        case 'occupancy_mean':
            return bool(series.seconds.any())
        case 'overrun_mean':
            return bool(series.seconds.any()) and float(series.expired.sum()) >= RARE
        case 'wait_mean' | 'waited_share':
            return waits or bool(series.waited.any())
        case 'timed_out_share':
            return waits
        case 'queue_mean':
            return waits and bool(series.seconds.any())
        case 'served_within':
            return within
    return True


def _batches(rest: Series, most: int, confidence: float, waits: bool, within: bool) -> dict[str, BatchMeans]:
    """Return the batch means of each figure that has an interval."""
    found: dict[str, BatchMeans] = {}
    for figure, (above, below) in FIGURES.items():
        # Jobs that leave when refused make one attempt each.
        if figure == 'attempts_refusal_share' and not (rest.attempts > rest.jobs).any():
            found[figure] = found['refusal_share']
        elif has_interval(figure, rest, waits, within):
            values, per = getattr(rest, above), getattr(rest, below)
            found[figure] = batch_means(values.tolist(), per.tolist(), confidence, at_most=most)
    return found


def _warm_up(series: Series, known: Pace | None) -> tuple[int, bool]:
    """Return how many stretches to leave out, and whether the end of the warm-up was found."""
    stretches = len(series.jobs)
    if known is not None:
        passed = np.cumsum(series.seconds)
        enough = min(known.settled(SETTLED), float(passed[-1]) / 2)
        cut, conclusive = int(np.searchsorted(passed, enough)) + (enough > 0), True
    else:
        warmup = _mser5(series)
        cut, conclusive = (0, True) if warmup is None else (warmup.cut, warmup.conclusive)
    # A window of a histogram starts with a group of stretches, and must leave enough for batches.
    most = (stretches - max(COUNTS[-1], stretches // 3)) // GROUP * GROUP
    return min(-(-cut // GROUP) * GROUP, most), conclusive


def _mser5(series: Series) -> Warmup | None:
    if len(series.jobs) < _ENOUGH_FOR_WARMUP:
        return None
    lengths = series.seconds
    # The occupancy of a busy pool is steady long before its queue is.
    present = series.occupancy + series.queue
    return mser5(np.divide(present, lengths, out=np.zeros_like(lengths), where=lengths > 0).tolist())


def _bounded(figure: str, found: BatchMeans, looks: float, confidence: float) -> Interval:
    if figure not in SHARES:
        return at_least_zero(found.interval)
    return share_interval(found.interval, found.batches, looks, confidence)


def independent_looks(jobs: float, occupancy: float, seconds: float) -> float:
    """Return the number of independent looks at the pool that a run amounts to.

    Jobs that arrive within one holding time see nearly the same pool, so a run amounts to as many
    looks as its length has mean holding times. By Little's law that is about the number of jobs
    divided by the mean occupancy, and at most the number of jobs.

    Args:
        jobs: the number of jobs.
        occupancy: live slots times seconds.
        seconds: the length of the run.
    """
    return jobs / max(1.0, occupancy / seconds if seconds else 0.0)


def looks_of(series: Series, pace: Pace | None = None) -> float:
    """Return how many independent looks at the pool a series amounts to, at least 1.

    If the pool's memory is known, they are one memory apart; otherwise see
    :func:`independent_looks`.
    """
    jobs, seconds = float(series.jobs.sum()), float(series.seconds.sum())
    if pace is not None and 0 < pace.memory < math.inf:
        return max(1.0, min(jobs, seconds / pace.memory))
    return max(1.0, independent_looks(jobs, float(series.occupancy.sum()), seconds))


def at_least_zero(interval: Interval) -> Interval:
    """Return the interval with its bounds raised to at least 0."""
    return interval._replace(low=max(interval.low, 0.0), high=max(interval.high, 0.0))
