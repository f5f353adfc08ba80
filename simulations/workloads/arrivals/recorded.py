"""Arrivals as they were recorded."""

import math
import random
from collections.abc import Iterable, Iterator
from pathlib import Path

from simulations.arguments import real_number
from simulations.workloads.arrivals.base import Process


CHUNK = 4096
"""Instants that are converted from the array at once."""


class Recorded(Process):
    """The instants given, in order, with the first moved to 0; then no more.

    Kept as eight bytes for each.

    Args:
        instants: at least one, finite, in seconds, in any order.
        text: what :func:`simulations.parse_arrivals` finds them by, such as ``trace:requests.csv``.

    Example::

        list(Recorded([60, 61, 65]).instants(random.Random()))          # [0.0, 1.0, 5.0]
    """

    def __init__(self, instants: Iterable[float], text: str | None = None) -> None:
        """Raises ``TypeError`` or ``ValueError`` that names the value."""
        # Not at the top: most commands need no recorded values, and so no NumPy.
        import numpy as np

        self._instants = np.sort(np.fromiter((real_number('instants', instant) for instant in instants), np.float64))
        self._text = text
        if not len(self._instants):
            raise ValueError('instants must hold at least one arrival')
        with np.errstate(all='ignore'):
            self._instants -= self._instants[0]
        if not np.isfinite(self._instants).all():
            raise ValueError(f'instants of {self} must be finite, and lie no further apart than a clock can count')

    @classmethod
    def from_trace(cls, path: str | Path, folder: str | Path | None = None) -> 'Recorded':
        """The arrivals of a trace, in any format that :func:`simulations.read_trace` recognises.

        Args:
            path: the file; ``str()`` of the arrivals names it as it is given here.
            folder: what a relative path is relative to; the working directory by default.

        Raises:
            TraceError: the file cannot be read, or holds no usable record.
        """
        from simulations.traces import read_trace  # which knows this package

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
        """From the first arrival to the last; infinite where they are at one instant."""
        span = float(self._instants[-1])
        return (len(self) - 1) / span if span else math.inf

    def times(self, factor: float) -> 'Recorded':
        """The same instants so much closer together."""
        return Recorded(self._instants / factor, f'{self}, {factor:g} times as fast')

    def instants(self, stream: random.Random) -> Iterator[float]:  # noqa: ARG002 - nothing is random here
        for start in range(0, len(self), CHUNK):
            yield from self._instants[start : start + CHUNK].tolist()
