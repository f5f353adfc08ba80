"""What is computed during a run: figures, timeline, hash, an interesting part, and the history."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulations.history.events import Block
from simulations.history.history import Digest, History
from simulations.history.recorder import Recorder
from simulations.measuring.counts import Levels
from simulations.measuring.estimates import Estimates, estimate
from simulations.measuring.figures import Figures, Tally
from simulations.measuring.holders import Part, PartKeeper
from simulations.measuring.pace import Pace
from simulations.measuring.series import SeriesMaker
from simulations.measuring.timeline import Timeline
from simulations.measuring.waits import Waits, WaitTimes


class Observed(NamedTuple):
    """The observations of a run.

    Attributes:
        figures: the figures.
        estimates: the figures in the long run, with intervals.
        waits: how long jobs waited, warm-up left out.
        occupancy_shares: the share of the time at which 0, 1, 2, ... slots were live, in all pools
            together.
        overrun_shares: the share of the time at which 0, 1, 2, ... bodies ran beyond their slot.
        timeline: occupancy and running bodies over time.
        part: who held a slot and when, in the most interesting part of the run.
        history_hash: a hash that is equal for two runs with exactly the same events.
        kept: every event, if they were kept.
    """

    figures: Figures
    estimates: Estimates
    waits: WaitTimes
    occupancy_shares: NDArray[np.float64]
    overrun_shares: NDArray[np.float64]
    timeline: Timeline
    part: Part
    history_hash: str
    kept: History | None


class Observer:
    """An observer that receives the events of a run block by block.

    Args:
        keep: keep every event as well.
        together: the number of jobs that arrive together; no such batch is divided.
        within: count the jobs that got a slot within so many seconds; ``None`` for no such figure.
        patience: the seconds after which many jobs give up; infinite if there is no such time.

    Attributes:
        recorder: records events one by one; :meth:`take` accepts them in blocks instead.
        names: the keys of the pools, in order of their numbers.
        waited: is called with a job and how many seconds it waited, before the event of its
            outcome; not for jobs whose first request was answered at once.
    """

    def __init__(self, keep: bool, together: int = 1, within: float | None = None, patience: float = math.inf) -> None:
        self.names: list[str] = []
        self.history = History(self.names) if keep else None
        self._within = within
        self.tally, self.timeline = Tally(), Timeline()
        self.series = SeriesMaker(together, within or 0.0, patience)
        self._waits = Waits()
        self.waited = self._waits.note
        self.parts, self._digest, self._levels = PartKeeper(), Digest(), Levels()
        self.recorder = Recorder([self.take], self.names)

    def take(self, block: Block) -> None:
        """Take the next events."""
        spans, waits = self._levels.spans(block), self._waits.of(block)
        self.tally.add(spans, waits)
        self.series.add(spans, waits)
        self.timeline.add(spans)
        self.parts.add(block)
        self._digest.add(block)
        if self.history is not None:
            self.history.add(block)

    def observed(
        self,
        max_size: int,
        recoveries: tuple[int, float, float],
        *,
        steady: bool,
        pace: Pace | None,
        waits: bool = False,
        sizes: Callable[[float, float], float] | None = None,
    ) -> Observed:
        """Return the observations.

        Args:
            max_size: slots of each pool.
            recoveries: as counted by :class:`simulations.judging.model.Model`.
            steady, pace: passed to :func:`simulations.measuring.estimates.estimate`.
            waits: whether jobs wait if they find the pool full.
            sizes: returns the mean size of a pool between two instants, in seconds after the first
                arrival, if it changes.
        """
        series = self.series.series()
        estimates = estimate(
            series,
            steady,
            pace,
            max_size,
            max(1, len(self.names)),
            waits=waits,
            within=self._within is not None,
            quantiles=self.series.quantile_intervals,
        )
        cut = len(series.jobs) - len(estimates.series.jobs)
        window = self.series.window(cut)
        warm_up = float(series.seconds[:cut].sum())
        size_mean = float(max_size) if sizes is None else sizes(warm_up, warm_up + float(window.series.seconds.sum()))
        return Observed(
            figures=self.tally.figures(len(self.names), size_mean, recoveries, window, warm_up, self._within),
            estimates=estimates,
            waits=window.waits,
            occupancy_shares=window.occupancy,
            overrun_shares=window.overrun,
            timeline=self.timeline,
            part=self.parts.part(),
            history_hash=self._digest.hexdigest(self.names),
            kept=self.history,
        )


def figures_as_estimated(figures: Figures, estimates: Estimates) -> Figures:
    """Return the figures with the means of the estimates.

    The same sums, added in another order, differ in the last digit, and a mean should not lie
    outside its own interval.
    """
    means: dict[str, Any] = estimates.means()
    return figures._replace(**means)
