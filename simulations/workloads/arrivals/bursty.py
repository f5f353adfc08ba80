"""Draw arrivals in bursts."""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

from simulations.arguments import not_negative, positive
from simulations.units import number
from simulations.workloads.arrivals.base import Process, rate_of_many


@dataclass(frozen=True)
class Bursty(Process):
    """A Markov-modulated Poisson process: Poisson arrivals at the rate of a state that changes.

    The states are visited in turn, again and again; each lasts for an exponential time.  The first
    state is drawn by the share of time that each has in the long run, so the process is steady from
    the first instant.

    Args:
        states: at least two pairs of a rate, in arrivals a second, and the mean duration of the
            state in seconds.  Some rates may be 0, but not all.

    Example::

        Bursty(((1, 60), (20, 5))).rate()   # 2.4615...: a minute of calm, then five seconds of rush
    """

    states: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        """Raise ``TypeError`` or ``ValueError`` for an argument that is not allowed."""
        try:
            states = tuple((rate, mean) for rate, mean in self.states)
        except (TypeError, ValueError):
            raise TypeError(f'states must be pairs of a rate and a mean duration, not {self.states!r}') from None
        if len(states) < 2:
            raise ValueError(f'bursty arrivals need at least two states, got {states!r}: write poisson:RATE for one')
        object.__setattr__(self, 'states', tuple((rate_of_many(rate), positive('mean', mean)) for rate, mean in states))
        if any(math.isinf(1 / mean) for _, mean in self.states) or not math.isfinite(self.rate()):
            raise ValueError(f'arrivals {self}: a rate is too large, or a duration is too long or too short')
        if not self.rate():
            raise ValueError(f'arrivals {self}: at least one rate must be more than 0')

    def __str__(self) -> str:
        return 'bursty:' + ':'.join(f'{number(rate)}:{number(mean)}' for rate, mean in self.states)

    def words(self) -> str:
        states = ', then '.join(f'{rate:g} a second for {mean:g} s' for rate, mean in self.states)
        return f'bursty arrivals, {states}, on average'

    def rate(self) -> float:
        return sum(rate * mean for rate, mean in self.states) / sum(mean for _, mean in self.states)

    def index_of_dispersion(self, window: float = math.inf) -> float:
        """Return the variance of the number of arrivals in a window, divided by its mean.

        It is 1 for Poisson arrivals and more than 1 here.  For an infinite window it is 1 + sum((r
        - r')^2 m^2) / sum(r m) over the states with rate r and mean duration m, where r' is the
        mean rate: a cycle through the states has r m arrivals in each while r' m are expected, and
        sojourns are independent and exponential.  With two states the part beyond 1 approaches this
        limit as 1 - (1 - exp(-s t)) / (s t), with s = 1/m1 + 1/m2.

        Source: H. Heffes and D. Lucantoni, "A Markov modulated characterization of packetized voice
        and data traffic and related statistical multiplexer performance", IEEE Journal on Selected
        Areas in Communications 4, 1986.

        Args:
            window: the length of the window in seconds, at least 0; infinite by default.

        Raises:
            TypeError, ValueError: ``window`` is not such a number, or is finite although there are
                more than two states.

        Example::

            Bursty(((1, 60), (20, 5))).index_of_dispersion()            # 97.1...
        """
        window = not_negative('window', window, infinite=True)
        mean = self.rate()
        beyond = sum(((rate - mean) * lasts) ** 2 for rate, lasts in self.states)
        beyond /= sum(rate * lasts for rate, lasts in self.states)
        if math.isinf(window):
            return 1 + beyond
        if len(self.states) > 2:
            raise ValueError(f'window must be infinite for {len(self.states)} states, got {window!r}')
        elapsed = window * sum(1 / lasts for _, lasts in self.states)
        return 1 + beyond * (1 + math.expm1(-elapsed) / elapsed) if elapsed else 1.0

    def times(self, factor: float) -> 'Bursty':
        return Bursty(tuple((rate * factor, mean) for rate, mean in self.states))

    def instants(self, stream: random.Random) -> Iterator[float]:
        [state] = stream.choices(range(len(self.states)), [mean for _, mean in self.states])
        begin = 0.0
        while True:
            rate, mean = self.states[state]
            end = begin + stream.expovariate(1 / mean)
            if rate:
                now = begin + stream.expovariate(rate)
                while now < end:
                    yield now
                    now += stream.expovariate(rate)
            begin = end
            state = (state + 1) % len(self.states)
