"""Decide what a job does when it finds the pool full."""

import math
import random
from dataclasses import dataclass
from typing import Protocol

from py_cachify.arguments import LONGEST_EXPIRATION
from simulations.arguments import positive, probability, real_number, whole_number
from simulations.distributions import Holding
from simulations.distributions.parse import as_duration
from simulations.units import number


LONGEST_PAUSE = float(LONGEST_EXPIRATION)
"""The limit of every pause, in seconds: a hundred years."""

SHORTEST_PAUSE = 1e-9
"""The shortest mean of a pause, in seconds: with shorter pauses a run would not end."""

_TIMES = {2.0: 'doubled', 3.0: 'tripled'}


class OnRefusal(Protocol):
    """What a refused job does; ``str()`` of it completes the sentence "a refused job ..."."""

    def pause(self, n: int, stream: random.Random) -> float | None:
        """Return how many seconds a job waits between its ``n``-th refusal and its next attempt.

        Refusals are counted from 1.  ``None`` means that the job leaves.
        """
        ...


@dataclass(frozen=True)
class Leave:
    """A refused job leaves: it does not try again."""

    @property
    def endless(self) -> bool:
        """Whether a job retries until it gets a slot: always false."""
        return False

    def __str__(self) -> str:
        return 'leaves'

    def pause(self, n: int, stream: random.Random) -> None:
        """Return ``None``: there is no further attempt."""


@dataclass(frozen=True, init=False, repr=False)
class Retry:
    """A refused job pauses and then tries again.

    Args:
        pause: the distribution of the first pause, as an object or as a string that
            :func:`simulations.parse_holding` reads; its mean must be at least a nanosecond.
        factor: the factor by which pauses grow from one refusal to the next, at least 1.
        longest: the limit of a pause before jitter, in seconds; by default a hundred years.
        jitter: the largest share by which a pause is shortened at random, from 0 to 1; the share of
            each pause is drawn uniformly from 0 up to this.
        tries: the total number of attempts, including the first, at least 2; ``None`` for no limit.

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
        """Raise ``TypeError`` or ``ValueError`` for an argument that is not allowed."""
        values = {
            'pauses': as_duration('pause', pause),
            'factor': real_number('factor', factor),
            'longest': None if longest is None else positive('longest', longest),
            'jitter': probability('jitter', jitter),
            'tries': None if tries is None else whole_number('tries', tries, 2),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)
        if not self.pauses.mean() >= SHORTEST_PAUSE:
            raise ValueError(
                f'pause must have a mean of at least a nanosecond, got {self.pauses}: a run with shorter pauses would'
                ' never end'
            )
        if not 1 <= self.factor < math.inf:
            raise ValueError(f'factor must be finite and at least 1, got {factor!r}')

    @property
    def endless(self) -> bool:
        """Whether a job retries until it gets a slot; then attempts are refused, but no job is."""
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
            text += f', shortened at random by up to {number(100 * self.jitter)} %'
        return text if self.tries is None else f'{text}, at most {self.tries} attempts'

    def pause(self, n: int, stream: random.Random) -> float | None:
        """Return the pause after the ``n``-th refusal in seconds; ``None`` after the last attempt.

        It is drawn from ``pauses``, multiplied by factor^(n-1), limited to ``longest``, and then
        shortened by the jitter.
        """
        if self.tries is not None and n >= self.tries:
            return None
        limit = LONGEST_PAUSE if self.longest is None else self.longest
        drawn = self.pauses.draw(stream)
        if self.factor != 1 and drawn:
            try:
                drawn *= self.factor ** (n - 1)
            except OverflowError:
                drawn = limit
        seconds = min(drawn, limit)
        return seconds * (1 - self.jitter * stream.random()) if self.jitter else seconds
