"""What one run says of the long run, and how sure that is."""

from typing import NamedTuple

import numpy as np

from simulations.batches import COUNTS, batch_means
from simulations.intervals import Interval
from simulations.series import Series
from simulations.warmup import Warmup, mser5


CONFIDENCE = 0.99
_ENOUGH_FOR_WARMUP = 100


class Estimates(NamedTuple):
    """Means in the long run with their intervals at 99 %; ``None`` where the run is too short to tell.

    Attributes:
        refusal_share: of jobs.
        attempts_refusal_share: of attempts.
        occupancy_mean: live slots, of all pools together.
        overrun_mean: bodies beyond their slot.
        how: in words: what was left out as warm-up, how many batches there are, and what stands against it.
        sound: whether nothing does.
        series: what they were made of, the warm-up left out.
    """

    refusal_share: Interval | None
    attempts_refusal_share: Interval | None
    occupancy_mean: Interval | None
    overrun_mean: Interval | None
    how: str
    sound: bool
    series: Series


def estimate(series: Series, steady: bool, confidence: float = CONFIDENCE) -> Estimates:
    """Intervals by batch means, of a run that is cut into stretches of equally many jobs.

    Where the arrivals follow the same law at all times, the warm-up is found by MSER-5 on the occupancy and left out:
    the run began empty.  A share that was 0, or 1, in all of n jobs is given the bound that n independent jobs
    would give it, 1 - alpha^(1/n).

    Args:
        series: of the run, from its beginning.
        steady: whether the arrivals follow the same law at all times.
        confidence: how sure, more than 0 and less than 1.
    """
    jobs = int(series.jobs.sum())
    if len(series.jobs) < min(COUNTS):
        how = f'no intervals: {jobs:,} jobs are too few, make at least {min(COUNTS)}'
        return Estimates(None, None, None, None, how, sound=False, series=series)
    warmup = _warmup(series) if steady else None
    rest = series if warmup is None else series.after(warmup.cut)
    found = batch_means(rest.refused.tolist(), rest.jobs.tolist(), confidence)
    refusal_share = bounded_share(found.interval, int(rest.jobs.sum()), confidence)
    attempts = batch_means(rest.attempts_refused.tolist(), rest.attempts.tolist(), confidence)
    timed = bool(rest.seconds.sum())
    words = [f'{100 * confidence:g} % intervals by {found.batches} batch means']
    if warmup is not None:
        out = int(series.jobs[: warmup.cut].sum())
        left_out = f'the first {out:,} of {jobs:,} jobs left out' if out else 'none to leave out'
        words.append(f'warm-up: {left_out} (MSER-5 on the occupancy)')
        if not warmup.conclusive:
            words.append('its end was not found: run longer')
    elif not steady:
        words.append(
            'no warm-up left out, as the arrivals change with time: of the long run only if they go on like this'
        )
    if not found.independent:
        words.append('batches are alike, so the intervals are too narrow: run longer, or make replications')
    return Estimates(
        refusal_share,
        bounded_share(attempts.interval, int(rest.attempts.sum()), confidence),
        batch_means(rest.occupancy.tolist(), rest.seconds.tolist(), confidence).interval if timed else None,
        batch_means(rest.overrun.tolist(), rest.seconds.tolist(), confidence).interval if timed else None,
        '; '.join(words),
        sound=found.independent and (warmup is None or warmup.conclusive) and steady,
        series=rest,
    )


def _warmup(series: Series) -> Warmup | None:
    if len(series.jobs) < _ENOUGH_FOR_WARMUP:
        return None
    lengths = series.seconds
    occupancy = np.divide(series.occupancy, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    return mser5(occupancy.tolist())


def bounded_share(interval: Interval, count: int, confidence: float) -> Interval:
    """The interval of a share of ``count``: within 0 and 1, and with a width where all outcomes were the same."""
    mean, low, high = interval
    bound = (1 - confidence) ** (1 / count)
    if mean == 0:
        return Interval(mean, 0.0, 1 - bound)
    if mean == 1:
        return Interval(mean, bound, 1.0)
    return Interval(mean, max(low, 0.0), min(high, 1.0))
