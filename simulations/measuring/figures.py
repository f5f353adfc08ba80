"""The figures of a run."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulations.history.events import CRASHED, EXPIRED, FAILED, REFUSED, RETRYING, STARTS, WHATS
from simulations.measuring.counts import Spans
from simulations.measuring.time_shares import Shares, mean


class Figures(NamedTuple):
    """What came of a run.  Means are over time, from the first arrival to the last event; all times are in seconds.

    Attributes:
        jobs: how many arrived.
        granted: how many got a slot.
        refused: how many left without one.
        refusal_share: refused / jobs, between 0 and 1.
        failed: how many left with an error, as the store did not answer.
        attempts: how often a slot was asked for: once by each job, and once more after each pause.
        attempts_refusal_share: of the attempts.
        retries: attempts after the first.
        granted_later: jobs that got a slot at a later attempt.
        wait_mean: from a job's arrival to its grant, those granted at once included.
        wait_longest: the longest of these.
        throughput: grants a second.
        occupancy_mean: live slots, of all pools together where there are many.
        occupancy_peak: the most live slots that one pool had.
        utilisation: occupancy_mean as a share of all slots of the pools that were asked.
        running_mean: bodies that run.
        running_peak: the most bodies that ran at once, of all pools together.
        expired_while_running: slots that expired before their body ended.
        overrun_mean: bodies that run beyond their slot.
        overrun_peak: the most of them at once.
        crashed: holders that crashed before they released.
        recovered: slots of crashed holders that came back, by expiry.
        recovery_mean: from the crash until the slot was back.
        recovery_longest: the longest of these.
        pools: how many keys were asked.
        first: the instant of the first arrival; 0 if none came.
        last: the instant of the last event.
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

    @property
    def answered(self) -> int:
        """Attempts that were granted or refused, and did not fail."""
        return self.attempts - self.failed


def weighted_mean(runs: Sequence[Figures], name: str, weights: Sequence[float]) -> float:
    """The mean of a figure over several runs, each with its weight; 0 where these are all 0."""
    whole = sum(weights)
    if not whole:
        return 0.0
    return float(sum(getattr(run, name) * weight for run, weight in zip(runs, weights, strict=True)) / whole)


class Tally:
    """Counts events as they come."""

    def __init__(self) -> None:
        self._counts = np.zeros(len(WHATS), np.int64)
        self._first: float | None = None
        self._last = 0.0
        self._peaks = np.zeros(3, np.int64)
        self._occupancy_peak = 0
        self._shares = Shares(), Shares(), Shares()
        self._waits = (0, 0.0, 0.0)

    def add(self, spans: Spans) -> None:
        """Count the events that follow."""
        block = spans.block
        if self._first is None:
            self._first = float(block.times[0])
        self._last = float(block.times[-1])
        self._counts += np.bincount(block.whats, minlength=len(WHATS))
        self._peaks = np.maximum(self._peaks, spans.after.max(axis=1))
        self._occupancy_peak = max(self._occupancy_peak, int(block.occupancy.max()))
        for shares, level in zip(self._shares, spans.before, strict=True):
            shares.add(level, spans.seconds)

    def waited(self, seconds: float) -> None:
        """A job was granted a slot after its first attempt."""
        count, whole, longest = self._waits
        self._waits = (count + 1, whole + seconds, max(longest, seconds))

    def occupancy_shares(self) -> NDArray[np.float64]:
        """For what share of the time 0, 1, 2, ... slots were live, of all pools together."""
        return self._shares[0].shares()

    def overrun_shares(self) -> NDArray[np.float64]:
        """For what share of the time 0, 1, 2, ... bodies ran beyond their slot."""
        return self._shares[2].shares()

    def figures(self, pools: int, max_size: int, recoveries: tuple[int, float, float]) -> Figures:
        """What it comes to so far; ``recoveries`` as :class:`simulations.judging.model.Model` counts them."""
        counts = self._counts.tolist()
        granted, refused = sum(counts[what] for what in STARTS), counts[REFUSED]
        retrying, failed = counts[RETRYING], counts[FAILED]
        jobs = granted + refused + failed
        attempts = jobs + retrying
        later, waited, longest_wait = self._waits
        recovered, recovery, longest_recovery = recoveries
        first = 0.0 if self._first is None else self._first
        occupancy_mean = mean(self.occupancy_shares()) if jobs else 0.0
        return Figures(
            jobs=jobs,
            granted=granted,
            refused=refused,
            refusal_share=refused / jobs if jobs else 0.0,
            failed=failed,
            attempts=attempts,
            attempts_refusal_share=(refused + retrying) / attempts if attempts else 0.0,
            retries=retrying,
            granted_later=later,
            wait_mean=waited / granted if granted else 0.0,
            wait_longest=longest_wait,
            throughput=granted / (self._last - first) if self._last > first else 0.0,
            occupancy_mean=occupancy_mean,
            occupancy_peak=self._occupancy_peak,
            utilisation=occupancy_mean / (max_size * pools) if pools else 0.0,
            running_mean=mean(self._shares[1].shares()) if jobs else 0.0,
            running_peak=int(self._peaks[1]),
            expired_while_running=counts[EXPIRED],
            overrun_mean=mean(self.overrun_shares()) if jobs else 0.0,
            overrun_peak=int(self._peaks[2]),
            crashed=counts[CRASHED],
            recovered=recovered,
            recovery_mean=recovery / recovered if recovered else 0.0,
            recovery_longest=longest_recovery,
            pools=pools,
            first=first,
            last=self._last,
        )
