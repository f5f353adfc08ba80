"""The outcome of one run at one point: a few numbers to send between processes and save to disk."""

from typing import Any, NamedTuple

from simulations.measuring.estimates import independent_looks
from simulations.measuring.figures import Figures
from simulations.measuring.series import Series
from simulations.results.result import Result
from simulations.statistics.intervals import Interval


class Outcome(NamedTuple):
    """The outcome of one run.

    Attributes:
        figures: the figures of the run.
        sums: the sums of its :class:`simulations.measuring.series.Series`, in the order of its
            fields, warm-up left out.
        refusal_share, attempts_refusal_share, occupancy_mean, overrun_mean: intervals from batch
            means.
        sound: whether there is no reason to doubt these intervals.
        violations: the number of broken promises.
        memoryless: whether arrivals are memoryless, as in a Poisson process.
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
        """Return one of the sums, by the name of its field."""
        return self.sums[Series._fields.index(name)]

    @property
    def looks(self) -> float:
        """The number of independent looks at the pool.

        See :func:`simulations.measuring.estimates.independent_looks`.
        """
        return independent_looks(self.sum('jobs'), self.sum('occupancy'), self.sum('seconds'))

    def to_json(self) -> list[Any]:
        """Return the outcome as plain lists and numbers, without loss of digits."""
        return [list(value) if isinstance(value, tuple) else value for value in self]

    @classmethod
    def from_json(cls, plain: list[Any]) -> 'Outcome':
        """Return the outcome that :meth:`to_json` wrote."""
        figures, sums, *intervals, sound, violations, memoryless = plain
        shares, attempts, occupancy, overrun = (None if each is None else Interval(*each) for each in intervals)
        return cls(Figures(*figures), tuple(sums), shares, attempts, occupancy, overrun, sound, violations, memoryless)


def outcome(result: Result) -> Outcome:
    """Return the outcome of a run."""
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
