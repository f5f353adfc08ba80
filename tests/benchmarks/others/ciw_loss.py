"""The loss system of the harness's benchmark in ``ciw``, a simulator of queueing networks.

Runs where that one is installed.
"""

import time

import ciw

from tests.benchmarks.contention import Arena
from tests.benchmarks.harness.load import HOLDING_MEAN, RATE, SEED, SLOTS
from tests.benchmarks.others.subject import CannotError
from tests.benchmarks.rounds import Chunk


class Subject:
    """See ``subject.py``; it needs no server."""

    def __init__(self, socket: str) -> None:
        self._refused = 0

    def chunk(self, measure: str) -> Chunk:
        """``loss``: so many customers, in seconds; ``loss refused``: how many of the last run were turned away."""
        match measure:
            case 'loss':
                return self._run
            case 'loss refused':
                return lambda _: float(self._refused)
            case _:
                raise CannotError('not compared')

    def arena(self, kind: str) -> Arena:
        """There is none."""
        raise CannotError('not compared')

    def _run(self, jobs: int) -> float:
        began = time.perf_counter()
        ciw.seed(SEED)
        network = ciw.create_network(
            arrival_distributions=[ciw.dists.Exponential(RATE)],
            service_distributions=[ciw.dists.Exponential(1 / HOLDING_MEAN)],
            number_of_servers=[SLOTS],
            queue_capacities=[0],
        )
        simulation = ciw.Simulation(network)
        # It stops as the last one arrives, and need not see the last few off.
        simulation.simulate_until_max_customers(jobs, method='Arrive')
        took = time.perf_counter() - began
        arrived = simulation.nodes[0]
        self._refused = arrived.number_of_individuals - arrived.number_accepted_individuals
        return took
