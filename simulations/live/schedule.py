"""Which worker runs which job, and when.

Jobs are dealt to the processes one at a time in turn, and so are clients.
"""

import itertools
import random
from collections.abc import Iterator
from typing import NamedTuple

from simulations.live.plan import Plan
from simulations.workloads.crashes import Crashes
from simulations.workloads.patience import Patience, as_wait


class Due(NamedTuple):
    """A job of one worker.

    Attributes:
        number: its place in the order of arrival, from 0.
        instant: when it arrives, in scenario seconds since the run began.
        holding: its holding time, in scenario seconds.
        key: its pool.
        crash: after which part of its life the holder crashes alone, from 0 to 1; ``None`` if it
            does not crash.
        patience: for how many scenario seconds it waits at most; ``None`` for any time.
    """

    number: int
    instant: float
    holding: float
    key: str
    crash: float | None
    patience: float | None


class Turn(NamedTuple):
    """A turn of a client: it thinks, then it makes a job.

    Attributes:
        thinking: how long it thinks, in scenario seconds.
        holding, key, crash, patience: those of the job, as in :class:`Due`.
    """

    thinking: float
    holding: float
    key: str
    crash: float | None
    patience: float | None


class Schedule(NamedTuple):
    """The jobs of a run.

    Attributes:
        shares: the jobs of each worker, in order of arrival; empty if the workload has clients.
        first: the instant of the first arrival, in scenario seconds.
        last: the instant of the last arrival, in scenario seconds since the first; ``None`` if
            clients ask until they have made their number of jobs.
    """

    shares: list[list[Due]]
    first: float
    last: float | None

    @property
    def jobs(self) -> int:
        """The number of jobs."""
        return sum(map(len, self.shares))


def schedule(plan: Plan) -> Schedule:
    """Deal the jobs of a run to its workers."""
    shares: list[list[Due]] = [[] for _ in range(plan.processes)]
    workload = plan.scenario.workload()
    if workload.clients is not None:
        horizons = [end for end in (workload.horizon, plan.span) if end is not None]
        return Schedule(shares, 0.0, min(horizons, default=None))
    crashes = Crashes(plan.scenario.seed, plan.scenario.crash_probability)
    patience = Patience(plan.scenario.seed, as_wait(plan.scenario.wait))
    first = last = 0.0
    for number, job in enumerate(workload):
        if not number:
            first = job.arrival
        last = job.arrival - first
        if plan.span is not None and last > plan.span:
            break
        due = Due(number, last, job.holding, job.key or '', crashes.draw(), patience.draw())
        shares[number % plan.processes].append(due)
    return Schedule(shares, first, last if plan.span is None else min(last, plan.span))


def turns(plan: Plan, client: int, life: int) -> Iterator[Turn]:
    """Yield the turns of a client.

    Args:
        plan: the run.
        client: the number of the client.
        life: the life of its worker, from 0: the clients of a replacement start afresh.
    """
    seed = plan.scenario.seed if not life else random.Random(f'{plan.scenario.seed} life {life}').getrandbits(32)
    crashes = Crashes(seed + client, plan.scenario.crash_probability)
    patience = Patience(seed + client, as_wait(plan.scenario.wait))
    for turn in plan.scenario.workload(seed).turns(client):
        yield Turn(turn.thinking, turn.holding, turn.key or '', crashes.draw(), patience.draw())


def clients_of(plan: Plan, worker: int) -> range:
    """Return the numbers of a worker's clients."""
    clients = plan.scenario.workload().clients
    return range(0) if clients is None else range(worker, clients.number, plan.processes)


def quota(plan: Plan, worker: int) -> int | None:
    """Return how many jobs the clients of a worker make; ``None`` if only the time limits them."""
    jobs = plan.scenario.workload().expected_jobs
    return None if jobs is None else len(range(worker, jobs, plan.processes))


def numbers(plan: Plan, worker: int, begun: int) -> Iterator[int]:
    """Yield the numbers of the jobs of a worker's clients, after the first ``begun`` ones."""
    return itertools.count(worker + begun * plan.processes, plan.processes)
