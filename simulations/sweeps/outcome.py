"""The outcome of one run at one point: a few numbers to send between processes and save to disk."""

from typing import Any, NamedTuple

from simulations.measuring.caveats import Caveat
from simulations.measuring.figures import Figures
from simulations.measuring.runs import RunSums
from simulations.results.result import Result
from simulations.statistics.intervals import Interval


class Outcome(NamedTuple):
    """The outcome of one run.

    Attributes:
        figures: the figures of the run.
        run: the sums behind its estimates.
        intervals: pairs of a figure and its interval from batch means.
        caveats: the reasons to doubt these intervals.
        violations: the number of broken promises.
    """

    figures: Figures
    run: RunSums
    intervals: tuple[tuple[str, Interval], ...]
    caveats: tuple[Caveat, ...]
    violations: int

    def to_json(self) -> list[Any]:
        """Return the outcome as plain lists and numbers, without loss of digits."""
        return [_plain(value) for value in self]

    @classmethod
    def from_json(cls, plain: list[Any]) -> 'Outcome':
        """Return the outcome that :meth:`to_json` wrote."""
        figures, (sums, *more), intervals, caveats, violations = plain
        bounds = tuple((name, Interval(*each)) for name, each in intervals)
        run = RunSums(tuple(sums), *more)
        found = tuple(Caveat(*each) for each in caveats)
        return cls(Figures(*figures), run, bounds, found, violations)


def _plain(value: Any) -> Any:
    return [_plain(each) for each in value] if isinstance(value, tuple) else value


def outcome(result: Result) -> Outcome:
    """Return the outcome of a run."""
    estimates = result.estimates
    return Outcome(
        result.figures,
        RunSums.of(estimates),
        tuple(estimates.intervals.items()),
        estimates.caveats,
        len(result.violations),
    )
