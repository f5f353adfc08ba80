"""How long the runs must be before what goes wrong at one size can be compared with a goal."""

import math
from dataclasses import dataclass

from simulations.measuring.estimates import SETTLED
from simulations.scenarios.scenario import Scenario
from simulations.workloads.arrivals import Clients
from simulations.workloads.synthetic import Synthetic


MOST_JOBS = 500_000
"""The default limit of jobs at one size: some seconds for each size near the answer."""
WARM_UPS = 4
"""The length of a run, in units of the time that the pool takes to fill up."""
CYCLES = 50
"""The length of a run that ends with a number of jobs, in cycles of bursts."""
WRONG = 400
"""The refusals, or late grants, to expect at a size that just misses the goal, in all runs."""


@dataclass(frozen=True)
class Lengthened:
    """A scenario whose runs are long enough, as far as a limit allows.

    Attributes:
        scenario: the scenario, with more jobs or a later horizon.
        factor: how many times as long as before its runs are, at least 1.
        most_runs: the largest number of runs at one size.
    """

    scenario: Scenario
    factor: float
    most_runs: int


def lengthen(
    scenario: Scenario, allowed: float, most_runs: int, least_runs: int, most_jobs: int, *, near: int | None = None
) -> Lengthened:
    """Return the scenario with runs long enough for a comparison of its shares with the goals.

    Each run starts with an empty pool, so it must be long compared with the time that the pool
    takes to fill up; and something rare must be seen a few hundred times. A recorded trace, or
    arrivals that change with time, are left as they are: their length is part of them.

    Args:
        scenario: the scenario.
        allowed: the share of the jobs that may go wrong.
        most_runs: the largest number of runs at one size.
        least_runs: the smallest number of runs at one size.
        most_jobs: the largest number of jobs at one size that runs are lengthened to.
        near: about the answer, because a queue forgets its past the more slowly the fewer slots
            there are; by default the size of the scenario.
    """
    workload = scenario.workload()
    if not isinstance(workload, Synthetic) or not scenario.conditions().steady(workload):
        return Lengthened(scenario, 1.0, most_runs)
    rate = _rate(workload)
    jobs = min(workload.jobs or math.inf, rate * workload.horizon if workload.horizon else math.inf)
    pace = (scenario if near is None else scenario.replace(max_size=near)).conditions().pace(workload)
    enough = WRONG / allowed / most_runs
    if pace is not None and math.isfinite(pace.memory):
        enough = max(enough, WARM_UPS * rate * pace.settled(SETTLED), CYCLES * rate * pace.cycle)
    factor = min(enough, most_jobs / least_runs) / jobs
    if not factor > 1 or jobs < 1:
        return Lengthened(scenario, 1.0, most_runs)
    longer = scenario.replace(
        jobs=None if scenario.jobs is None else math.ceil(scenario.jobs * factor),
        horizon=None if scenario.horizon is None else scenario.horizon * factor,
    )
    return Lengthened(longer, factor, max(least_runs, min(most_runs, int(most_jobs / (jobs * factor)))))


def _rate(workload: Synthetic) -> float:
    """Return the arrivals a second; for clients, those of a pool that refuses none."""
    arrivals = workload.arrivals
    if isinstance(arrivals, Clients):
        return arrivals.number / (arrivals.thinking.mean() + workload.holding.mean())
    return arrivals.rate()
