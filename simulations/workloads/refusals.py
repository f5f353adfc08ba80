"""What a job does that finds the pool full."""

import math
import random
from dataclasses import dataclass
from typing import Protocol

from py_cachify.arguments import LONGEST_EXPIRATION
from simulations.arguments import positive, probability, real_number, whole_number
from simulations.distributions import Holding
from simulations.distributions.parse import as_holding
from simulations.units import number


LONGEST_PAUSE = float(LONGEST_EXPIRATION)
"""In seconds: a hundred years, beyond which no back-off grows."""

SHORTEST_PAUSE = 1e-9
"""In seconds, on average: with shorter ones a run would not end."""

_TIMES = {2.0: 'doubled', 3.0: 'tripled'}


class OnRefusal(Protocol):
    """What a refused job does; ``str()`` of it completes "a refused job ..."."""

    def pause(self, n: int, stream: random.Random) -> float | None:
        """After the ``n``-th refusal of a job, from 1: the seconds to the next attempt, ``None`` if there is none."""
        ...


@dataclass(frozen=True)
class Leave:
    """It is gone, as with ``on_full``."""

    @property
    def endless(self) -> bool:
        """Never."""
        return False

    def __str__(self) -> str:
        return 'leaves'

    def pause(self, n: int, stream: random.Random) -> None:
        """``None``: there is no further attempt."""


@dataclass(frozen=True, init=False, repr=False)
class Retry:
    """It pauses, and asks again.

    Args:
        pause: the distribution of the first pause, as an object or as :func:`simulations.parse_holding` reads it; its
            mean is a nanosecond or more.
        factor: by which each further pause is longer, at least 1.
        longest: the most that a pause grows to, in seconds, before the jitter; by default a hundred years.
        jitter: by which share a pause may be shorter, drawn uniformly from 0 up to this; from 0 to 1.
        tries: attempts in all, the first one included, at least 2; ``None`` for as many as it takes.

    Attributes:
        pauses: the distribution of the first pause.

    Example::

        Retry('const:1', factor=2, longest=60, jitter=0.5, tries=5)
    """

    pauses: Holding
    factor: float
    longest: float | None
    jitter: float
    tries: int | None

    def __init__(
        self,
        pause: Holding | str = 'exp:1',
        factor: float = 1.0,
        longest: float | None = None,
        jitter: float = 0.0,
        tries: int | None = None,
    ) -> None:
        """Raises ``TypeError`` or ``ValueError`` that names the argument and its value."""
        values = {
            'pauses': as_holding('pause', pause),
            'factor': real_number('factor', factor),
            'longest': None if longest is None else positive('longest', longest),
            'jitter': probability('jitter', jitter),
            'tries': None if tries is None else whole_number('tries', tries, 2),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)
        if not self.pauses.mean() >= SHORTEST_PAUSE:
            raise ValueError(
                f'pause must take a nanosecond or more on average, got {self.pauses}, else time stands still'
            )
        if not 1 <= self.factor < math.inf:
            raise ValueError(f'factor must be finite and at least 1, got {factor!r}')

    @property
    def endless(self) -> bool:
        """Whether it asks until it gets a slot, so that only attempts can be refused."""
        return self.tries is None

    def __repr__(self) -> str:
        return (
            f'Retry({str(self.pauses)!r}, factor={self.factor!r}, longest={self.longest!r},'
            f' jitter={self.jitter!r}, tries={self.tries!r})'
        )

    def __str__(self) -> str:
        text = f'retries after {self.pauses} s'
        if self.factor != 1:
            text += f', {_TIMES.get(self.factor, f"{number(self.factor)} times as long")} each time'
        if self.longest is not None:
            text += f' up to {number(self.longest)} s' if self.factor != 1 else f', at most {number(self.longest)} s'
        if self.jitter:
            text += f', up to {number(100 * self.jitter)} % of it left out at random'
        return text if self.tries is None else f'{text}, at most {self.tries} attempts'

    def pause(self, n: int, stream: random.Random) -> float | None:
        """A draw of the first pause times factor^(n-1), at most ``longest``, less the jitter."""
        if self.tries is not None and n >= self.tries:
            return None
        most = LONGEST_PAUSE if self.longest is None else self.longest
        drawn = self.pauses.draw(stream)
        if self.factor != 1 and drawn:
            try:
                drawn *= self.factor ** (n - 1)
            except OverflowError:
                drawn = most
        seconds = min(drawn, most)
        return seconds * (1 - self.jitter * stream.random()) if self.jitter else seconds
