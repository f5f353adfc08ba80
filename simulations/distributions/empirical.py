"""Draw from measured holding times."""

import math
import random
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from simulations.arguments import real_number
from simulations.distributions.base import Distribution
from simulations.textfile import UNREADABLE, open_text
from simulations.units import number


if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_LISTED = 100
"""The largest number of values that ``str()`` writes out."""


class Empirical(Distribution):
    """A distribution that draws each of the given values with equal probability, with replacement.

    A value takes eight bytes.  Two such distributions are equal if they have the same values in any
    order.

    Args:
        values: at least one value, finite and at least 0, in seconds.
        text: the text from which :func:`simulations.parse_holding` reads them, such as
            ``file:holdings.txt``.  By default it lists them, as ``values:1:2:2``, if there are at
            most :data:`MOST_LISTED`.

    Example::

        Empirical([1, 2, 2]).mean_until(1.5)            # 1.333...
    """

    def __init__(self, values: Iterable[float], text: str | None = None) -> None:
        """Raise ``TypeError`` or ``ValueError`` for an argument that is not allowed."""
        # Imported here because most commands need no recorded values, and so no NumPy.
        import numpy as np

        # An array of floats needs no check one by one; a log may have millions.
        if not (isinstance(values, np.ndarray) and values.dtype == np.float64 and values.ndim == 1):
            values = np.fromiter((real_number('values', value) for value in values), np.float64)
        self._values = np.sort(values)
        self._text = text
        if not len(self._values):
            raise ValueError('values must hold at least one holding time')
        if not 0 <= self._values[0] <= self._values[-1] < math.inf:
            wrong = self._values[0] if self._values[0] < 0 else self._values[-1]
            raise ValueError(f'values must be finite and at least 0, got {float(wrong)!r}')
        with np.errstate(over='ignore'):
            self._mean = float(self._values.mean())
        if math.isinf(self._mean):
            raise ValueError(f'values up to {float(self._values[-1])!r} have a mean that does not fit a float')
        # The sums of the smallest and of the largest values, so that a mean needs no pass over all.
        self._smallest = np.concatenate(([0.0], np.cumsum(self._values)))
        self._largest = np.concatenate((np.cumsum(self._values[::-1])[::-1], [0.0]))

    @classmethod
    def from_file(cls, path: str | Path, folder: str | Path | None = None) -> 'Empirical':
        """Read the values from a text file, plain or gzip, with one value a line.

        Blank lines and lines that begin with ``#`` are skipped.

        Args:
            path: the file; ``str()`` of the distribution repeats this path.
            folder: the folder that a relative path is relative to; the working directory by
                default.

        Raises:
            ValueError: the file cannot be read, or a line is not a holding time; the message names
                the file and the line.
        """
        where = Path(folder or '') / path
        try:
            with open_text(where) as lines:
                return cls(_numbers(where, lines), f'file:{path}')
        except UNREADABLE as error:
            raise ValueError(f'cannot read the holding times {where}: {error}') from None

    def __len__(self) -> int:
        return len(self._values)

    @property
    def values(self) -> 'NDArray[np.float64]':
        """The values in seconds, in increasing order."""
        return self._values

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
        below = int(self._values.searchsorted(life))
        return float(self._smallest[below] + (len(self) - below) * life) / len(self)

    def _beyond(self, life: float) -> float:
        below = int(self._values.searchsorted(life))
        return max(float(self._largest[below] - (len(self) - below) * life) / len(self), 0.0)

    def share_beyond(self, seconds: float) -> float:
        return 1 - int(self._values.searchsorted(seconds, side='right')) / len(self)


def _numbers(path: Path, lines: Iterable[str]) -> Iterable[float]:
    for count, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith('#'):
            continue
        try:
            value = float(line)
        except ValueError:
            value = math.nan
        if not 0 <= value < math.inf:
            raise ValueError(f'line {count} of {path} is {line.strip()[:80]!r}: write one holding time in seconds')
        yield value
