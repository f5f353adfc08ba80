"""The load of the harness's benchmark in ``ciw``, a simulator of queueing networks.

It runs in an environment that has ``ciw``.
"""

import math
import time

import ciw

from tests.benchmarks.contention import Arena
from tests.benchmarks.harness.load import HOLDING_MEAN, RATE, SEED, SLOTS
from tests.benchmarks.others.subject import CannotError
from tests.benchmarks.rounds import Chunk
from tests.benchmarks.waiting import Crowd


class Subject:
    """The subject for ``ciw``, see ``subject.py``; it needs no server."""

    def __init__(self, socket: str) -> None:
        self._refused = 0

    def chunk(self, measure: str) -> Chunk:
        """Return ``loss`` or ``queue``, which run jobs, or ``loss refused`` of the last run."""
        match measure:
            case 'loss':
                return lambda jobs: self._run(jobs, places=0)
            case 'queue':
                return lambda jobs: self._run(jobs, places=math.inf)
            case 'loss refused':
                return lambda _: float(self._refused)
            case _:
                raise CannotError('not compared')

    def arena(self, kind: str) -> Arena:
        """Raise ``CannotError``, because ``ciw`` has no actors."""
        raise CannotError('not compared')

    def crowd(self, kind: str, workers: int, body: float) -> Crowd:
        """Raise ``CannotError``, because ``ciw`` has no workers."""
        raise CannotError('not compared')

    def _run(self, jobs: int, places: float) -> float:
        began = time.perf_counter()
        ciw.seed(SEED)
        network = ciw.create_network(
            arrival_distributions=[ciw.dists.Exponential(RATE)],
            service_distributions=[ciw.dists.Exponential(1 / HOLDING_MEAN)],
            number_of_servers=[SLOTS],
            queue_capacities=[places],
        )
        simulation = ciw.Simulation(network)
        # It stops when the last customer arrives, and need not wait for the last ones to leave.
        simulation.simulate_until_max_customers(jobs, method='Arrive')
        took = time.perf_counter() - began
        arrived = simulation.nodes[0]
        self._refused = arrived.number_of_individuals - arrived.number_accepted_individuals
        return took
