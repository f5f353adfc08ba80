"""The way between workers and the server: how long it takes, and what a worker's driver does when no reply comes."""

from dataclasses import dataclass
from numbers import Real
from typing import Any

from simulations.arguments import not_negative, positive, whole_number
from simulations.distributions import Holding
from simulations.distributions.parse import as_holding
from simulations.units import number


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network.

    Args:
        latency: seconds that a request takes to the server, and a reply back, each drawn anew: a number, or a
            distribution as :func:`simulations.parse_holding` reads it.
        timeout: seconds after which a worker's driver waits no longer for a reply.
        retries: how often the driver then asks again by itself, before the worker sees an error.
        pause: seconds before each of these.

    Raises:
        TypeError, ValueError: a value cannot be; it is named.

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
        self._set('latency', as_holding('latency', latency))
        self._set('timeout', positive('timeout', self.timeout))
        self._set('retries', whole_number('retries', self.retries))
        self._set('pause', not_negative('pause', self.pause))

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    @property
    def law(self) -> Holding:
        """The distribution of the latency."""
        law: Holding = self.latency  # type: ignore[assignment]  # __post_init__ made one of it
        return law

    def __str__(self) -> str:
        text = f'latency {self.latency} s each way, time-out {number(self.timeout)} s'
        return f'{text}, {self.retries} retries of the driver' if self.retries else text
