"""What a law of arrivals can do, and what those of this package share."""

import math
import random
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Protocol

from simulations.arguments import not_negative, real_number


class Arrivals(Protocol):
    """A law of arrivals; ``str()`` of one is what :func:`simulations.parse_arrivals` reads."""

    @property
    def steady(self) -> bool:
        """Whether the law is the same at all times, so that a mean after a warm-up is one in the long run."""
        ...

    @property
    def period(self) -> float | None:
        """After how many seconds the law repeats itself; ``None`` if it does not, or at every instant."""
        ...

    def instants(self, stream: random.Random) -> Iterator[float]:
        """Instants of arrival in seconds, from 0 on, none before the one before it; perhaps without end."""
        ...

    def rate(self) -> float:
        """Arrivals a second in the long run."""
        ...

    def words(self) -> str:
        """What it is, for reports: the beginning of a sentence."""
        ...

    def times(self, factor: float) -> 'Arrivals':
        """The same with so many times as many arrivals; drawn from the same stream, they stay as alike as can be."""
        ...


class Process(ABC):
    """A law that is steady and has no period, unless it says otherwise."""

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
    """Arrivals a second, more than 0 and finite."""
    if real_number('rate', rate) <= 0 or math.isinf(rate):
        raise ValueError(f'rate must be more than 0 arrivals a second, got {rate!r}')
    return float(rate)


def rate_of_many(rate: Any) -> float:
    """Arrivals a second of one of several states, of which not all may be 0."""
    return not_negative('rate', rate)
