"""What is kept of one run at one point: a few numbers, which travel between processes and to disk."""

from typing import Any, NamedTuple

from simulations.measuring.estimates import independent_looks
from simulations.measuring.figures import Figures
from simulations.measuring.series import Series
from simulations.results.result import Result
from simulations.statistics.intervals import Interval


class Outcome(NamedTuple):
    """One run.

    Attributes:
        figures: its figures.
        sums: of its :class:`simulations.measuring.series.Series`, the warm-up left out, in the order of its fields.
        refusal_share, attempts_refusal_share, occupancy_mean, overrun_mean: the intervals by batch means.
        sound: whether nothing stands against these.
        violations: promises that were broken.
        memoryless: whether one arrival tells nothing of the next.
    """

    figures: Figures
    sums: tuple[float, ...]
    refusal_share: Interval | None
    attempts_refusal_share: Interval | None
    occupancy_mean: Interval | None
    overrun_mean: Interval | None
    sound: bool
    violations: int
    memoryless: bool

    def sum(self, name: str) -> float:
        """One of the sums, by its name."""
        return self.sums[Series._fields.index(name)]

    @property
    def looks(self) -> float:
        """How many times over the pool was seen anew, see :func:`simulations.measuring.estimates.independent_looks`."""
        return independent_looks(self.sum('jobs'), self.sum('occupancy'), self.sum('seconds'))

    def to_json(self) -> list[Any]:
        """As plain lists and numbers, every digit kept."""
        return [list(value) if isinstance(value, tuple) else value for value in self]

    @classmethod
    def from_json(cls, plain: list[Any]) -> 'Outcome':
        """The outcome that was written so."""
        figures, sums, *intervals, sound, violations, memoryless = plain
        shares, attempts, occupancy, overrun = (None if each is None else Interval(*each) for each in intervals)
        return cls(Figures(*figures), tuple(sums), shares, attempts, occupancy, overrun, sound, violations, memoryless)


def outcome(result: Result) -> Outcome:
    """What is kept of a run."""
    estimates = result.estimates
    return Outcome(
        result.figures,
        tuple(float(column.sum()) for column in estimates.series),
        estimates.refusal_share,
        estimates.attempts_refusal_share,
        estimates.occupancy_mean,
        estimates.overrun_mean,
        estimates.sound,
        len(result.violations),
        estimates.memoryless,
    )
