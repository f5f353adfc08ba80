"""Distributions of the holding time: how long a body runs, in seconds.

Each can draw a value, and knows its mean and the mean of what an expiry leaves of it, which is all that
the theory of a pool needs to know.
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Protocol


class Holding(Protocol):
    """A distribution of holding times; ``str()`` of one is what :func:`parse_holding` reads."""

    def draw(self, stream: random.Random) -> float:
        """A holding time in seconds."""
        ...

    def mean(self) -> float:
        """E[S], in seconds."""
        ...

    def mean_until(self, slot_exp: float) -> float:
        """E[min(S, slot_exp)], in seconds: how long a slot is occupied that expires after ``slot_exp``."""
        ...


@dataclass(frozen=True)
class Exponential:
    """Without memory: the usual guess about unknown work."""

    seconds: float

    def __post_init__(self) -> None:
        _check(self, self.seconds > 0, 'its mean must be more than 0')

    def __str__(self) -> str:
        return f'exp:{number(self.seconds)}'

    def draw(self, stream: random.Random) -> float:
        return stream.expovariate(1 / self.seconds)

    def mean(self) -> float:
        return self.seconds

    def mean_until(self, slot_exp: float) -> float:
        return self.seconds * -math.expm1(-slot_exp / self.seconds)


@dataclass(frozen=True)
class Constant:
    """Always the same."""

    seconds: float

    def __post_init__(self) -> None:
        _check(self, self.seconds >= 0, 'it must be at least 0')

    def __str__(self) -> str:
        return f'const:{number(self.seconds)}'

    def draw(self, stream: random.Random) -> float:  # noqa: ARG002 - nothing is random here
        return self.seconds

    def mean(self) -> float:
        return self.seconds

    def mean_until(self, slot_exp: float) -> float:
        return min(self.seconds, slot_exp)


@dataclass(frozen=True)
class Uniform:
    """Anything between two bounds."""

    low: float
    high: float

    def __post_init__(self) -> None:
        _check(self, 0 <= self.low <= self.high, 'it needs 0 <= low <= high')

    def __str__(self) -> str:
        return f'uniform:{number(self.low)}:{number(self.high)}'

    def draw(self, stream: random.Random) -> float:
        return stream.uniform(self.low, self.high)

    def mean(self) -> float:
        return (self.low + self.high) / 2

    def mean_until(self, slot_exp: float) -> float:
        if slot_exp <= self.low:
            return slot_exp
        if slot_exp >= self.high:
            return self.mean()
        within = (slot_exp - self.low) / (self.high - self.low)
        return within * (self.low + slot_exp) / 2 + (1 - within) * slot_exp


@dataclass(frozen=True)
class Lognormal:
    """Its logarithm is normal with mean ``mu`` and deviation ``sigma``: many short, few very long."""

    mu: float
    sigma: float

    def __post_init__(self) -> None:
        _check(self, 0 < self.sigma < 100, 'sigma must be more than 0, and less than 100')
        _check(self, self.mu + self.sigma**2 / 2 < 700, 'its mean is too large to be counted in seconds')

    def __str__(self) -> str:
        return f'lognormal:{number(self.mu)}:{number(self.sigma)}'

    def draw(self, stream: random.Random) -> float:
        return stream.lognormvariate(self.mu, self.sigma)

    def mean(self) -> float:
        return math.exp(self.mu + self.sigma**2 / 2)

    def mean_until(self, slot_exp: float) -> float:
        # The partial expectation of the lognormal distribution, and what lies beyond.
        point = (math.log(slot_exp) - self.mu) / self.sigma
        below = self.mean() * NormalDist().cdf(point - self.sigma)
        return below + slot_exp * NormalDist().cdf(-point)


def number(value: float) -> str:
    """A number as one would write it, with every digit that it has."""
    return repr(float(value)).removesuffix('.0')


_FORMS: dict[str, tuple[Callable[..., Holding], str]] = {
    'exp': (Exponential, 'exp:MEAN'),
    'const': (Constant, 'const:X'),
    'uniform': (Uniform, 'uniform:A:B'),
    'lognormal': (Lognormal, 'lognormal:MU:SIGMA'),
}


def parse_holding(text: str) -> Holding:
    """Read ``exp:MEAN``, ``const:X``, ``uniform:A:B`` or ``lognormal:MU:SIGMA``, in seconds.

    Raises ``ValueError`` that says what was wrong.

    Example::

        parse_holding('exp:1.5').mean()                     # 1.5
    """
    name, *numbers = text.split(':')
    if name not in _FORMS:
        raise ValueError(f'holding {text!r}: write {_forms()}')
    make, form = _FORMS[name]
    try:
        values = [float(number) for number in numbers]
    except ValueError:
        raise ValueError(f'holding {text!r}: write {form}, with numbers') from None
    if len(values) != form.count(':') or not all(map(math.isfinite, values)):
        raise ValueError(f'holding {text!r}: write {form}, with finite numbers')
    return make(*values)


def _forms() -> str:
    forms = [form for _, form in _FORMS.values()]
    return ', '.join(forms[:-1]) + ' or ' + forms[-1]


def _check(holding: Holding, fits: bool, rule: str) -> None:
    if not fits:
        raise ValueError(f'holding {holding}: {rule}')
