"""Estimates of the long run from a single run, with intervals and caveats."""

import math
from typing import NamedTuple

import numpy as np

from simulations.measuring.caveats import (
    BATCHES_ALIKE,
    FEW_OVERRUNS,
    FEW_REFUSALS,
    HEAVY_TAIL,
    NOT_STEADY,
    SHORT_RUN,
    STARTS_EMPTY,
    TOO_FEW_JOBS,
    WARM_UP_OPEN,
    Caveat,
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
ENOUGH_MEMORIES = 100
"""The length that a run should have at least, in units of the pool's memory."""
BATCH_MEMORIES = 10
"""The length that a batch should have at least, in units of the pool's memory."""
BIAS = 0.2
"""A shift by the empty start gets a caveat if it is more than this share of a half-width."""
RARE = 30
"""With fewer overruns there is no interval of the overrun."""
FEW = 30
"""With fewer refusals, unless there are none, the interval has a caveat."""
_ENOUGH_FOR_WARMUP = 100
_ROUNDING = 1e-9


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
    """Means in the long run with their intervals at 99 %; ``None`` if the run is too short.

    Attributes:
        refusal_share: the share of refused jobs.
        attempts_refusal_share: the share of refused attempts.
        occupancy_mean: live slots, in all pools together.
        overrun_mean: bodies beyond their slot.
        method: how the intervals were made; ``None`` if there are none.
        caveats: the reasons to doubt them.
        series: the sums behind them, warm-up left out.
        looks: the number of independent looks at the pool that the run amounts to.
        missing: the share of the long-run occupancy that was missing on average, because the pool
            started empty; 0 if that is unknown.
        filling: the seconds that the pool takes to fill up; 0 if that is unknown.
    """

    refusal_share: Interval | None
    attempts_refusal_share: Interval | None
    occupancy_mean: Interval | None
    overrun_mean: Interval | None
    method: Method | None
    caveats: tuple[Caveat, ...]
    series: Series
    looks: float = 1.0
    missing: float = 0.0
    filling: float = 0.0

    @property
    def sound(self) -> bool:
        """Whether no caveat applies to all intervals."""
        return not any(caveat.against_all for caveat in self.caveats)

    def means(self) -> dict[str, float]:
        """Return the mean of each figure that has an interval."""
        found = {name: getattr(self, name) for name in self._fields[:4]}
        return {name: interval.mean for name, interval in found.items() if interval is not None}

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
    """
    jobs = int(series.jobs.sum())
    if len(series.jobs) < min(COUNTS):
        return Estimates(None, None, None, None, None, (too_few(series),), series)
    known = pace is not None and math.isfinite(pace.memory)
    cut, conclusive = _warm_up(series, pace) if steady else (0, True)
    rest = series.after(cut)
    start, length = float(series.seconds[:cut].sum()), float(rest.seconds.sum())
    looks = looks_of(rest, pace)
    missing = pace.missing(start, start + length) if pace is not None and steady and known else 0.0
    caveats = [] if conclusive else [Caveat(WARM_UP_OPEN)]
    if not steady:
        caveats.append(Caveat(NOT_STEADY))
    if pace is not None and pace.cause:
        caveats.append(Caveat(pace.cause))
    if steady and pace is not None and known and length < (enough := ENOUGH_MEMORIES * pace.memory):
        caveats.append(Caveat(SHORT_RUN, length, needed=start + enough))
    if steady and pace is None and looks < ENOUGH_MEMORIES:
        caveats.append(Caveat(SHORT_RUN, length, needed=ENOUGH_MEMORIES * length / looks))
    if pace is not None and math.isinf(pace.beyond):
        caveats.append(Caveat(HEAVY_TAIL, figure='overrun_mean'))
    most = COUNTS[0]
    if pace is not None and known and pace.memory:
        most = max(COUNTS[-1], min(most, int(length / (BATCH_MEMORIES * pace.memory))))
    found = {
        'refusal_share': batch_means(rest.refused.tolist(), rest.jobs.tolist(), confidence, at_most=most),
        'attempts_refusal_share': batch_means(
            rest.attempts_refused.tolist(), rest.attempts.tolist(), confidence, at_most=most
        ),
    }
    if length:
        seconds = rest.seconds.tolist()
        found['occupancy_mean'] = batch_means(rest.occupancy.tolist(), seconds, confidence, at_most=most)
        if rest.expired.sum() >= RARE:
            found['overrun_mean'] = batch_means(rest.overrun.tolist(), seconds, confidence, at_most=most)
    if not (rest.attempts > rest.jobs).any():
        # Jobs that leave when refused make one attempt each: one doubt, not two.
        found['attempts_refusal_share'] = found['refusal_share']
    # Batches that differ only by rounding are equal, not correlated.
    alike = {
        id(each): figure
        for figure, each in reversed(found.items())
        if not each.independent and each.interval.half_width > _ROUNDING * abs(each.interval.mean)
    }
    caveats += [Caveat(BATCHES_ALIKE, figure=figure) for figure in alike.values()]
    intervals = {figure: _bounded(figure, each, looks, confidence) for figure, each in found.items()}
    filling = pace.settled(SETTLED) if pace is not None and known else 0.0
    caveats += few(rest) + starts_empty(intervals, missing, max_size, pools, filling)
    return Estimates(
        intervals['refusal_share'],
        intervals['attempts_refusal_share'],
        intervals.get('occupancy_mean'),
        intervals.get('overrun_mean'),
        Method(
            confidence,
            jobs,
            int(series.jobs[:cut].sum()) if steady else None,
            batches=found['refusal_share'].batches,
            by_law=known,
        ),
        tuple(caveats),
        rest,
        looks,
        missing,
        filling,
    )


def too_few(series: Series) -> Caveat:
    """Return the caveat of a run that cannot be cut into batches."""
    jobs, stretches = float(series.jobs.sum()), len(series.jobs)
    return Caveat(TOO_FEW_JOBS, jobs, needed=math.ceil(min(COUNTS) * jobs / stretches) if stretches else min(COUNTS))


def _warm_up(series: Series, pace: Pace | None) -> tuple[int, bool]:
    """Return how many stretches to leave out, and whether the end of the warm-up was found."""
    stretches = len(series.jobs)
    if pace is not None and math.isfinite(pace.memory):
        passed = np.cumsum(series.seconds)
        enough = min(pace.settled(SETTLED), float(passed[-1]) / 2)
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
    occupancy = np.divide(series.occupancy, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    return mser5(occupancy.tolist())


def _bounded(figure: str, found: BatchMeans, looks: float, confidence: float) -> Interval:
    if not figure.endswith('share'):
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


def few(series: Series) -> list[Caveat]:
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
    hundredths as slots are free.

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
        shift = (interval.mean or interval.high) * missing
        if figure.endswith('share'):
            shift *= 1 + max(0.0, max_size - (occupancy.mean / pools if occupancy else 0.0))
        if shift > BIAS * interval.half_width:
            caveats.append(Caveat(STARTS_EMPTY, missing, figure, filling))
    return caveats


def at_least_zero(interval: Interval) -> Interval:
    """Return the interval with its bounds raised to at least 0."""
    return interval._replace(low=max(interval.low, 0.0), high=max(interval.high, 0.0))
