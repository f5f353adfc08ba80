"""Define the network between workers and the server: its latency, time-out and retries."""

from dataclasses import dataclass
from numbers import Real
from typing import Any

from simulations.arguments import not_negative, positive, whole_number
from simulations.distributions import Holding
from simulations.distributions.parse import as_duration
from simulations.units import count, number


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network between the workers and the server.

    Args:
        latency: the seconds that each request and each reply takes: a number, or a distribution as
            an object or as a string that :func:`simulations.parse_holding` reads.  Each is drawn
            separately.
        timeout: the seconds after which a worker's client library (such as redis-py) stops waiting
            for a reply.
        retries: how often the client library then repeats the request before the worker sees an
            error.
        pause: the seconds before each such retry.

    Raises:
        TypeError, ValueError: a value is not allowed; the message names it.

    Example::

        Network(latency='exp:0.002', timeout=1.0, retries=3)
    """

    latency: Holding | float | str = 0.0
    timeout: float = 5.0
    retries: int = 0
    pause: float = 0.0

    def __post_init__(self) -> None:
        latency: Any = self.latency
        if isinstance(latency, Real):
            latency = f'const:{number(not_negative("latency", latency))}'
        self._set('latency', as_duration('latency', latency))
        self._set('timeout', positive('timeout', self.timeout))
        self._set('retries', whole_number('retries', self.retries))
        self._set('pause', not_negative('pause', self.pause))

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    @property
    def law(self) -> Holding:
        """The distribution of the latency."""
        law: Holding = self.latency  # type: ignore[assignment]  # __post_init__ converted it
        return law

    def __str__(self) -> str:
        text = f'latency {self.latency} s each way, time-out {number(self.timeout)} s'
        return f'{text}, {count(self.retries, "retry", "retries")} by the client library' if self.retries else text
