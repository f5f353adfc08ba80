"""Draw arrivals at regular intervals."""

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
    """A number of jobs at regular intervals, the first at 0: a timer, or a nightly batch.

    Args:
        interval: the seconds from one instant to the next, more than 0.
        together: the number of jobs at each instant, at least 1.
        spread: the largest delay of a job after its instant, in seconds; each delay is drawn
            uniformly from 0 up to this.  At most the interval; by default 0, so that all arrive
            together.

    Example::

        Periodic(86400, together=500, spread=60)        # 500 jobs in the first minute of each day
    """

    interval: float
    together: int = 1
    spread: float = 0.0

    def __post_init__(self) -> None:
        """Raise ``TypeError`` or ``ValueError`` for an argument that is not allowed."""
        positive('interval', self.interval)
        whole_number('together', self.together, 1)
        not_negative('spread', self.spread)
        if self.spread > self.interval:
            raise ValueError(f'spread must be at most the interval of {number(self.interval)} s, got {self.spread!r}')
        if not math.isfinite(self.rate()):
            raise ValueError(f'interval is too short: its rate of arrivals does not fit a float, got {self.interval!r}')

    def __str__(self) -> str:
        text = f'periodic:{number(self.interval)}'
        if self.together != 1 or self.spread:
            text += f':{self.together}'
        return text + f':{number(self.spread)}' * bool(self.spread)

    def words(self) -> str:
        jobs = 'an arrival' if self.together == 1 else f'{self.together:,} arrivals'
        within = f', within {self.spread:g} s' if self.spread else ', all together' if self.together > 1 else ''
        return f'{jobs} every {self.interval:g} s{within}'

    @property
    def period(self) -> float:
        return float(self.interval)

    def rate(self) -> float:
        return self.together / self.interval

    def times(self, factor: float) -> 'Periodic':
        """Return the law with the number of arrivals multiplied by ``factor``.

        A batch gets more jobs, rounded to a whole number, at least 1; single jobs get a shorter
        interval.
        """
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
