"""How long jobs waited: from their arrival until they got a slot or left.

A job whose first request was answered at once, with a slot or with a refusal, has not waited.  The
times are kept in buckets that are one per cent wide, for each group of stretches of the run, so the
memory does not grow with the run; a quantile is the mean of the times in its bucket.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulations.history.events import FAILED, REFUSED, STARTS, WHATS, Block
from simulations.measuring.time_shares import GROUP
from simulations.statistics.batches import COUNTS, batch_means
from simulations.statistics.intervals import Interval


_OUTCOME = np.isin(np.arange(len(WHATS)), (*STARTS, REFUSED, FAILED))
QUANTILES = {'wait_p50': 0.5, 'wait_p95': 0.95, 'wait_p99': 0.99}
"""The share of the jobs that wait no longer than each of these figures."""
_PER_FOLD = 100
"""How many buckets there are between a time and e times that time."""
_ROUNDING = 1e-9
_SHORTEST = 1e-12
"""In seconds: shorter times are in the first bucket."""


class WaitTimes(NamedTuple):
    """How long the jobs of a run waited, warm-up left out.

    Attributes:
        jobs: how many jobs there were, including those that did not wait.
        counts: how many jobs waited, in each bucket that any did, from short to long times.
        means: the mean time in each of these buckets, in seconds.

    Example::

        waits.quantile(0.95), waits.beyond(1.0)
    """

    jobs: float
    counts: NDArray[np.float64]
    means: NDArray[np.float64]

    def quantile(self, share: float) -> float:
        """Return the time in seconds that this share of the jobs does not exceed."""
        at_once = self.jobs - float(self.counts.sum())
        if not len(self.counts) or share * self.jobs <= at_once + 1e-9:
            return 0.0
        place = int(np.searchsorted(at_once + np.cumsum(self.counts), share * self.jobs - 1e-9))
        return float(self.means[min(place, len(self.means) - 1)])

    def beyond(self, seconds: float) -> float:
        """Return the share of the jobs that waited longer than so many seconds."""
        return float(self.counts[self.means > seconds].sum()) / self.jobs if self.jobs else 0.0

    @classmethod
    def together(cls, runs: 'Sequence[WaitTimes]') -> 'WaitTimes':
        """Return the times of several runs."""
        means = np.concatenate([run.means for run in runs])
        order = np.argsort(means, kind='stable')
        return cls(sum(run.jobs for run in runs), np.concatenate([run.counts for run in runs])[order], means[order])


class Waits:
    """The waiting times of the jobs whose outcome is known, from the beginning of a run."""

    def __init__(self) -> None:
        self._pending: dict[int, float] = {}

    def note(self, job: int, seconds: float) -> None:
        """Note how long a job has waited, before the event of its outcome."""
        self._pending[job] = seconds

    def of(self, block: Block) -> NDArray[np.float64]:
        """Return for each of the next events how long its job waited: 0 if it is no outcome."""
        waits = np.zeros(len(block.times))
        if not self._pending:
            return waits
        jobs = np.fromiter(self._pending, np.int64, len(self._pending))
        seconds = np.fromiter(self._pending.values(), np.float64, len(jobs))
        order = np.argsort(jobs)
        jobs, seconds = jobs[order], seconds[order]
        rows = np.flatnonzero(_OUTCOME[block.whats])
        places = np.minimum(np.searchsorted(jobs, block.jobs[rows]), len(jobs) - 1)
        found = jobs[places] == block.jobs[rows]
        waits[rows[found]] = seconds[places[found]]
        taken = np.zeros(len(jobs), bool)
        taken[places[found]] = True
        self._pending = dict(zip(jobs[~taken].tolist(), seconds[~taken].tolist(), strict=True))
        return waits


class WaitHistogram:
    """The waiting times in buckets, for each group of stretches.

    Args:
        stretches: the largest number of stretches.
        patience: a time after which many jobs give up, in seconds; infinite if there is none. It
            is not mixed with shorter times.
    """

    def __init__(self, stretches: int, patience: float = math.inf) -> None:
        self._patience = patience * (1 - _ROUNDING)
        groups = stretches // GROUP
        self._lowest = 0
        self._counts = np.zeros((groups, 0))
        self._sums = np.zeros((groups, 0))

    def add(self, stretch: NDArray[np.int64], waits: NDArray[np.float64]) -> None:
        """Add the times that are more than 0; each belongs to a stretch."""
        rows = np.flatnonzero(waits)
        if not len(rows):
            return
        seconds = waits[rows]
        bucket = np.floor(np.log(np.maximum(seconds, _SHORTEST)) * _PER_FOLD).astype(np.int64)
        bucket += seconds >= self._patience
        self._make_room(int(bucket.min()), int(bucket.max()))
        where = stretch[rows] // GROUP, bucket - self._lowest
        np.add.at(self._counts, where, 1.0)
        np.add.at(self._sums, where, seconds)

    def _make_room(self, lowest: int, highest: int) -> None:
        width = self._counts.shape[1]
        before = self._lowest - lowest if width else 0
        after = highest - self._lowest - width + 1 if width else highest - lowest + 1
        if not width:
            self._lowest = lowest
        if before <= 0 and after <= 0:
            return
        # Some more, because the next times are likely to be just beyond these.
        before, after = (each + _PER_FOLD if each > 0 else 0 for each in (before, after))
        self._lowest -= before
        self._counts, self._sums = (np.pad(each, ((0, 0), (before, after))) for each in (self._counts, self._sums))

    def join(self) -> None:
        """Merge neighbouring pairs of groups."""
        for each in (self._counts, self._sums):
            half = len(each) // 2
            each[:half] = each.reshape(half, 2, -1).sum(axis=1)
            each[half:] = 0

    def times(self, cut: int, jobs: float) -> WaitTimes:
        """Return the times from stretch ``cut`` on, in which ``jobs`` got a slot or left."""
        counts = self._counts[cut // GROUP :].sum(axis=0)
        used = np.flatnonzero(counts)
        sums = self._sums[cut // GROUP :, used].sum(axis=0)
        return WaitTimes(jobs, counts[used], sums / counts[used])

    def quantile_intervals(
        self, cut: int, jobs: NDArray[np.float64], confidence: float, at_most: int
    ) -> dict[str, Interval]:
        """Return the quantiles with intervals, from the share of jobs beyond each in batches.

        The bounds are the quantiles at the bounds of that share.  A quantile that all jobs may well
        have stayed below by chance has no interval: with 99 % confidence, the 99 % quantile needs
        528 jobs.

        Args:
            cut: the first stretch to count.
            jobs: how many jobs got a slot or left in each stretch from there on.
            confidence: the confidence level, more than 0 and less than 1.
            at_most: the largest number of batches.
        """
        starts = np.arange(0, len(jobs), GROUP)
        if len(starts) < min(COUNTS):
            return {}
        per = np.add.reduceat(jobs, starts)
        times = self.times(cut, float(per.sum()))
        groups = self._counts[cut // GROUP :][: len(per)]
        counts, sums = groups.sum(axis=0), self._sums[cut // GROUP :].sum(axis=0)
        means = np.divide(sums, counts, out=np.zeros_like(sums), where=counts > 0)
        found = {}
        for name, share in QUANTILES.items():
            if times.jobs * math.log(share) > math.log((1 - confidence) / 2):
                continue
            middle = times.quantile(share)
            beyond = groups[:, means > middle].sum(axis=1)
            off = batch_means(beyond.tolist(), per.tolist(), confidence, at_most=at_most).interval.half_width
            low, high = times.quantile(max(share - off, 0.0)), times.quantile(min(share + off, 1.0))
            found[name] = Interval(middle, low, high)
        return found


def pooled_quantiles(runs: Sequence[WaitTimes]) -> dict[str, float]:
    """Return the quantiles of the jobs of several runs together."""
    times = WaitTimes.together(runs)
    return {name: times.quantile(share) for name, share in QUANTILES.items()}
