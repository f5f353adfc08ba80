"""Collect the columns of a trace while it is read, and report a file that cannot be read."""

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
    """A trace cannot be read in the format that was given or recognised."""


class Columns:
    """Arrivals, holding times and keys, collected job by job: 16 bytes a job, and 4 for its key.

    Attributes:
        skipped: the number of records that could not be used, by reason.
    """

    def __init__(self) -> None:
        self.skipped: Counter[str] = Counter()
        self._arrivals = array('d')
        self._holdings = array('d')
        self._keys = array('i')
        self._numbers: dict[str, int] = {}

    def add(self, arrival: float, holding: float, key: str | None = None) -> None:
        """Add a job, for which :func:`possible` must be true."""
        self._arrivals.append(arrival)
        self._holdings.append(holding)
        if key is not None:
            # Traces without keys are the rule, so the column starts at the first key.
            self._keys.extend([-1] * (len(self._arrivals) - 1 - len(self._keys)))
            self._keys.append(self._numbers.setdefault(key, len(self._numbers)))

    def trace(self, path: Path, complaint: str) -> Trace:
        """Return the jobs as a trace, in order of arrival.

        Args:
            path: the file, for the name of the trace and for the error.
            complaint: the error if there are no jobs; ``{count}`` in it stands for the number of
                records, in brackets.

        Raises:
            TraceError: there are no jobs.
        """
        if not self._arrivals:
            raise TraceError(f'{path} {complaint.format(count=f"(of {self.skipped.total():,})")}{self._reasons()}')
        keys = self._keys if self._numbers else None
        if keys is not None:
            keys.extend([-1] * (len(self._arrivals) - len(keys)))
        return Trace.from_columns(
            self._arrivals, self._holdings, keys, list(self._numbers), name=path.name, skipped=dict(self.skipped)
        )

    def _reasons(self) -> str:
        if not self.skipped:
            return ''
        return '; skipped: ' + ', '.join(f'{count:,} {reason}' for reason, count in self.skipped.most_common())


def possible(arrival: float, holding: float) -> bool:
    """Return whether a job is finite and its holding time is not negative."""
    return holding >= 0 and abs(arrival + holding) < LONGEST


@contextmanager
def trace_lines(path: Path) -> Iterator[TextIO]:
    """Open a trace, plain or gzip, to be read line by line.

    Raises:
        TraceError: the file cannot be read, or not to its end.
    """
    try:
        with open_text(path) as lines:
            yield lines
    except UNREADABLE as error:
        raise TraceError(f'cannot read the trace {path}: {error}') from None
