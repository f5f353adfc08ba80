"""Measurements of a scenario by size, each only as long as a comparison with the goals needs."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Any, NamedTuple

from simulations.engine.replications import seeds
from simulations.measuring.caveats import THEORY_OUTSIDE
from simulations.measuring.figures import weighted_mean
from simulations.measuring.runs import of_runs
from simulations.scenarios.scenario import Scenario
from simulations.sizing.goals import SERVED, Goal, Goals
from simulations.statistics.intervals import Interval
from simulations.sweeps.grid import Point
from simulations.sweeps.outcome import Outcome
from simulations.sweeps.run import run_once
from simulations.sweeps.table import make_point


AT_LEAST = 10
"""The number of runs below which their scatter is not trusted."""


class Verdict(NamedTuple):
    """Whether a size meets the goals.

    Attributes:
        point: the measurement at this size.
        share: the share of refusals; with too few jobs for an interval it spans 0 to 1.
        enough: whether the goals are met.
        by: ``measurement`` if the intervals alone decide, ``theory`` if only theory could decide,
            ``mean`` if neither could.
        served: the share of the jobs that were served in time; ``None`` if it was not asked for.
        wait_mean: the mean waiting time of all jobs, in seconds.
        wait_p95: the waiting time that 95 % of the jobs do not exceed, in seconds: the mean over
            the runs.
    """

    point: Point
    share: Interval
    enough: bool
    by: str
    served: Interval | None = None
    wait_mean: float = 0.0
    wait_p95: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the measurement as plain values."""
        return {**self.point.to_json(), **self.shares_json()}

    def shares_json(self) -> dict[str, Any]:
        """Return what is compared with the goals, and the waiting times, as plain values."""
        served = self.served
        return {
            'refusal_share': self.share.mean,
            'refusal_share_ci': [self.share.low, self.share.high],
            'served_within': None if served is None else served.mean,
            'served_within_ci': None if served is None else [served.low, served.high],
            'wait_mean': self.wait_mean,
            'wait_p95': self.wait_p95,
        }

    def side(self, goals: Goals) -> bool | None:
        """Return whether the intervals meet all goals, or miss one; ``None`` if both can be."""
        sides = [goal.side(interval_of(goal, self.share, self.served)) for goal in goals.each]
        return False if False in sides else None if None in sides else True

    def perfect(self, goals: Goals) -> bool:
        """Return whether no job went wrong, so that more slots could not change anything."""
        return all(goal.perfect(interval_of(goal, self.share, self.served).mean) for goal in goals.each)

    @property
    def contradicts_theory(self) -> bool:
        """Whether theory is exact here and outside the interval of a figure."""
        return any(each.code == THEORY_OUTSIDE for each in self.point.caveats)


class Measure:
    """A cache of measurements by size; all sizes use common random numbers.

    Args:
        scenario: the scenario to run.
        goals: what a size must achieve.
        tolerance: the half-width, as a share of what may go wrong, below which more runs would not
            help.
        most_runs: the largest number of independent runs at one size.
        store: where the pools are kept.
        executor: carries out the runs; without one they are made one after the other.
        report: called after each run, with the size and the number of runs at that size.
    """

    def __init__(
        self,
        scenario: Scenario,
        goals: Goals,
        tolerance: float,
        most_runs: int,
        store: str,
        executor: Executor | None,
        report: Callable[[int, int], None],
    ) -> None:
        self._scenario = scenario
        self.goals = goals
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
        """Return whether ``max_size`` slots meet the goals, measuring it on the first call."""
        if max_size not in self.verdicts:
            self.verdicts[max_size] = self._judge(max_size)
        return self.verdicts[max_size]

    def _judge(self, max_size: int) -> Verdict:
        scenario = self._scenario.replace(max_size=max_size)
        outcomes = self._outcomes.setdefault(max_size, [])
        while True:
            self._run(scenario, outcomes)
            point = make_point({'max_size': max_size}, scenario, outcomes)
            share, served = _share(point, outcomes), _served(scenario, outcomes)
            decided = self._decide(scenario, point, share, served, last=len(outcomes) >= self._most_runs)
            if decided is not None:
                figures, jobs = [each.figures for each in outcomes], [each.run.sum('jobs') for each in outcomes]
                waits = (weighted_mean(figures, name, jobs) for name in ('wait_mean', 'wait_p95'))
                return Verdict(point, share, *decided, served, *waits)

    def _decide(
        self, scenario: Scenario, point: Point, share: Interval, served: Interval | None, *, last: bool
    ) -> tuple[bool, str] | None:
        """Return whether the goals are met and what decided; ``None`` if more runs may tell."""
        if not scenario.random:
            # A run of a log is exact for this log, whatever its interval says of others.
            means = ((goal, interval_of(goal, share, served).mean) for goal in self.goals.each)
            return all(goal.met(mean) for goal, mean in means), 'measurement'
        found: list[tuple[bool, str]] = []
        unsure = False
        for goal in self.goals.each:
            interval = interval_of(goal, share, served)
            if (side := goal.side(interval)) is not None:
                found.append((side, 'measurement'))
            elif last or interval.half_width < self._tolerance * goal.allowed:
                theory = self.goals.by_theory(goal.figure, point.theory, scenario.on_refusal)
                inside = theory is not None and interval.low <= theory <= interval.high
                value, by = (theory, 'theory') if theory is not None and inside else (interval.mean, 'mean')
                found.append((goal.met(value), by))
            else:
                unsure = True
        # One goal that is surely missed decides, whatever the other one says.
        missed = [by for met, by in found if not met]
        if unsure and 'measurement' not in missed:
            return None
        if missed:
            return False, max(missed, key=_STRENGTH.index)
        return True, min((by for _, by in found), key=_STRENGTH.index)

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


_STRENGTH = ('mean', 'theory', 'measurement')
"""What may decide, from weak to strong."""


def interval_of(goal: Goal, share: Interval, served: Interval | None) -> Interval:
    """Return the interval that a goal is about, of the two of a :class:`Verdict`."""
    return served if goal.figure == SERVED and served is not None else share


def _share(point: Point, outcomes: Sequence[Outcome]) -> Interval:
    if point.refusals is not None:
        return point.refusals
    refused, asked = ('attempts_refused', 'attempts') if point.of_attempts else ('refused', 'jobs')
    total = sum(outcome.run.sum(asked) for outcome in outcomes)
    return Interval(sum(outcome.run.sum(refused) for outcome in outcomes) / total if total else 0.0, 0.0, 1.0)


def _served(scenario: Scenario, outcomes: Sequence[Outcome]) -> Interval | None:
    """Return the share that was served in time; with too few jobs the interval is 0 to 1."""
    if scenario.wait_within is None:
        return None
    if len(outcomes) == 1:
        found = dict(outcomes[0].intervals).get(SERVED)
    else:
        pools = max(1, *(outcome.figures.pools for outcome in outcomes))
        runs = [outcome.run for outcome in outcomes]
        found = of_runs(runs, scenario.max_size, pools, within=True).intervals.get(SERVED)
    if found is not None:
        return found
    total = sum(outcome.run.sum('jobs') for outcome in outcomes)
    return Interval(sum(outcome.run.sum('within') for outcome in outcomes) / total if total else 0.0, 0.0, 1.0)
