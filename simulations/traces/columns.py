"""The columns of a trace while it is read, and what is raised if there is nothing to read."""

from array import array
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from simulations.textfile import UNREADABLE, open_text
from simulations.traces.job import LONGEST
from simulations.traces.trace import Trace


class TraceError(ValueError):
    """A trace that cannot be read as what it was said to be."""


class Columns:
    """Arrivals, holding times and keys, job by job as a reader finds them: 16 bytes a job, and 4 for a key.

    Attributes:
        skipped: how many records could not be used, by reason.
    """

    def __init__(self) -> None:
        self.skipped: Counter[str] = Counter()
        self._arrivals = array('d')
        self._holdings = array('d')
        self._keys = array('i')
        self._numbers: dict[str, int] = {}

    def add(self, arrival: float, holding: float, key: str | None = None) -> None:
        """One more job, of which :func:`possible` is true."""
        self._arrivals.append(arrival)
        self._holdings.append(holding)
        if key is not None:
            # Keys are rare where there are any without one, so the column begins with the first.
            self._keys.extend([-1] * (len(self._arrivals) - 1 - len(self._keys)))
            self._keys.append(self._numbers.setdefault(key, len(self._numbers)))

    def trace(self, path: Path, complaint: str) -> Trace:
        """The jobs in order of arrival.

        Raises:
            TraceError: there is none; it says ``complaint``, in which ``{records}`` stands for their number.
        """
        if not self._arrivals:
            raise TraceError(f'{path} {complaint.format(records=f"{self.skipped.total():,} records")}{self._reasons()}')
        keys = self._keys if self._numbers else None
        if keys is not None:
            keys.extend([-1] * (len(self._arrivals) - len(keys)))
        return Trace.from_columns(
            self._arrivals, self._holdings, keys, list(self._numbers), name=path.name, skipped=dict(self.skipped)
        )

    def _reasons(self) -> str:
        if not self.skipped:
            return ''
        return ': ' + ', '.join(f'{count:,} {reason}' for reason, count in self.skipped.most_common())


def possible(arrival: float, holding: float) -> bool:
    """Whether a job can be so: finite, and with a holding time that is not negative."""
    return holding >= 0 and abs(arrival + holding) < LONGEST


@contextmanager
def trace_lines(path: Path) -> Iterator[TextIO]:
    """The file, line by line, plain or gzip.

    Raises:
        TraceError: it cannot be read, or not to its end.
    """
    try:
        with open_text(path) as lines:
            yield lines
    except UNREADABLE as error:
        raise TraceError(f'cannot read the trace {path}: {error}') from None
