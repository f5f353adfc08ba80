"""Arrivals by the clock."""

import itertools
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

from simulations.arguments import not_negative, positive, whole_number
from simulations.units import number
from simulations.workloads.arrivals.base import Process


@dataclass(frozen=True)
class Periodic(Process):
    """So many jobs each so many seconds, the first at 0: a timer, or a nightly batch.

    Args:
        interval: seconds from one instant to the next, more than 0.
        together: jobs at each, at least 1.
        spread: each job comes later than its instant by a time of its own, drawn uniformly from 0 up to this, in
            seconds; at most the interval, and 0 by default: all at once.

    Example::

        Periodic(86400, together=500, spread=60)        # 500 jobs in the first minute of each day
    """

    interval: float
    together: int = 1
    spread: float = 0.0

    def __post_init__(self) -> None:
        """Raises ``TypeError`` or ``ValueError`` that names the value."""
        positive('interval', self.interval)
        whole_number('together', self.together, 1)
        not_negative('spread', self.spread)
        if self.spread > self.interval:
            raise ValueError(f'spread must be at most the interval of {number(self.interval)} s, got {self.spread!r}')
        if not math.isfinite(self.rate()):
            raise ValueError(f'interval must not be so short that arrivals cannot be counted, got {self.interval!r}')

    def __str__(self) -> str:
        text = f'periodic:{number(self.interval)}'
        if self.together != 1 or self.spread:
            text += f':{self.together}'
        return text + f':{number(self.spread)}' * bool(self.spread)

    def words(self) -> str:
        jobs = 'an arrival' if self.together == 1 else f'{self.together:,} arrivals'
        within = f', within {self.spread:g} s' if self.spread else ', at once' if self.together > 1 else ''
        return f'{jobs} every {self.interval:g} s{within}'

    @property
    def steady(self) -> bool:
        return self.together == 1

    @property
    def period(self) -> float:
        return float(self.interval)

    def rate(self) -> float:
        return self.together / self.interval

    def times(self, factor: float) -> 'Periodic':
        """A batch has so many times as many jobs, to the nearest whole number; single jobs come so much more often."""
        if self.together > 1:
            return Periodic(self.interval, max(1, round(self.together * factor)), self.spread)
        return Periodic(self.interval / factor, 1, self.spread / factor)

    def instants(self, stream: random.Random) -> Iterator[float]:
        interval, spread, jobs = float(self.interval), float(self.spread), range(self.together)
        for count in itertools.count():
            start, end = count * interval, (count + 1) * interval
            if spread:
                for delay in sorted(stream.random() * spread for _ in jobs):
                    yield min(start + delay, end)
            else:
                yield from itertools.repeat(start, self.together)
