"""Holding times as they were measured."""

import math
import random
from collections.abc import Iterable
from pathlib import Path

from simulations.arguments import real_number
from simulations.distributions.base import Distribution
from simulations.textfile import UNREADABLE, open_text
from simulations.units import number


MOST_LISTED = 100
"""Values that are still written out as a text."""


class Empirical(Distribution):
    """Each of the values given, with equal weight, drawn again and again.

    Kept as eight bytes for each value.  Equal to another with the same values in any order.

    Args:
        values: at least one, finite and at least 0, in seconds.
        text: what :func:`simulations.parse_holding` finds them by, such as ``file:holdings.txt``.  By default they
            are written out, as ``values:1:2:2``, if there are no more than :data:`MOST_LISTED`.

    Example::

        Empirical([1, 2, 2]).mean_until(1.5)            # 1.333...
    """

    def __init__(self, values: Iterable[float], text: str | None = None) -> None:
        """Raises ``TypeError`` or ``ValueError`` that names the value."""
        # Not at the top: most commands need no recorded values, and so no NumPy.
        import numpy as np

        self._values = np.sort(np.fromiter((real_number('values', value) for value in values), np.float64))
        self._text = text
        if not len(self._values):
            raise ValueError('values must hold at least one holding time')
        if not 0 <= self._values[0] <= self._values[-1] < math.inf:
            wrong = self._values[0] if self._values[0] < 0 else self._values[-1]
            raise ValueError(f'values must be finite and at least 0, got {float(wrong)!r}')
        with np.errstate(over='ignore'):
            self._mean = float(self._values.mean())
        if math.isinf(self._mean):
            raise ValueError(f'values up to {float(self._values[-1])!r} have a mean too large to be counted in seconds')

    @classmethod
    def from_file(cls, path: str | Path, folder: str | Path | None = None) -> 'Empirical':
        """The values of a text file, plain or gzip, one a line; blank lines and those that begin with ``#`` are none.

        Args:
            path: the file; ``str()`` of the distribution names it as it is given here.
            folder: what a relative path is relative to; the working directory by default.

        Raises:
            ValueError: the file cannot be read, or a line is no holding time; the message names both.
        """
        where = Path(folder or '') / path
        try:
            with open_text(where) as lines:
                return cls(_numbers(where, lines), f'file:{path}')
        except UNREADABLE as error:
            raise ValueError(f'cannot read the holding times {where}: {error}') from None

    def __len__(self) -> int:
        return len(self._values)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Empirical) and self._values.tobytes() == other._values.tobytes()

    def __hash__(self) -> int:
        return hash(self._values.tobytes())

    def __str__(self) -> str:
        if self._text is not None:
            return self._text
        if len(self) > MOST_LISTED:
            return f'{len(self):,} values of mean {number(self._mean)}'
        return 'values:' + ':'.join(map(number, self._values))

    def __repr__(self) -> str:
        return f'<Empirical {self}>'

    def draw(self, stream: random.Random) -> float:
        return float(self._values[stream.randrange(len(self._values))])

    def mean(self) -> float:
        return self._mean

    def _until(self, life: float) -> float:
        return float(self._values.clip(max=life).mean())

    def _beyond(self, life: float) -> float:
        return float((self._values - life).clip(min=0.0).mean())


def _numbers(path: Path, lines: Iterable[str]) -> Iterable[float]:
    for count, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith('#'):
            continue
        try:
            value = float(line)
        except ValueError:
            value = math.nan
        if not 0 <= value < math.inf:
            raise ValueError(f'line {count} of {path} is {line.strip()[:80]!r}: write one holding time, in seconds')
        yield value
