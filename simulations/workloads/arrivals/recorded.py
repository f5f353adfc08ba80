"""Repeat recorded arrivals."""

import math
import random
from collections.abc import Iterable, Iterator
from pathlib import Path

from simulations.arguments import real_number
from simulations.workloads.arrivals.base import Process


CHUNK = 4096
"""The number of instants that are converted from the array together."""


class Recorded(Process):
    """The given instants in order, with the first moved to 0.

    They take eight bytes each.

    Args:
        instants: at least one instant, finite, in seconds, in any order.
        text: the text from which :func:`simulations.parse_arrivals` reads them, such as
            ``trace:requests.csv``.

    Example::

        list(Recorded([60, 61, 65]).instants(random.Random()))          # [0.0, 1.0, 5.0]
    """

    def __init__(self, instants: Iterable[float], text: str | None = None) -> None:
        """Raise ``TypeError`` or ``ValueError`` for an argument that is not allowed."""
        # Imported here because most commands need no recorded values, and so no NumPy.
        import numpy as np

        self._instants = np.sort(np.fromiter((real_number('instants', instant) for instant in instants), np.float64))
        self._text = text
        if not len(self._instants):
            raise ValueError('instants must hold at least one arrival')
        with np.errstate(all='ignore'):
            self._instants -= self._instants[0]
        if not np.isfinite(self._instants).all():
            raise ValueError(f'instants of {self} must be finite, and so must the time between them')

    @classmethod
    def from_trace(cls, path: str | Path, folder: str | Path | None = None) -> 'Recorded':
        """Read the arrivals of a trace in any format that :func:`simulations.read_trace` knows.

        Args:
            path: the file; ``str()`` of the arrivals repeats this path.
            folder: the folder that a relative path is relative to; the working directory by
                default.

        Raises:
            TraceError: the file cannot be read, or contains no usable record.
        """
        from simulations.traces import read_trace  # imports this package itself

        return cls(read_trace(Path(folder or '') / path).arrivals, f'trace:{path}')

    def __len__(self) -> int:
        return len(self._instants)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Recorded) and self._instants.tobytes() == other._instants.tobytes()

    def __hash__(self) -> int:
        return hash(self._instants.tobytes())

    def __str__(self) -> str:
        return f'{len(self):,} recorded arrivals' if self._text is None else self._text

    def __repr__(self) -> str:
        return f'<Recorded {self}>'

    def words(self) -> str:
        source = '' if self._text is None else f' of {self._text.removeprefix("trace:")}'
        return f'the {len(self):,} arrivals{source}'

    @property
    def steady(self) -> bool:
        return False

    def rate(self) -> float:
        """Return the mean rate from the first arrival to the last; infinite if they coincide."""
        span = float(self._instants[-1])
        return (len(self) - 1) / span if span else math.inf

    def times(self, factor: float) -> 'Recorded':
        """Return the same instants, closer together by ``factor``."""
        return Recorded(self._instants / factor, f'{self}, {factor:g} times as fast')

    def instants(self, stream: random.Random) -> Iterator[float]:  # noqa: ARG002 - nothing is random here
        for start in range(0, len(self), CHUNK):
            yield from self._instants[start : start + CHUNK].tolist()
