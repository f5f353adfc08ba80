"""Measures a scenario at one size after another, no longer than it takes to tell whether it meets a target."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import NamedTuple

from simulations.engine.replications import seeds
from simulations.scenarios.scenario import Scenario
from simulations.statistics.intervals import Interval
from simulations.sweeps.grid import Point
from simulations.sweeps.outcome import Outcome
from simulations.sweeps.run import run_once
from simulations.sweeps.table import make_point


AT_LEAST = 10
"""Runs before the scatter between them is trusted."""


class Verdict(NamedTuple):
    """Whether a size meets the target.

    Attributes:
        point: what was measured there.
        share: what is held against the target; where there are too few jobs for an interval, between 0 and 1.
        enough: whether the refusal share is below the target.
        by: ``measurement`` if the whole interval is on one side of it, ``theory`` if only theory could tell,
            ``mean`` if neither could.
    """

    point: Point
    share: Interval
    enough: bool
    by: str


class Measure:
    """Runs a scenario at the sizes it is asked for, with common random numbers, and remembers.

    Args:
        scenario: what is run.
        target: the share of refusals to stay below.
        tolerance: as a share of the target: where the interval is narrower than this there is nothing more to tell.
        most_runs: independent runs at one size.
        store: where the pools are kept.
        executor: runs are given to it, by default made one after the other.
        told: is called after each run.
    """

    def __init__(
        self,
        scenario: Scenario,
        target: float,
        tolerance: float,
        most_runs: int,
        store: str,
        executor: Executor | None,
        told: Callable[[int, int], None],
    ) -> None:
        self._scenario = scenario
        self.target = target
        self._tolerance = tolerance
        self._most_runs = most_runs if scenario.random else 1
        self._store = store
        self._executor = executor
        self._told = told
        self._seeds: list[int] = []
        self._more_seeds = seeds(scenario.seed)
        self._outcomes: dict[int, list[Outcome]] = {}
        self.verdicts: dict[int, Verdict] = {}

    def verdict(self, max_size: int) -> Verdict:
        """Whether ``max_size`` slots meet the target."""
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
        """Make about as many runs again as there are."""
        wanted = min(self._most_runs, max(AT_LEAST, 2 * len(outcomes)))
        while len(self._seeds) < wanted:
            self._seeds.append(next(self._more_seeds))
        new = self._seeds[len(outcomes) : wanted]
        if self._executor is None:
            made = (run_once(scenario, seed, self._store) for seed in new)
        else:
            futures = [self._executor.submit(run_once, scenario, seed, self._store) for seed in new]
            made = (future.result() for future in futures)
        for outcome in made:
            outcomes.append(outcome)
            self._told(scenario.max_size, len(outcomes))


def _share(point: Point, outcomes: Sequence[Outcome]) -> Interval:
    if point.refusals is not None:
        return point.refusals
    of, whole = ('attempts_refused', 'attempts') if point.of_attempts else ('refused', 'jobs')
    count = sum(outcome.sum(whole) for outcome in outcomes)
    return Interval(sum(outcome.sum(of) for outcome in outcomes) / count if count else 0.0, 0.0, 1.0)
