"""The differences between two designs, at one point or at several."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from simulations.comparing.figures import COUNTS, HEADLINES
from simulations.scenarios.scenario import Scenario
from simulations.statistics.intervals import Interval
from simulations.sweeps.vary import Value


class Difference(NamedTuple):
    """The difference of one figure between two designs, B - A.

    Attributes:
        figure: the name of the figure.
        a, b: the mean of the figure over the runs of A, and of B.
        interval: the mean difference and its interval; its bounds equal the difference if it is
            exact, or the same in every pair.
        without_pairing: how many times as wide the interval would be if the runs were not paired;
            ``None`` if it has no width.
        caveats: the reasons to doubt the interval.
    """

    figure: str
    a: float
    b: float
    interval: Interval
    without_pairing: float | None
    caveats: tuple[str, ...] = ()

    @property
    def difference(self) -> float:
        """The mean difference, B - A."""
        return self.interval.mean

    @property
    def seen(self) -> bool:
        """Whether the interval excludes 0."""
        return 0.0 not in self.interval

    @property
    def constant(self) -> bool:
        """Whether the difference is the same in every pair, so that its interval has no width."""
        return self.interval.low == self.interval.high

    @property
    def occurs(self) -> bool:
        """Whether the figure is not 0 in both designs."""
        return bool(self.a or self.b)

    @property
    def relative(self) -> Interval:
        """The difference as a share of the larger of the two values: -1 if B has none of it."""
        scale = max(abs(self.a), abs(self.b)) or 1.0
        return Interval(*(each / scale for each in self.interval))

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            'difference': self.difference,
            'ci': [self.interval.low, self.interval.high],
            'a': self.a,
            'b': self.b,
            'without_pairing': self.without_pairing,
            'caveats': list(self.caveats),
        }


class ComparedAt(NamedTuple):
    """Two designs at one point.

    Attributes:
        values: the varied values at this point, by name; empty if nothing was varied.
        a, b: the designs that ran.
        pairs: the number of pairs of runs.
        differences: the difference of each figure, by its name.
        same_jobs: whether both designs had the same jobs.
    """

    values: Mapping[str, Value]
    a: Scenario
    b: Scenario
    pairs: int
    differences: Mapping[str, Difference]
    same_jobs: bool


@dataclass(frozen=True, eq=False)
class ComparisonFacts:
    """Two designs on the same jobs.

    Attributes:
        points: the designs and their differences; one for each combination of varied values, or
            one alone.
        itself: whether one scenario was compared with itself at other values; the first of them
            are those of A.
        exact: whether nothing in the runs is random, so the differences are exact.
        confidence: the confidence level of the intervals.
        seed: the seed of the first pair.
        figure: the figure of a curve, and of a stopping rule.
    """

    points: list[ComparedAt] = field(repr=False)
    itself: bool
    exact: bool
    confidence: float
    seed: int
    figure: str

    @property
    def differences(self) -> Mapping[str, Difference]:
        """The difference of each figure; of the first point, if there are several."""
        return self.points[0].differences

    @property
    def varied(self) -> list[str]:
        """The names whose values differ between the points."""
        first = self.points[0].values
        return [name for name in first if any(point.values[name] != first[name] for point in self.points)]


def main_figure(points: Sequence[Mapping[str, Difference]]) -> str:
    """Return the most telling figure that is not 0 throughout."""
    for figure in HEADLINES:
        if any(figure in found and found[figure].occurs for found in points):
            return figure
    return next(iter(HEADLINES))


def occurring(differences: Mapping[str, Difference]) -> list[Difference]:
    """Return the differences of figures that are not 0 in both designs, those of the verdict first.

    Without retries, an attempt is a job, and only the share of refused jobs is included.
    """
    order = [*HEADLINES, *(name for name in differences if name not in HEADLINES)]
    jobs, attempts = (differences.get(name) for name in ('refusal_share', 'attempts_refusal_share'))
    if jobs is not None and attempts is not None and jobs[1:4] == attempts[1:4]:
        order.remove('attempts_refusal_share')
    return [differences[name] for name in order if name in differences and differences[name].occurs]


def pictured(differences: Mapping[str, Difference]) -> list[Difference]:
    """Return the differences to draw, those of the verdict first."""
    return [each for each in occurring(differences) if each.figure not in COUNTS]
