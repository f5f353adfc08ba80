"""Measurements of a scenario by size, each only as long as a comparison with the target needs."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import NamedTuple

from simulations.engine.replications import seeds
from simulations.measuring.caveats import THEORY_OUTSIDE
from simulations.scenarios.scenario import Scenario
from simulations.statistics.intervals import Interval
from simulations.sweeps.grid import Point
from simulations.sweeps.outcome import Outcome
from simulations.sweeps.run import run_once
from simulations.sweeps.table import make_point


AT_LEAST = 10
"""The number of runs below which their scatter is not trusted."""


class Verdict(NamedTuple):
    """Whether a size meets the target.

    Attributes:
        point: the measurement at this size.
        share: the share that is compared with the target; with too few jobs for an interval it
            spans 0 to 1.
        enough: whether the refusal share is below the target.
        by: ``measurement`` if the entire interval is on one side of the target, ``theory`` if only
            theory could decide, ``mean`` if neither could.
    """

    point: Point
    share: Interval
    enough: bool
    by: str

    @property
    def contradicts_theory(self) -> bool:
        """Whether theory is exact here and on the other side of the target."""
        return any(each.code == THEORY_OUTSIDE for each in self.point.caveats)


class Measure:
    """A cache of measurements by size; all sizes use common random numbers.

    Args:
        scenario: the scenario to run.
        target: the share of refusals to stay below.
        tolerance: the half-width, as a share of the target, below which more runs would not help.
        most_runs: the largest number of independent runs at one size.
        store: where the pools are kept.
        executor: carries out the runs; without one they are made one after the other.
        report: called after each run, with the size and the number of runs at that size.
    """

    def __init__(
        self,
        scenario: Scenario,
        target: float,
        tolerance: float,
        most_runs: int,
        store: str,
        executor: Executor | None,
        report: Callable[[int, int], None],
    ) -> None:
        self._scenario = scenario
        self.target = target
        self._tolerance = tolerance
        self._most_runs = most_runs if scenario.random else 1
        self._store = store
        self._executor = executor
        self._report = report
        self._seeds: list[int] = []
        self._more_seeds = seeds(scenario.seed)
        self._outcomes: dict[int, list[Outcome]] = {}
        self.verdicts: dict[int, Verdict] = {}

    def verdict(self, max_size: int) -> Verdict:
        """Return whether ``max_size`` slots meet the target, measuring it on the first call."""
        if max_size not in self.verdicts:
            self.verdicts[max_size] = self._judge(max_size)
        return self.verdicts[max_size]

    def _judge(self, max_size: int) -> Verdict:
        scenario = self._scenario.replace(max_size=max_size)
        outcomes = self._outcomes.setdefault(max_size, [])
        while True:
            self._run(scenario, outcomes)
            point = make_point({'max_size': max_size}, scenario, outcomes)
            mean, low, high = share = _share(point, outcomes)
            if high < self.target or low > self.target:
                return Verdict(point, share, high < self.target, 'measurement')
            if len(outcomes) >= self._most_runs or share.half_width < self._tolerance * self.target:
                theory = point.refusal_share_theory
                if theory is not None and low <= theory <= high:
                    return Verdict(point, share, theory < self.target, 'theory')
                return Verdict(point, share, mean < self.target, 'mean')

    def _run(self, scenario: Scenario, outcomes: list[Outcome]) -> None:
        """Double the number of runs, within the limits."""
        total = min(self._most_runs, max(AT_LEAST, 2 * len(outcomes)))
        while len(self._seeds) < total:
            self._seeds.append(next(self._more_seeds))
        new = self._seeds[len(outcomes) : total]
        if self._executor is None:
            finished = (run_once(scenario, seed, self._store) for seed in new)
        else:
            futures = [self._executor.submit(run_once, scenario, seed, self._store) for seed in new]
            finished = (future.result() for future in futures)
        for outcome in finished:
            outcomes.append(outcome)
            self._report(scenario.max_size, len(outcomes))


def _share(point: Point, outcomes: Sequence[Outcome]) -> Interval:
    if point.refusals is not None:
        return point.refusals
    refused, asked = ('attempts_refused', 'attempts') if point.of_attempts else ('refused', 'jobs')
    total = sum(outcome.run.sum(asked) for outcome in outcomes)
    return Interval(sum(outcome.run.sum(refused) for outcome in outcomes) / total if total else 0.0, 0.0, 1.0)
