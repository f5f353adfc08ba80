"""Count how many intervals without a caveat hold the truth."""

from collections.abc import Iterator
from concurrent.futures import Executor
from math import comb
from statistics import NormalDist, median, stdev
from typing import NamedTuple

from simulations import Interval
from simulations.measuring.estimates import CONFIDENCE
from tests.coverage.cases import Case


SIGNIFICANT = 0.001
LARGEST_WIDTH = 1.3
SMALLEST_SHARE = 0.9


class Seen(NamedTuple):
    """One interval of one figure, and the codes of its caveats; theory is not asked."""

    figure: str
    interval: Interval
    caveats: tuple[str, ...]


class Coverage(NamedTuple):
    """The intervals of one figure of one case.

    Attributes:
        case: the case.
        figure: the figure.
        truth: its true value.
        intervals: how many intervals there are.
        clean: how many of them have no caveat.
        missed: how many of those do not hold the truth.
        width: the median width of all, as a share of the ideal one: that of an interval from the
            standard deviation of the estimates.
        codes: the codes of the caveats, with the number of intervals that have each.
    """

    case: Case
    figure: str
    truth: float
    intervals: int
    clean: int
    missed: int
    width: float
    codes: dict[str, int]

    @property
    def p(self) -> float:
        """The probability of as many misses or more, if the intervals are as good as they say."""
        return above(self.clean, self.missed, 1 - CONFIDENCE)

    @property
    def holds(self) -> bool:
        """Whether the intervals without a caveat hold the truth often enough."""
        return self.p >= SIGNIFICANT

    @property
    def useful(self) -> bool:
        """Whether a sufficient run gives narrow intervals, and hardly any caveats."""
        if not self.case.sufficient:
            return True
        return self.clean >= SMALLEST_SHARE * self.intervals and self.width <= LARGEST_WIDTH


def above(count: int, events: int, probability: float) -> float:
    """Return the binomial probability of ``events`` or more among ``count``."""
    below = sum(comb(count, n) * probability**n * (1 - probability) ** (count - n) for n in range(events))
    return max(0.0, 1 - below)


def seen(case: Case, number: int) -> list[Seen]:
    """Make one run, or one set of replications, and return the intervals of its known figures."""
    # The caveats of the estimates, not those of the result: a comparison with theory would give
    # every interval that misses the truth a caveat.
    estimates = case.scenario.replace(seed=case.seed(number)).run(history=False).estimates
    return [
        Seen(figure, interval, tuple(each.code for each in estimates.caveats_of(figure)))
        for figure in case.truth
        if (interval := estimates.intervals.get(figure)) is not None
    ]


def study(case: Case, count: int, executor: Executor) -> Iterator[Coverage]:
    """Yield the coverage of each figure of a case, from ``count`` intervals."""
    found = [each for run in executor.map(seen, [case] * count, range(count), chunksize=5) for each in run]
    for figure, truth in case.truth.items():
        of_figure = [each for each in found if each.figure == figure]
        clean = [each.interval for each in of_figure if not each.caveats]
        ideal = 2 * NormalDist().inv_cdf(0.5 + CONFIDENCE / 2) * stdev(each.interval.mean for each in of_figure)
        codes = [code for each in of_figure for code in each.caveats]
        yield Coverage(
            case=case,
            figure=figure,
            truth=truth,
            intervals=len(of_figure),
            clean=len(clean),
            missed=sum(truth not in interval for interval in clean),
            width=median(2 * each.interval.half_width for each in of_figure) / ideal if ideal else 0.0,
            codes={code: codes.count(code) for code in dict.fromkeys(codes)},
        )
