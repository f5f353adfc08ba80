"""Define the interface of a law of arrivals, and a base class for those of this package."""

import math
import random
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Protocol

from simulations.arguments import not_negative, real_number


class Arrivals(Protocol):
    """A law of arrivals; :func:`simulations.parse_arrivals` reads what ``str()`` returns."""

    @property
    def steady(self) -> bool:
        """Whether the law is the same at all times, or in each of many equal intervals.

        If so, a mean after the warm-up estimates the mean in the long run.
        """
        ...

    @property
    def period(self) -> float | None:
        """The seconds after which the law repeats; ``None`` if it never does, or is constant."""
        ...

    def instants(self, stream: random.Random) -> Iterator[float]:
        """Yield instants of arrival in seconds, from 0 and in order, possibly without end."""
        ...

    def rate(self) -> float:
        """Return the mean number of arrivals a second in the long run."""
        ...

    def words(self) -> str:
        """Describe the law for reports, as the beginning of a sentence."""
        ...

    def times(self, factor: float) -> 'Arrivals':
        """Return the law with the number of arrivals multiplied by ``factor``.

        Drawn from the same stream, the arrivals stay as similar as possible.
        """
        ...


class Process(ABC):
    """A law of arrivals that is steady and has no period, unless a subclass overrides this."""

    @property
    def steady(self) -> bool:
        return True

    @property
    def period(self) -> float | None:
        return None

    @abstractmethod
    def instants(self, stream: random.Random) -> Iterator[float]: ...

    @abstractmethod
    def rate(self) -> float: ...

    @abstractmethod
    def words(self) -> str: ...

    @abstractmethod
    def times(self, factor: float) -> 'Arrivals': ...


def positive_rate(rate: Any) -> float:
    """Return ``rate`` if it is finite and more than 0."""
    if real_number('rate', rate) <= 0 or math.isinf(rate):
        raise ValueError(f'rate must be finite and more than 0 arrivals a second, got {rate!r}')
    return float(rate)


def rate_of_many(rate: Any) -> float:
    """Return the rate of one of several states if it is finite and at least 0."""
    return not_negative('rate', rate)
