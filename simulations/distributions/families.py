"""Define distributions of the holding time with one or two parameters, in closed form."""

import math
import random
from dataclasses import dataclass, fields

from simulations.arguments import real_number
from simulations.distributions.base import Distribution
from simulations.units import number


class _Parameters(Distribution):
    """A distribution whose parameters are finite numbers; a frozen dataclass."""

    def _check(self, fits: bool, rule: str) -> None:
        if not fits:
            raise ValueError(f'holding {self}: {rule}')

    def _check_numbers(self) -> None:
        for field in fields(self):  # type: ignore[arg-type]  # every subclass is a dataclass
            value = getattr(self, field.name)
            if math.isinf(real_number(field.name, value)):
                raise ValueError(f'{field.name} must be finite, got {value!r}')


@dataclass(frozen=True)
class Exponential(_Parameters):
    """The exponential distribution, without memory: the usual assumption about unknown work."""

    seconds: float

    def __post_init__(self) -> None:
        self._check_numbers()
        self._check(self.seconds > 0, 'its mean must be more than 0')

    def __str__(self) -> str:
        return f'exp:{number(self.seconds)}'

    def draw(self, stream: random.Random) -> float:
        return stream.expovariate(1 / self.seconds)

    def mean(self) -> float:
        return self.seconds

    def _until(self, life: float) -> float:
        return self.seconds * -math.expm1(-life / self.seconds)

    def _beyond(self, life: float) -> float:
        return self.seconds * math.exp(-life / self.seconds)

    def share_beyond(self, seconds: float) -> float:
        return math.exp(-seconds / self.seconds)


@dataclass(frozen=True)
class Constant(_Parameters):
    """A duration that is always the same."""

    seconds: float

    def __post_init__(self) -> None:
        self._check_numbers()
        self._check(self.seconds >= 0, 'it must be at least 0')

    def __str__(self) -> str:
        return f'const:{number(self.seconds)}'

    def draw(self, stream: random.Random) -> float:  # noqa: ARG002 - nothing is random here
        return self.seconds

    def mean(self) -> float:
        return self.seconds

    def _until(self, life: float) -> float:
        return min(self.seconds, life)

    def _beyond(self, life: float) -> float:
        return max(self.seconds - life, 0.0)

    def share_beyond(self, seconds: float) -> float:
        return float(self.seconds > seconds)


@dataclass(frozen=True)
class Uniform(_Parameters):
    """The uniform distribution between two bounds."""

    low: float
    high: float

    def __post_init__(self) -> None:
        self._check_numbers()
        self._check(0 <= self.low <= self.high, 'it needs 0 <= low <= high')

    def __str__(self) -> str:
        return f'uniform:{number(self.low)}:{number(self.high)}'

    def draw(self, stream: random.Random) -> float:
        return stream.uniform(self.low, self.high)

    def mean(self) -> float:
        return (self.low + self.high) / 2

    def _until(self, life: float) -> float:
        if life <= self.low:
            return life
        if life >= self.high:
            return self.mean()
        within = (life - self.low) / (self.high - self.low)
        return within * (self.low + life) / 2 + (1 - within) * life

    def _beyond(self, life: float) -> float:
        if life <= self.low:
            return self.mean() - life
        if life >= self.high:
            return 0.0
        return (self.high - life) / (self.high - self.low) * (self.high - life) / 2

    def share_beyond(self, seconds: float) -> float:
        if seconds < self.low:
            return 1.0
        return (self.high - seconds) / (self.high - self.low) if seconds < self.high else 0.0


@dataclass(frozen=True)
class Lognormal(_Parameters):
    """The lognormal distribution: many short durations, a few very long ones.

    The logarithm is normal with mean ``mu`` and standard deviation ``sigma``.
    """

    mu: float
    sigma: float

    def __post_init__(self) -> None:
        self._check_numbers()
        self._check(0 < self.sigma < 100, 'sigma must be more than 0, and less than 100')
        self._check(self.mu + self.sigma**2 / 2 < 700, 'its mean is too large: mu + sigma^2 / 2 must be less than 700')

    def __str__(self) -> str:
        return f'lognormal:{number(self.mu)}:{number(self.sigma)}'

    def draw(self, stream: random.Random) -> float:
        return stream.lognormvariate(self.mu, self.sigma)

    def mean(self) -> float:
        return math.exp(self.mu + self.sigma**2 / 2)

    # The partial expectations of the lognormal distribution below and above a life.

    def _until(self, life: float) -> float:
        point = (math.log(life) - self.mu) / self.sigma
        return self.mean() * _normal_above(self.sigma - point) + life * _normal_above(point)

    def _beyond(self, life: float) -> float:
        point = (math.log(life) - self.mu) / self.sigma
        return max(self.mean() * _normal_above(point - self.sigma) - life * _normal_above(point), 0.0)

    def share_beyond(self, seconds: float) -> float:
        return _normal_above((math.log(seconds) - self.mu) / self.sigma) if seconds else 1.0


_LEAST_SHAPE = 0.1
"""With a smaller shape of :class:`Pareto`, draws would not fit a float."""


@dataclass(frozen=True)
class Pareto(_Parameters):
    """The Pareto distribution: a few durations are enormous.

    A duration is at least ``minimum``, and more than x with probability (minimum/x)^shape.  With a
    shape of 1 or less the mean is infinite, so slots must expire.  With a shape of 2 or less, a run
    of the usual length does not reach the mean.
    """

    shape: float
    minimum: float

    def __post_init__(self) -> None:
        self._check_numbers()
        self._check(self.shape >= _LEAST_SHAPE, f'its shape must be at least {_LEAST_SHAPE}')
        self._check(self.minimum > 0, 'its minimum must be more than 0')
        self._check(self.shape <= 1 or math.isfinite(self.mean()), 'its mean does not fit a float')

    def __str__(self) -> str:
        return f'pareto:{number(self.shape)}:{number(self.minimum)}'

    def draw(self, stream: random.Random) -> float:
        return self.minimum * stream.paretovariate(self.shape)

    def mean(self) -> float:
        return self.minimum * (self.shape / (self.shape - 1)) if self.shape > 1 else math.inf

    # E[S; S > x] and the like are integrals of (minimum/x)^shape.

    def _until(self, life: float) -> float:
        if life <= self.minimum:
            return life
        excess = self.shape - 1
        if not excess:
            return self.minimum * (1 + math.log(life / self.minimum))
        return self.minimum * (1 - math.expm1(excess * math.log(self.minimum / life)) / excess)

    def _beyond(self, life: float) -> float:
        if life <= self.minimum or self.shape <= 1:
            return self.mean() - life
        return life * math.pow(self.minimum / life, self.shape) / (self.shape - 1)

    def share_beyond(self, seconds: float) -> float:
        return math.pow(self.minimum / seconds, self.shape) if seconds > self.minimum else 1.0


def _normal_above(point: float) -> float:
    """Return the probability that a standard normal variable is above ``point``, tails included."""
    return math.erfc(point / math.sqrt(2)) / 2
