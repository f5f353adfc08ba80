"""What one run says of the long run, and how sure that is."""

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
"""Holding times that a run should be long."""
RARE = 30
"""Of fewer bodies beyond their slot no interval is made, and that of fewer refusals is made wider."""


class Method(NamedTuple):
    """How intervals were made.

    Attributes:
        confidence: how sure they are, more than 0 and less than 1.
        jobs: how many there were, the warm-up included.
        left_out: of them, those of the warm-up; ``None`` where none was looked for.
        batches: into how many batches one run was cut; 0 for several runs.
        runs: how many independent runs there were.
    """

    confidence: float
    jobs: int
    left_out: int | None
    batches: int = 0
    runs: int = 1


class Estimates(NamedTuple):
    """Means in the long run with their intervals at 99 %; ``None`` where the run is too short to tell.

    Attributes:
        refusal_share: of jobs.
        attempts_refusal_share: of attempts.
        occupancy_mean: live slots, of all pools together.
        overrun_mean: bodies beyond their slot.
        method: how the intervals were made; ``None`` where there are none.
        caveats: what stands against them.
        series: what they were made of, the warm-up left out.
        memoryless: whether one arrival tells nothing of the next.
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
        """Whether nothing stands against all of the intervals."""
        return not any(caveat.against_all for caveat in self.caveats)


def estimate(series: Series, steady: bool, memoryless: bool = False, confidence: float = CONFIDENCE) -> Estimates:
    """Intervals by batch means, of a run that is cut into stretches of equally many jobs.

    Where the arrivals follow the same law at all times, the warm-up is found by MSER-5 on the occupancy and left out:
    the run began empty.  So is what comes after the last job.

    Args:
        series: of the run, from its beginning.
        steady: whether the arrivals follow the same law at all times.
        memoryless: whether one arrival tells nothing of the next, as with Poisson's.
        confidence: how sure, more than 0 and less than 1.
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
    """How many times over the pool was seen anew: jobs that come within one holding time see much the same.

    That is the time in holding times; by Little's law the granted jobs divided by the mean occupancy, and no more than
    there are jobs.

    Args:
        jobs: how many.
        occupancy: live slots times seconds.
        seconds: the length of the run.
    """
    return jobs / max(1.0, occupancy / seconds if seconds else 0.0)


def looks_of(series: Series) -> float:
    """The same of a run, or what is left of it."""
    return independent_looks(float(series.jobs.sum()), float(series.occupancy.sum()), float(series.seconds.sum()))


def _warmup(series: Series) -> Warmup | None:
    if len(series.jobs) < _ENOUGH_FOR_WARMUP:
        return None
    lengths = series.seconds
    occupancy = np.divide(series.occupancy, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    return mser5(occupancy.tolist())


def at_least_zero(interval: Interval) -> Interval:
    """The interval of what is never negative."""
    return interval._replace(low=max(interval.low, 0.0), high=max(interval.high, 0.0))


def bounded_share(interval: Interval, units: float, confidence: float, count: float = math.inf) -> Interval:
    """The interval of a share: within 0 and 1, and wide enough where all outcomes were the same, or nearly all.

    What was never seen in n independent looks happens with probability p by less than 1 - alpha^(1/n).  Of a few
    refusals Student's t knows too little, as their number is skewed: then the interval is at least the one that E. B.
    Wilson gave for independent jobs (Journal of the American Statistical Association 22, 1927).

    Args:
        interval: as batches or runs give it, of no width where all agree.
        units: how many independent looks it is of.
        confidence: how sure.
        count: of how many jobs it is the share.
    """
    mean, low, high = interval
    bound = (1 - confidence) ** (1 / max(units, 1.0))
    if mean == 0:
        return Interval(mean, 0.0, 1 - bound)
    if mean == 1:
        return Interval(mean, bound, 1.0)
    if count < math.inf and min(mean, 1 - mean) * count < RARE:
        least, most = _wilson(mean, count, confidence)
        low, high = min(low, least), max(high, most)
    return Interval(mean, max(low, 0.0), min(high, 1.0))


def _wilson(share: float, count: float, confidence: float) -> tuple[float, float]:
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    middle = share + z * z / (2 * count)
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return (middle - half) / (1 + z * z / count), (middle + half) / (1 + z * z / count)
