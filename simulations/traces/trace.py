"""Define a trace: jobs that were recorded or listed."""

import csv
from array import array
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simulations.traces.frames import duration_column, instant_column, warn_about_epoch
from simulations.traces.job import LONGEST, Job, checked_job
from simulations.traces.recorded import RecordedPool


CHUNK = 4096
"""The number of jobs that are created from the columns together."""


class Trace:
    """A workload of jobs that were recorded or listed.

    The jobs are sorted by arrival; jobs that arrive at the same instant stay in the order given.
    They are kept in columns that take 16 bytes a job, and 4 more for its key if there are keys.  Do
    not change the columns.

    Attributes:
        arrivals: the arrivals in seconds.
        holdings: the holding times in seconds.
        keys: for each job the position of its key in ``key_names``, or -1; ``None`` if no job has a
            key.
        key_names: the keys.
        recorded: for a recording of pools, the facts of each pool by key; otherwise ``None``.
        steady, period, horizon, clients: as for every workload; recorded arrivals follow no law.

    Example::

        Trace([(0, 5), (1, 5), (2, 5)], name='three jobs of five seconds')
    """

    arrivals: NDArray[np.float64]
    holdings: NDArray[np.float64]
    keys: NDArray[np.int32] | None
    key_names: list[str]
    recorded: Mapping[str, RecordedPool] | None = None
    steady = False
    period: float | None = None
    horizon: float | None = None
    clients: None = None

    def __init__(
        self,
        jobs: Sequence[Job] | Sequence[tuple[float, float]] | Sequence[tuple[float, float, str | None]],
        name: str | None = None,
        skipped: dict[str, int] | None = None,
    ) -> None:
        """Raise ``TypeError`` or ``ValueError`` for a job that is not allowed."""
        arrivals, holdings, keys = array('d'), array('d'), array('i')
        numbers: dict[str | None, int] = {None: -1}
        for job in map(checked_job, jobs):
            arrivals.append(job.arrival)
            holdings.append(job.holding)
            keys.append(numbers.setdefault(job.key, len(numbers) - 1))
        names = [key for key in numbers if key is not None]
        self._keep(np.asarray(arrivals), np.asarray(holdings), np.asarray(keys) if names else None, names)
        self.name = f'{self.expected_jobs:,} jobs' if name is None else name
        self.skipped = skipped or {}

    @classmethod
    def from_columns(
        cls,
        arrivals: ArrayLike,
        holdings: ArrayLike,
        keys: ArrayLike | None = None,
        key_names: Sequence[str] = (),
        name: str | None = None,
        skipped: dict[str, int] | None = None,
    ) -> 'Trace':
        """Create a trace from columns, such as those of a data frame of pandas, polars or pyarrow.

        No object is created for each job.  Arrays of the right type that are in order are kept
        without a copy, so do not change them afterwards.

        Args:
            arrivals: the arrivals, in any order: numbers of seconds; dates with or without a time
                zone, which become seconds since 1970; or durations since the start.
            holdings: the holding times, as many as arrivals: numbers of seconds, or durations.
            keys: as many whole numbers: the position of each job's key in ``key_names``, or -1 for
                none.
            key_names: the keys.
            name: the name of the trace; by default the number of jobs.
            skipped: the number of records of the source that could not be used, by reason.

        Raises:
            TypeError, ValueError: the columns do not fit together, or a job is not allowed; the
                message names the first such job.

        Warns:
            UserWarning: the arrivals look like milli-, micro- or nanoseconds since 1970.

        Example::

            Trace.from_columns(table['start'], table['seconds'], name='from a data frame')
        """
        times, seconds = instant_column('arrivals', arrivals), duration_column('holdings', holdings)
        trace = cls.from_seconds(times, seconds, None if keys is None else _places(keys), key_names, name, skipped)
        warn_about_epoch('arrivals', times)
        return trace

    @classmethod
    def from_seconds(
        cls,
        times: NDArray[np.float64],
        seconds: NDArray[np.float64],
        places: NDArray[np.int32] | None = None,
        key_names: Sequence[str] = (),
        name: str | None = None,
        skipped: dict[str, int] | None = None,
    ) -> 'Trace':
        """Create a trace as :meth:`from_columns` does, from arrays that are known to be seconds.

        Raises:
            ValueError: the arrays do not fit together, or a job is not allowed.
        """
        shapes = [column.shape for column in (times, seconds, places) if column is not None]
        if times.ndim != 1 or len(set(shapes)) != 1:
            raise ValueError(f'the columns of a trace must have the same length, got {shapes}')
        with np.errstate(all='ignore'):
            possible = (seconds >= 0) & (np.abs(times + seconds) < LONGEST)
        if not possible.all():
            wrong = int(np.argmin(possible))
            checked_job((float(times[wrong]), float(seconds[wrong])))
        names = [str(checked_job((0, 0, key)).key) for key in key_names]
        if places is not None and len(places) and not -1 <= places.min() <= places.max() < len(names):
            raise ValueError(
                f'keys must be positions in the {len(names)} key_names, or -1, got {places.min()} to {places.max()}'
            )
        trace = cls((), '', skipped)
        trace._keep(times, seconds, places, names)
        trace.name = f'{trace.expected_jobs:,} jobs' if name is None else name
        return trace

    def _keep(
        self,
        arrivals: NDArray[np.float64],
        holdings: NDArray[np.float64],
        keys: NDArray[np.int32] | None,
        key_names: list[str],
    ) -> None:
        if not (arrivals[1:] >= arrivals[:-1]).all():
            order = np.argsort(arrivals, kind='stable')
            arrivals, holdings = arrivals[order], holdings[order]
            keys = None if keys is None else keys[order]
        self.arrivals, self.holdings, self.keys, self.key_names = arrivals, holdings, keys, key_names

    @property
    def expected_jobs(self) -> int:
        return len(self.arrivals)

    def turns(self, client: int) -> NoReturn:  # noqa: ARG002 - there is none
        """Raise ``TypeError`` because recorded jobs have no clients."""
        raise TypeError(f'{self.name}: recorded jobs have no clients; iterate over the jobs instead')

    def __repr__(self) -> str:
        span = float(self.arrivals[-1] - self.arrivals[0]) if len(self.arrivals) else 0.0
        return f'<Trace of {self.expected_jobs:,} jobs within {span:g} s: {self.name}>'

    def __iter__(self) -> Iterator[Job]:
        names = (*self.key_names, None)
        for start in range(0, len(self.arrivals), CHUNK):
            some = slice(start, start + CHUNK)
            arrivals, holdings = self.arrivals[some].tolist(), self.holdings[some].tolist()
            if self.keys is None:
                yield from map(Job, arrivals, holdings)
            else:
                yield from map(Job, arrivals, holdings, map(names.__getitem__, self.keys[some].tolist()))

    def to_csv(self, path: str | Path) -> None:
        """Write the jobs as CSV with the columns ``arrival``, ``holding`` and, for keys, ``key``.

        :func:`simulations.read_table` reads exactly the same jobs from the file.
        """
        with Path(path).open('w', encoding='utf-8', newline='') as file:
            writer = csv.writer(file, lineterminator='\n')
            columns = 2 if self.keys is None else 3
            writer.writerow(Job._fields[:columns])
            # repr keeps every digit.
            writer.writerows((repr(job.arrival), repr(job.holding), job.key)[:columns] for job in self)


def _places(keys: ArrayLike) -> NDArray[np.int32]:
    places = np.asarray(keys)
    if places.dtype.kind not in 'iub' and places.size:
        raise TypeError(
            f'keys must be positions in key_names, whole numbers, not values such as {places.flat[0]!r}: with pandas,'
            ' keys, key_names = pandas.factorize(column)'
        )
    return np.asarray(places, np.int32)
