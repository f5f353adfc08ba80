"""What is made of the events of a run while it goes on: figures, course, hash, a telling part, the history."""

from typing import Any

from simulations.history.events import Block
from simulations.history.history import Digest, History
from simulations.history.recorder import Recorder
from simulations.measuring.counts import Levels
from simulations.measuring.estimates import Estimates, estimate
from simulations.measuring.figures import Figures, Tally
from simulations.measuring.holders import PartKeeper
from simulations.measuring.series import SeriesMaker
from simulations.measuring.timeline import Timeline


class Watch:
    """Takes the events of a run block by block.

    Args:
        keep: keep every event as well.

    Attributes:
        recorder: where to note events; or give them to :meth:`take`.
        names: the keys of the pools, in order of their numbers.
        tally: to be told how long jobs waited.
    """

    def __init__(self, keep: bool) -> None:
        self.names: list[str] = []
        self.history = History(self.names) if keep else None
        self.tally, self.series, self.timeline = Tally(), SeriesMaker(), Timeline()
        self.parts, self._digest, self._levels = PartKeeper(), Digest(), Levels()
        self.recorder = Recorder([self.take], self.names)

    def take(self, block: Block) -> None:
        """The events that follow."""
        spans = self._levels.spans(block)
        self.tally.add(spans)
        self.series.add(spans)
        self.timeline.add(spans)
        self.parts.add(block)
        self._digest.add(block)
        if self.history is not None:
            self.history.add(block)

    def figures(self, max_size: int, recoveries: tuple[int, float, float]) -> Figures:
        """The numbers so far; ``recoveries`` as :class:`simulations.judging.model.Model` counts them."""
        return self.tally.figures(len(self.names), max_size, recoveries)

    def estimates(self, steady: bool, memoryless: bool) -> Estimates:
        """What they say of the long run, see :func:`simulations.measuring.estimates.estimate`."""
        return estimate(self.series.series(), steady, memoryless)

    def of_result(self) -> dict[str, Any]:
        """The fields of a :class:`simulations.Result` that come of the events alone."""
        return {
            'occupancy_shares': self.tally.occupancy_shares(),
            'overrun_shares': self.tally.overrun_shares(),
            'timeline': self.timeline,
            'part': self.parts.part(),
            'history_hash': self._digest.hexdigest(self.names),
            'kept': self.history,
        }
