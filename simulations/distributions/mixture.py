"""Mix the distributions of several kinds of jobs."""

import math
import random
from dataclasses import dataclass

from simulations.arguments import positive
from simulations.distributions.base import Distribution, Holding
from simulations.units import number


@dataclass(frozen=True)
class Mixture(Distribution):
    """A weighted mixture of distributions, for example if one job in a hundred hangs.

    Args:
        parts: pairs of a weight, more than 0, and a distribution that is not itself a mixture.  The
            weights need not sum to 1.

    Example::

        Mixture(((0.99, Exponential(1)), (0.01, Constant(30)))).mean()          # 1.29
    """

    parts: tuple[tuple[float, Holding], ...]

    def __post_init__(self) -> None:
        """Raise ``TypeError`` or ``ValueError`` for a part that is not allowed."""
        try:
            parts = tuple((weight, holding) for weight, holding in self.parts)
        except (TypeError, ValueError):
            raise TypeError(f'parts must be pairs of a weight and a distribution, not {self.parts!r}') from None
        if not parts:
            raise ValueError('a mixture needs at least one part')
        for weight, holding in parts:
            positive('weight', weight)
            if not hasattr(holding, 'mean_until'):
                raise TypeError(f'a part of a mixture must be a distribution, not {holding!r}')
        mixtures = [holding for _, holding in parts if isinstance(holding, Mixture)]
        if mixtures:
            raise ValueError(f'a part of a mixture must not be a mixture: list the parts of {mixtures[0]} instead')
        object.__setattr__(self, 'parts', parts)
        endless = any(math.isinf(holding.mean()) for _, holding in parts)
        if not math.isfinite(self._weight()) or not (endless or math.isfinite(self.mean())):
            raise ValueError(f'holding {self}: its weights or its mean are too large')

    def __str__(self) -> str:
        return 'mix:' + '+'.join(f'{number(weight)}*{holding}' for weight, holding in self.parts)

    def draw(self, stream: random.Random) -> float:
        [(_, holding)] = stream.choices(self.parts, [weight for weight, _ in self.parts])
        return holding.draw(stream)

    def mean(self) -> float:
        return sum(weight * holding.mean() for weight, holding in self.parts) / self._weight()

    def _until(self, life: float) -> float:
        return sum(weight * holding.mean_until(life) for weight, holding in self.parts) / self._weight()

    def _beyond(self, life: float) -> float:
        return sum(weight * holding.mean_beyond(life) for weight, holding in self.parts) / self._weight()

    def share_beyond(self, seconds: float) -> float:
        """Return P(S > seconds); ``AttributeError`` if a part has no such method."""
        return sum(weight * part.share_beyond(seconds) for weight, part in self.parts) / self._weight()  # type: ignore[attr-defined]

    def _weight(self) -> float:
        return sum(weight for weight, _ in self.parts)
