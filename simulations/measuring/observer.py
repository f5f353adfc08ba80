"""What is computed during a run: figures, timeline, hash, an interesting part, and the history."""

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


class Observed(NamedTuple):
    """The observations of a run.

    Attributes:
        figures: the figures.
        estimates: the figures in the long run, with intervals.
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

    Attributes:
        recorder: records events one by one; :meth:`take` accepts them in blocks instead.
        names: the keys of the pools, in order of their numbers.
        tally: receives how long jobs waited.
    """

    def __init__(self, keep: bool, together: int = 1) -> None:
        self.names: list[str] = []
        self.history = History(self.names) if keep else None
        self.tally, self.series, self.timeline = Tally(), SeriesMaker(together), Timeline()
        self.parts, self._digest, self._levels = PartKeeper(), Digest(), Levels()
        self.recorder = Recorder([self.take], self.names)

    def take(self, block: Block) -> None:
        """Take the next events."""
        spans = self._levels.spans(block)
        self.tally.add(spans)
        self.series.add(spans)
        self.timeline.add(spans)
        self.parts.add(block)
        self._digest.add(block)
        if self.history is not None:
            self.history.add(block)

    def observed(
        self, max_size: int, recoveries: tuple[int, float, float], *, steady: bool, pace: Pace | None
    ) -> Observed:
        """Return the observations.

        Args:
            max_size: slots of each pool.
            recoveries: as counted by :class:`simulations.judging.model.Model`.
            steady, pace: passed to :func:`simulations.measuring.estimates.estimate`.
        """
        series = self.series.series()
        estimates = estimate(series, steady, pace, max_size, max(1, len(self.names)))
        cut = len(series.jobs) - len(estimates.series.jobs)
        window = self.series.window(cut)
        return Observed(
            figures=self.tally.figures(
                len(self.names), max_size, recoveries, window, float(series.seconds[:cut].sum())
            ),
            estimates=estimates,
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
