"""Draw arrivals at random."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from simulations.units import number
from simulations.workloads.arrivals.base import Process, positive_rate


@dataclass(frozen=True)
class PoissonArrivals(Process):
    """A Poisson process: many independent users.

    Args:
        per_second: the mean number of arrivals a second, more than 0.

    Example::

        PoissonArrivals(6).rate()           # 6.0
    """

    per_second: float

    def __post_init__(self) -> None:
        """Raise ``TypeError`` or ``ValueError`` for an argument that is not allowed."""
        positive_rate(self.per_second)

    def __str__(self) -> str:
        return f'poisson:{number(self.per_second)}'

    def words(self) -> str:
        return f'Poisson arrivals, {self.per_second:g} a second'

    def rate(self) -> float:
        return float(self.per_second)

    def times(self, factor: float) -> 'PoissonArrivals':
        return PoissonArrivals(self.per_second * factor)

    def instants(self, stream: random.Random) -> Iterator[float]:
        now = 0.0
        while True:
            now += stream.expovariate(self.per_second)
            yield now
