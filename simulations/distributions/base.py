"""Define the interface of a distribution, and a base class for those of this package."""

import math
import random
from abc import ABC, abstractmethod
from typing import Protocol

from simulations.arguments import not_negative


class Holding(Protocol):
    """A distribution of holding times.

    :func:`simulations.parse_holding` reads what ``str()`` returns.
    """

    def draw(self, stream: random.Random) -> float:
        """Draw a holding time in seconds."""
        ...

    def mean(self) -> float:
        """Return the mean E[S] in seconds, which may be infinite."""
        ...

    def mean_until(self, slot_exp: float) -> float:
        """Return E[min(S, slot_exp)], the mean time in seconds for which a slot is occupied.

        The slot expires after ``slot_exp`` seconds.
        """
        ...

    def mean_beyond(self, slot_exp: float) -> float:
        """Return E[max(S - slot_exp, 0)], the mean seconds for which a body outlives its slot."""
        ...


def check_slots_are_freed(holding: Holding, slot_exp: float | None, renew_for: float | None = 0.0) -> None:
    """Check that a slot is occupied for a finite time on average.

    Raises:
        ValueError: slots never expire, or are renewed as long as the body runs, and the mean
            holding time is infinite.
    """
    if slot_exp is None and math.isinf(holding.mean()):
        raise ValueError(
            f'holding {holding} has an infinite mean, so in the long run slots that never expire would all be taken:'
            ' set slot_exp'
        )
    if renew_for is None and math.isinf(holding.mean()):
        raise ValueError(
            f'holding {holding} has an infinite mean, so in the long run slots that are renewed as long as a body runs'
            ' would all be taken: set renew_for to a number of seconds'
        )


class Distribution(ABC):
    """A base class that checks an expiry and handles the expiries 0 and infinity.

    ``mean_beyond`` equals ``mean - mean_until``, but is not computed that way: for a late expiry
    the two agree in all their digits.
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
    def share_beyond(self, seconds: float) -> float:
        """Return P(S > seconds), for at least 0 seconds."""

    @abstractmethod
    def _until(self, life: float) -> float:
        """Return E[min(S, life)] for a finite life of more than 0."""

    @abstractmethod
    def _beyond(self, life: float) -> float:
        """Return E[max(S - life, 0)] for a finite life of more than 0."""
