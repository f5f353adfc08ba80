"""ciw, a simulator of queueing networks: the load of the harness's rows, five servers and no queue."""

import time

import ciw

from tests.benchmarks.contention import Arena
from tests.benchmarks.others.subject import CannotError
from tests.benchmarks.rounds import Chunk


class Subject:
    """See ``subject.py``."""

    def __init__(self, socket: str) -> None:
        """It has no use for the server."""

    def chunk(self, measure: str) -> Chunk:
        """So many arrivals."""
        if measure != 'harness':
            raise CannotError('a simulator')
        return _simulate

    def arena(self, kind: str) -> Arena:
        """None."""
        raise CannotError('a simulator')


def _simulate(count: int) -> float:
    began = time.perf_counter()
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(rate=3.0)],
        service_distributions=[ciw.dists.Exponential(rate=1.0)],
        number_of_servers=[5],
        queue_capacities=[0],
    )
    ciw.seed(1)
    ciw.Simulation(network).simulate_until_max_customers(count, method='Arrive')
    return time.perf_counter() - began
