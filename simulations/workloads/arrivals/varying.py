"""Draw arrivals at a rate that changes with time, such as over a day."""

import itertools
import math
import random
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from simulations.arguments import positive, whole_number
from simulations.units import number
from simulations.workloads.arrivals.base import Process, rate_of_many


@dataclass(frozen=True)
class Varying(Process):
    """A Poisson process whose rate repeats each period and is linear between given values.

    It is sampled by inversion of the cumulative rate (E. Cinlar, "Introduction to Stochastic
    Processes", 1975, chapter 4).  Each arrival takes one number of the stream, so two laws with
    different rates use the same random numbers.

    Args:
        length: the length of the period in seconds, more than 0.
        rates: at least two rates, in arrivals a second, equally spaced over the period.  The first
            is the rate at its beginning; after the last, the rate moves to the first of the next
            period. Some may be 0, but not all.

    Example::

        Varying(86400, (1, 1, 8, 8)).rate()  # 4.5: calm from 0 to 6 h, busy from 12 to 18 h
    """

    length: float
    rates: tuple[float, ...]

    def __post_init__(self) -> None:
        """Raise ``TypeError`` or ``ValueError`` for an argument that is not allowed."""
        positive('period', self.length)
        object.__setattr__(self, 'rates', tuple(map(rate_of_many, self.rates)))
        if len(self.rates) < 2:
            raise ValueError(
                f'varying arrivals need at least two rates, got {self.rates!r}: write poisson:RATE for one'
            )
        if not 0 < sum(self.rates) * self.length < math.inf:
            raise ValueError(
                f'rates must not all be 0, nor so large that the arrivals in {number(self.length)} s do not fit a'
                f' float, got {self.rates!r}'
            )

    @classmethod
    def sampled(cls, function: Callable[[float], float], period: float, points: int = 288) -> 'Varying':
        """Sample the rates from a function of time at equally spaced instants of one period.

        Args:
            function: returns the arrivals a second at an instant in seconds, from 0 up to the
                period.
            period: the period in seconds.
            points: the number of instants; 288 is one for each five minutes of a day.

        Raises:
            TypeError, ValueError: an argument or a rate is not allowed; the message names it.

        Example::

            Varying.sampled(lambda now: 5 - 4 * math.cos(2 * math.pi * now / 86400), period=86400)
        """
        period, points = positive('period', period), whole_number('points', points, 2)
        return cls(period, tuple(function(point * period / points) for point in range(points)))

    def __str__(self) -> str:
        return f'varying:{number(self.length)}:' + ':'.join(map(number, self.rates))

    def words(self) -> str:
        low, high = min(self.rates), max(self.rates)
        return f'arrivals at {low:g} to {high:g} a second, varying over {self.length:g} s'

    @property
    def steady(self) -> bool:
        return False

    @property
    def period(self) -> float:
        return float(self.length)

    def rate(self) -> float:
        return sum(self.rates) / len(self.rates)

    def times(self, factor: float) -> 'Varying':
        return Varying(self.length, tuple(rate * factor for rate in self.rates))

    def instants(self, stream: random.Random) -> Iterator[float]:
        rates = [*self.rates, self.rates[0]]
        width = self.length / len(self.rates)
        parts = [width * (low + high) / 2 for low, high in itertools.pairwise(rates)]
        cumulated = [0.0, *itertools.accumulate(parts)]
        # Counted separately in each period, so that no digits are lost after many periods.
        periods, expected, now = 0, 0.0, 0.0
        while True:
            more, expected = divmod(expected + stream.expovariate(1), cumulated[-1])
            periods += int(more)
            part = bisect_right(cumulated, expected, 1, len(parts)) - 1
            low, high = rates[part], rates[part + 1]
            due = (expected - cumulated[part]) / width
            # The root of low x + (high - low) x^2 / 2 = due, in the form without cancellation.
            root = low + math.sqrt(max(low * low + 2 * (high - low) * due, 0.0))
            within = min(2 * due / root, 1.0) if root else 0.0
            now = max(now, periods * self.length + (part + within) * width)
            yield now
