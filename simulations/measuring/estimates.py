"""Estimates of the long run from a single run, with intervals and caveats."""

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from simulations.measuring.caveats import (
    BATCHES_ALIKE,
    FEW_OVERRUNS,
    NOT_STEADY,
    SHORT_RUN,
    TOO_FEW_JOBS,
    WARM_UP_OPEN,
    Caveat,
)
from simulations.measuring.series import Series
from simulations.statistics.batches import COUNTS, batch_means
from simulations.statistics.intervals import Interval
from simulations.statistics.warmup import Warmup, mser5


CONFIDENCE = 0.99
_ENOUGH_FOR_WARMUP = 100
ENOUGH_LOOKS = 100
"""The length that a run should have at least, in mean holding times."""
RARE = 30
"""With fewer overruns there is no interval of the overrun; with fewer refusals it is widened."""


class Method(NamedTuple):
    """How intervals were made.

    Attributes:
        confidence: the confidence level, more than 0 and less than 1.
        jobs: the number of jobs, warm-up included.
        left_out: the number of jobs in the warm-up; ``None`` if no warm-up was looked for.
        batches: the number of batches that a single run was cut into; 0 for several runs.
        runs: the number of independent runs.
    """

    confidence: float
    jobs: int
    left_out: int | None
    batches: int = 0
    runs: int = 1


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
        memoryless: whether arrivals are memoryless, as in a Poisson process.
    """

    refusal_share: Interval | None
    attempts_refusal_share: Interval | None
    occupancy_mean: Interval | None
    overrun_mean: Interval | None
    method: Method | None
    caveats: tuple[Caveat, ...]
    series: Series
    memoryless: bool = False

    @property
    def sound(self) -> bool:
        """Whether no caveat applies to all intervals."""
        return not any(caveat.against_all for caveat in self.caveats)


def estimate(series: Series, steady: bool, memoryless: bool = False, confidence: float = CONFIDENCE) -> Estimates:
    """Return intervals from batch means.

    The run starts with an empty pool, so if the arrivals follow the same law at all times, the
    warm-up is found by MSER-5 on the occupancy and left out. The time after the last job is left
    out as well.

    Args:
        series: the run, from its beginning, in stretches with equal numbers of jobs.
        steady: whether the arrivals follow the same law at all times.
        memoryless: whether arrivals are memoryless, as in a Poisson process.
        confidence: the confidence level, more than 0 and less than 1.
    """
    jobs = int(series.jobs.sum())
    if len(series.jobs) < min(COUNTS):
        return Estimates(None, None, None, None, None, (Caveat(TOO_FEW_JOBS, jobs),), series, memoryless)
    warmup = _warmup(series) if steady else None
    rest = series if warmup is None else series.after(warmup.cut)
    refused = batch_means(rest.refused.tolist(), rest.jobs.tolist(), confidence)
    attempts = batch_means(rest.attempts_refused.tolist(), rest.attempts.tolist(), confidence)
    found = [refused, attempts]
    timed = bool(rest.seconds.sum())
    occupancy = batch_means(rest.occupancy.tolist(), rest.seconds.tolist(), confidence) if timed else None
    often = timed and rest.expired.sum() >= RARE
    overrun = batch_means(rest.overrun.tolist(), rest.seconds.tolist(), confidence) if often else None
    found += [each for each in (occupancy, overrun) if each is not None]
    independent = all(each.independent for each in found)
    looks = looks_of(rest)
    units = looks if memoryless else refused.batches
    caveats = []
    if warmup is not None and not warmup.conclusive:
        caveats.append(Caveat(WARM_UP_OPEN))
    if not steady:
        caveats.append(Caveat(NOT_STEADY))
    if not independent:
        caveats.append(Caveat(BATCHES_ALIKE))
    if steady and looks < ENOUGH_LOOKS:
        caveats.append(Caveat(SHORT_RUN, looks))
    if timed and not often and rest.expired.any():
        caveats.append(Caveat(FEW_OVERRUNS, float(rest.expired.sum()), 'overrun_mean'))
    left_out = None if warmup is None else int(series.jobs[: warmup.cut].sum())
    return Estimates(
        bounded_share(refused.interval, units, confidence, float(rest.jobs.sum())),
        bounded_share(attempts.interval, units, confidence, float(rest.attempts.sum())),
        None if occupancy is None else at_least_zero(occupancy.interval),
        None if overrun is None else at_least_zero(overrun.interval),
        Method(confidence, jobs, left_out, batches=refused.batches),
        tuple(caveats),
        rest,
        memoryless,
    )


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


def looks_of(series: Series) -> float:
    """Return :func:`independent_looks` of a series."""
    return independent_looks(float(series.jobs.sum()), float(series.occupancy.sum()), float(series.seconds.sum()))


def _warmup(series: Series) -> Warmup | None:
    if len(series.jobs) < _ENOUGH_FOR_WARMUP:
        return None
    lengths = series.seconds
    occupancy = np.divide(series.occupancy, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    return mser5(occupancy.tolist())


def at_least_zero(interval: Interval) -> Interval:
    """Return the interval with its bounds raised to at least 0."""
    return interval._replace(low=max(interval.low, 0.0), high=max(interval.high, 0.0))


def bounded_share(interval: Interval, units: float, confidence: float, count: float = math.inf) -> Interval:
    """Return the interval of a share, within 0 and 1.

    It is wide enough even if all outcomes were the same, or nearly all. An event never seen in n
    independent looks has a probability below 1 - alpha^(1/n). With few refusals, their number is
    skewed and Student's t is too narrow. The interval is then at least as wide as the one that E.
    B. Wilson derived for independent jobs (Journal of the American Statistical Association 22,
    1927).

    Args:
        interval: the interval from batches or runs; it has no width if all agree.
        units: the number of independent looks behind it.
        confidence: the confidence level.
        count: the number of jobs that the share refers to.
    """
    mean, low, high = interval
    bound = (1 - confidence) ** (1 / max(units, 1.0))
    if mean == 0:
        return Interval(mean, 0.0, 1 - bound)
    if mean == 1:
        return Interval(mean, bound, 1.0)
    if count < math.inf and min(mean, 1 - mean) * count < RARE:
        lower, upper = _wilson(mean, count, confidence)
        low, high = min(low, lower), max(high, upper)
    return Interval(mean, max(low, 0.0), min(high, 1.0))


def _wilson(share: float, count: float, confidence: float) -> tuple[float, float]:
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    middle = share + z * z / (2 * count)
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return (middle - half) / (1 + z * z / count), (middle + half) / (1 + z * z / count)
