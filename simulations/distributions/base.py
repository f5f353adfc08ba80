"""What a distribution of the holding time can do, and what those of this package share."""

import math
import random
from abc import ABC, abstractmethod
from typing import Protocol

from simulations.arguments import not_negative


class Holding(Protocol):
    """A distribution of holding times; ``str()`` of one is what :func:`simulations.parse_holding` reads."""

    def draw(self, stream: random.Random) -> float:
        """A holding time in seconds."""
        ...

    def mean(self) -> float:
        """E[S], in seconds."""
        ...

    def mean_until(self, slot_exp: float) -> float:
        """E[min(S, slot_exp)], in seconds: how long a slot is occupied that expires after ``slot_exp``."""
        ...

    def mean_beyond(self, slot_exp: float) -> float:
        """E[max(S - slot_exp, 0)], in seconds: how long a body runs beyond its slot."""
        ...


class Distribution(ABC):
    """Checks a life once for all, and knows the two ends of its range.

    ``mean_beyond`` is ``mean - mean_until``, but not computed so: far out the two are equal in all their digits.
    """

    @abstractmethod
    def draw(self, stream: random.Random) -> float: ...

    @abstractmethod
    def mean(self) -> float: ...

    def mean_until(self, slot_exp: float) -> float:
        life = not_negative('slot_exp', slot_exp, infinite=True)
        if not life:
            return 0.0
        return self.mean() if math.isinf(life) else self._until(life)

    def mean_beyond(self, slot_exp: float) -> float:
        life = not_negative('slot_exp', slot_exp, infinite=True)
        if not life:
            return self.mean()
        return 0.0 if math.isinf(life) else self._beyond(life)

    @abstractmethod
    def _until(self, life: float) -> float:
        """E[min(S, life)] of a finite life of more than 0."""

    @abstractmethod
    def _beyond(self, life: float) -> float:
        """E[max(S - life, 0)] of such a life."""
