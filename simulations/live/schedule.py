"""Which worker runs which job, and when: jobs are dealt to processes by turns, and clients to them as well."""

import itertools
import random
from collections.abc import Iterator
from typing import NamedTuple

from simulations.live.plan import Plan
from simulations.workloads.crashes import Crashes


class Due(NamedTuple):
    """A job of one worker.

    Attributes:
        number: in order of arrival, from 0.
        instant: of its arrival, in seconds of the scenario since the run began.
        holding: in seconds of the scenario.
        key: the pool.
        crash: for how much of its life the holder runs before it crashes alone, from 0 to 1; ``None``: it does not.
    """

    number: int
    instant: float
    holding: float
    key: str
    crash: float | None


class Schedule(NamedTuple):
    """The jobs of a run.

    Attributes:
        shares: of each worker, in order of arrival; empty where there are clients.
        first: the instant of the first arrival, in the scenario.
        last: the last arrival, in seconds since the first; ``None`` where clients ask until they have asked enough.
    """

    shares: list[list[Due]]
    first: float
    last: float | None

    @property
    def jobs(self) -> int:
        """How many."""
        return sum(map(len, self.shares))


def schedule(plan: Plan) -> Schedule:
    """Deal the jobs of a run."""
    shares: list[list[Due]] = [[] for _ in range(plan.processes)]
    workload = plan.scenario.workload()
    if workload.clients is not None:
        horizons = [end for end in (workload.horizon, plan.span) if end is not None]
        return Schedule(shares, 0.0, min(horizons, default=None))
    crashes = Crashes(plan.scenario.seed, plan.scenario.crash_probability)
    first = last = 0.0
    for number, job in enumerate(workload):
        if not number:
            first = job.arrival
        last = job.arrival - first
        if plan.span is not None and last > plan.span:
            break
        due = Due(number, last, job.holding, job.key or '', crashes.draw())
        shares[number % plan.processes].append(due)
    return Schedule(shares, first, last if plan.span is None else min(last, plan.span))


def turns(plan: Plan, client: int, life: int) -> Iterator[tuple[float, float, str, float | None]]:
    """What a client does, turn by turn: thinking, holding, key, crash.

    Args:
        plan: the run.
        client: its number.
        life: of its worker, from 0: where one takes the place of another, its clients begin anew.
    """
    seed = plan.scenario.seed if not life else random.Random(f'{plan.scenario.seed} life {life}').getrandbits(32)
    crashes = Crashes(seed + client, plan.scenario.crash_probability)
    for turn in plan.scenario.workload(seed).turns(client):
        yield turn.thinking, turn.holding, turn.key or '', crashes.draw()


def clients_of(plan: Plan, worker: int) -> range:
    """The clients of a worker."""
    clients = plan.scenario.workload().clients
    return range(0) if clients is None else range(worker, clients.number, plan.processes)


def quota(plan: Plan, worker: int) -> int | None:
    """How many jobs the clients of a worker make; ``None`` for as many as there is time for."""
    jobs = plan.scenario.workload().expected_jobs
    return None if jobs is None else len(range(worker, jobs, plan.processes))


def numbers(plan: Plan, worker: int, begun: int) -> Iterator[int]:
    """The numbers of the jobs that the clients of a worker make, so many having been made before."""
    return itertools.count(worker + begun * plan.processes, plan.processes)
