"""The figures of a run."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulations.history.events import (
    BODY_ENDS,
    CRASHED,
    EXPIRED,
    FAILED,
    LOST,
    REFUSED,
    RENEWED,
    RETRYING,
    STARTS,
    TIMED_OUT,
    WHATS,
    Block,
)
from simulations.measuring.counts import IN_QUEUE, ROWS, Spans
from simulations.measuring.overtakings import Overtakings
from simulations.measuring.series import Window
from simulations.measuring.waits import QUANTILES


class Figures(NamedTuple):
    """The figures of a run.

    Counts and peaks are of the entire run, as are ``wait_mean_granted`` and ``recovery_mean``.
    Shares, means over time and the other waiting times leave out the warm-up, as the intervals do.
    Means over time also leave out the *drain*, the time after the last arrival, in which the pool
    runs empty; if all jobs arrive at one instant, they are over the entire run. All times are in
    seconds.

    The *waiting time* of a job is the time from its arrival until it got a slot or left. It is 0 if
    its first request was answered at once, with a slot or with a refusal.

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
        wait_mean: the mean waiting time of all jobs.
        wait_p50, wait_p95, wait_p99: the waiting time that this share of the jobs does not exceed.
        wait_longest: the longest waiting time, of the entire run.
        wait_mean_granted: the mean time from a job's arrival to its grant, of the jobs that got a
            slot; jobs granted at once count as 0.
        waited_share: the share of the jobs that waited.
        served_within: the share of the jobs that got a slot within the time that was asked about;
            ``None`` if none was.
        timed_out: attempts whose wait timed out.
        timed_out_share: the share of the attempts that timed out.
        queue_mean: waiting jobs, in the queues of all pools together.
        queue_peak: the largest number of jobs that waited at once, in all pools together.
        overtakings: grants to a job while one that had arrived earlier at the same pool still
            wanted a slot.
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
        renewals: how often a slot was renewed.
        lost: slots that their holders lost while their bodies ran, as these holders know.
        lost_running: the time for which their bodies ran on, in total.
        lost_running_longest: the longest of these times.
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
    wait_p50: float
    wait_p95: float
    wait_p99: float
    wait_longest: float
    wait_mean_granted: float
    waited_share: float
    served_within: float | None
    timed_out: int
    timed_out_share: float
    queue_mean: float
    queue_peak: int
    overtakings: int
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
    renewals: int = 0
    lost: int = 0
    lost_running: float = 0.0
    lost_running_longest: float = 0.0

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


OF_RENEWAL = ('renewals', 'lost', 'lost_running', 'lost_running_longest')
"""The figures of runs whose slots are renewed."""


_GRANTED = np.isin(np.arange(len(WHATS)), STARTS)


class _Losses:
    """How long bodies run on after their holders lost their slots.

    Attributes:
        total: the sum of these times, in seconds.
        longest: the longest.
    """

    def __init__(self) -> None:
        self.total = 0.0
        self.longest = 0.0
        self._since: dict[int, float] = {}

    def add(self, block: Block) -> None:
        """Take the next events."""
        if not self._since and not (block.whats == LOST).any():
            return
        telling = np.isin(block.whats, (LOST, *BODY_ENDS))
        columns = (column[telling].tolist() for column in (block.times, block.whats, block.jobs))
        for instant, what, job in zip(*columns, strict=True):
            if what == LOST:
                self._since[job] = instant
            elif (since := self._since.pop(job, None)) is not None:
                self.total += instant - since
                self.longest = max(self.longest, instant - since)


class Tally:
    """A running count of the events."""

    def __init__(self) -> None:
        self._counts = np.zeros(len(WHATS), np.int64)
        self._first: float | None = None
        self._last = 0.0
        self._peaks = np.zeros(ROWS, np.int64)
        self._occupancy_peak = 0
        self._later = 0
        self._granted_wait = 0.0
        self._longest_wait = 0.0
        self._losses = _Losses()
        self._overtakings = Overtakings()

    def add(self, spans: Spans, waits: NDArray[np.float64]) -> None:
        """Count the next events, each with the seconds for which its job waited."""
        block = spans.block
        if self._first is None:
            self._first = float(block.times[0])
        self._last = float(block.times[-1])
        self._counts += np.bincount(block.whats, minlength=len(WHATS))
        self._peaks = np.maximum(self._peaks, spans.after.max(axis=1))
        self._occupancy_peak = max(self._occupancy_peak, int(block.occupancy.max()))
        self._losses.add(block)
        self._overtakings.add(block)
        if waits.any():
            self._granted_wait += float(waits @ _GRANTED[block.whats])
            self._longest_wait = max(self._longest_wait, float(waits.max()))

    def granted_later(self) -> None:
        """Count a job that was granted a slot at a later attempt than its first."""
        self._later += 1

    def figures(
        self,
        pools: int,
        size_mean: float,
        recoveries: tuple[int, float, float],
        window: Window,
        warm_up: float,
        within: float | None = None,
    ) -> Figures:
        """Return the figures so far.

        Args:
            pools: the number of keys that were used.
            size_mean: slots of each pool, on average over the window.
            recoveries: as counted by :class:`simulations.judging.model.Model`.
            window: the part of the run that shares and means are about.
            warm_up: the seconds left out before it.
            within: the seconds within which the jobs of ``served_within`` got a slot.
        """
        counts = self._counts.tolist()
        granted, refused = sum(counts[what] for what in STARTS), counts[REFUSED]
        retrying, failed = counts[RETRYING], counts[FAILED]
        jobs = granted + refused + failed
        attempts = jobs + retrying
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
            granted_later=self._later,
            wait_mean=ratio('wait', 'jobs'),
            **{name: window.waits.quantile(share) for name, share in QUANTILES.items()},
            wait_longest=self._longest_wait,
            wait_mean_granted=self._granted_wait / granted if granted else 0.0,
            waited_share=ratio('waited', 'jobs'),
            served_within=None if within is None else ratio('within', 'jobs'),
            timed_out=counts[TIMED_OUT],
            timed_out_share=ratio('timed_out', 'attempts'),
            queue_mean=ratio('queue', 'seconds'),
            queue_peak=int(self._peaks[IN_QUEUE]),
            overtakings=self._overtakings.count,
            throughput=ratio('granted', 'seconds'),
            occupancy_mean=occupancy_mean,
            occupancy_peak=self._occupancy_peak,
            utilisation=occupancy_mean / (size_mean * pools) if pools else 0.0,
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
            renewals=counts[RENEWED],
            lost=counts[LOST],
            lost_running=self._losses.total,
            lost_running_longest=self._losses.longest,
        )
