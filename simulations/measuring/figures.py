"""The figures of a run."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from simulations.history.events import CRASHED, EXPIRED, FAILED, REFUSED, RETRYING, STARTS, WHATS
from simulations.measuring.counts import Spans
from simulations.measuring.series import Window


class Figures(NamedTuple):
    """The figures of a run.

    Counts and peaks are of the entire run, as are ``wait_mean`` and ``recovery_mean``. Shares and
    means over time leave out the warm-up, as the intervals do. Means over time also leave out the
    *drain*, the time after the last arrival, in which the pool runs empty; if all jobs arrive at
    one instant, they are over the entire run. All times are in seconds.

    Attributes:
        jobs: jobs that arrived.
        granted: jobs that got a slot.
        refused: jobs that left without a slot.
        refusal_share: the share of the jobs that was refused, between 0 and 1.
        failed: jobs that left with an error because the store did not answer.
        attempts: attempts to acquire a slot: one for each job, and one more after each pause.
        attempts_refusal_share: the share of the attempts that was refused.
        retries: attempts after the first.
        granted_later: jobs that got a slot at a later attempt.
        wait_mean: the mean time from a job's arrival to its grant; jobs granted at once count as 0.
        wait_longest: the longest of these times.
        throughput: grants a second.
        occupancy_mean: live slots, in all pools together.
        occupancy_peak: the largest number of live slots in one pool.
        utilisation: occupancy_mean as a share of the slots of all pools that were used.
        running_mean: running bodies.
        running_peak: the largest number of bodies running at once, in all pools together.
        expired_while_running: slots that expired before their body ended.
        overrun_mean: bodies that run beyond their slot.
        overrun_peak: the largest number of such bodies at once.
        crashed: holders that crashed before they released.
        recovered: slots of crashed holders that were freed by expiry.
        recovery_mean: the mean time from the crash until the slot was freed.
        recovery_longest: the longest of these times.
        pools: the number of keys that were used.
        first: the instant of the first arrival; 0 if no job arrived.
        last: the instant of the last event.
        warm_up: the time left out at the beginning, because the pool starts empty.
        drain: the time from the last arrival to the last event.
    """

    jobs: int
    granted: int
    refused: int
    refusal_share: float
    failed: int
    attempts: int
    attempts_refusal_share: float
    retries: int
    granted_later: int
    wait_mean: float
    wait_longest: float
    throughput: float
    occupancy_mean: float
    occupancy_peak: int
    utilisation: float
    running_mean: float
    running_peak: int
    expired_while_running: int
    overrun_mean: float
    overrun_peak: int
    crashed: int
    recovered: int
    recovery_mean: float
    recovery_longest: float
    pools: int
    first: float
    last: float
    warm_up: float = 0.0
    drain: float = 0.0

    @property
    def measured(self) -> float:
        """The length of the time that means are over, in seconds."""
        arriving = self.last - self.first - self.warm_up - self.drain
        return arriving if arriving > 0 else self.last - self.first

    @property
    def answered(self) -> int:
        """Attempts that were granted or refused, rather than failed."""
        return self.attempts - self.failed


def weighted_mean(runs: Sequence[Figures], name: str, weights: Sequence[float]) -> float:
    """Return the weighted mean of a figure over several runs; 0 if all weights are 0."""
    total = sum(weights)
    if not total:
        return 0.0
    return float(sum(getattr(run, name) * weight for run, weight in zip(runs, weights, strict=True)) / total)


class Tally:
    """A running count of the events."""

    def __init__(self) -> None:
        self._counts = np.zeros(len(WHATS), np.int64)
        self._first: float | None = None
        self._last = 0.0
        self._peaks = np.zeros(3, np.int64)
        self._occupancy_peak = 0
        self._waits = (0, 0.0, 0.0)

    def add(self, spans: Spans) -> None:
        """Count the next events."""
        block = spans.block
        if self._first is None:
            self._first = float(block.times[0])
        self._last = float(block.times[-1])
        self._counts += np.bincount(block.whats, minlength=len(WHATS))
        self._peaks = np.maximum(self._peaks, spans.after.max(axis=1))
        self._occupancy_peak = max(self._occupancy_peak, int(block.occupancy.max()))

    def waited(self, seconds: float) -> None:
        """Count a job that was granted a slot at a later attempt, ``seconds`` after its arrival."""
        count, total, longest = self._waits
        self._waits = (count + 1, total + seconds, max(longest, seconds))

    def figures(
        self, pools: int, max_size: int, recoveries: tuple[int, float, float], window: Window, warm_up: float
    ) -> Figures:
        """Return the figures so far.

        Args:
            pools: the number of keys that were used.
            max_size: slots of each pool.
            recoveries: as counted by :class:`simulations.judging.model.Model`.
            window: the part of the run that shares and means are about.
            warm_up: the seconds left out before it.
        """
        counts = self._counts.tolist()
        granted, refused = sum(counts[what] for what in STARTS), counts[REFUSED]
        retrying, failed = counts[RETRYING], counts[FAILED]
        jobs = granted + refused + failed
        attempts = jobs + retrying
        later, waited, longest_wait = self._waits
        recovered, recovery, longest_recovery = recoveries
        first = 0.0 if self._first is None else self._first
        sums = {name: float(column.sum()) for name, column in window.series._asdict().items()}

        def ratio(above: str, below: str) -> float:
            return sums[above] / sums[below] if sums[below] else 0.0

        occupancy_mean = ratio('occupancy', 'seconds')
        return Figures(
            jobs=jobs,
            granted=granted,
            refused=refused,
            refusal_share=ratio('refused', 'jobs'),
            failed=failed,
            attempts=attempts,
            attempts_refusal_share=ratio('attempts_refused', 'attempts'),
            retries=retrying,
            granted_later=later,
            wait_mean=waited / granted if granted else 0.0,
            wait_longest=longest_wait,
            throughput=ratio('granted', 'seconds'),
            occupancy_mean=occupancy_mean,
            occupancy_peak=self._occupancy_peak,
            utilisation=occupancy_mean / (max_size * pools) if pools else 0.0,
            running_mean=ratio('running', 'seconds'),
            running_peak=int(self._peaks[1]),
            expired_while_running=counts[EXPIRED],
            overrun_mean=ratio('overrun', 'seconds'),
            overrun_peak=int(self._peaks[2]),
            crashed=counts[CRASHED],
            recovered=recovered,
            recovery_mean=recovery / recovered if recovered else 0.0,
            recovery_longest=longest_recovery,
            pools=pools,
            first=first,
            last=self._last,
            warm_up=warm_up,
            drain=self._last - window.end if jobs else 0.0,
        )
