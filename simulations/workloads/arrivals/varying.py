"""Arrivals at a rate that changes with time: a day."""

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
    """A Poisson process whose rate runs through the same values each period, linearly from one to the next.

    Sampled by inversion of the cumulated rate (E. Cinlar, "Introduction to Stochastic Processes", 1975, chapter 4), so
    each arrival takes one number of the stream, and two rates see the same chance.

    Args:
        length: of the period, in seconds, more than 0.
        rates: arrivals a second, at least two of them, at equal distances over the period, the first at its
            beginning; from the last the rate runs on to the first one of the next period.  Not all may be 0.

    Example::

        Varying(86400, (1, 1, 8, 8)).rate()             # 4.5: calm from 0 to 6 h, busy from 12 to 18 h
    """

    length: float
    rates: tuple[float, ...]

    def __post_init__(self) -> None:
        """Raises ``TypeError`` or ``ValueError`` that names the value."""
        positive('period', self.length)
        object.__setattr__(self, 'rates', tuple(map(rate_of_many, self.rates)))
        if len(self.rates) < 2:
            raise ValueError(
                f'varying arrivals need at least two rates, got {self.rates!r}: write poisson:RATE for one'
            )
        if not 0 < sum(self.rates) * self.length < math.inf:
            raise ValueError(
                f'rates must not all be 0, nor too large to be counted over {number(self.length)} s, got {self.rates!r}'
            )

    @classmethod
    def sampled(cls, function: Callable[[float], float], period: float, points: int = 288) -> 'Varying':
        """The rates that a function of time has, at so many instants of one period.

        Args:
            function: arrivals a second at an instant in seconds, from 0 up to the period.
            period: in seconds.
            points: how many; 288 is one for each five minutes of a day.

        Raises:
            TypeError, ValueError: an argument or a rate is not so.

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
        # Counted anew in each period, so that no digit is lost after many.
        periods, expected, now = 0, 0.0, 0.0
        while True:
            more, expected = divmod(expected + stream.expovariate(1), cumulated[-1])
            periods += int(more)
            part = bisect_right(cumulated, expected, 1, len(parts)) - 1
            low, high = rates[part], rates[part + 1]
            due = (expected - cumulated[part]) / width
            # The root of low x + (high - low) x^2 / 2 = due in the form that does not cancel.
            root = low + math.sqrt(max(low * low + 2 * (high - low) * due, 0.0))
            within = min(2 * due / root, 1.0) if root else 0.0
            now = max(now, periods * self.length + (part + within) * width)
            yield now
