"""What arrives, when, and how long it holds a slot.

A workload is any sequence of jobs in order of arrival; it can be gone through again and again, and each
time it gives the same jobs.  All times are in seconds.
"""

import csv
import itertools
import random
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simulations.holding import Holding, parse_holding
from simulations.theory import LossSystem, loss_system


LONGEST = 1e300
"""In seconds: what a clock can count, an expiry included."""
_TOGETHER = 4096
"""Jobs of a trace that are made from its columns at once."""


class Job(NamedTuple):
    """One arrival: its instant, its holding time, and which pool it asks, where there are many."""

    arrival: float
    holding: float
    key: str | None = None


class Workload(Protocol):
    """Jobs in order of arrival."""

    @property
    def name(self) -> str:
        """What it is, for reports and pictures."""
        ...

    @property
    def expected_jobs(self) -> int | None:
        """How many there will be, where that is known beforehand."""
        ...

    @property
    def skipped(self) -> dict[str, int]:
        """How many records of the source could not be used, by reason."""
        ...

    def theory(self, max_size: int, slot_exp: float | None) -> LossSystem | None:
        """What is to be expected of a pool under this workload, where theory knows."""
        ...

    def __iter__(self) -> Iterator[Job]: ...


class Trace:
    """Recorded jobs, or any that were listed.

    They are put in order of arrival; jobs of one instant stay in the order given.  They are kept in columns, 16
    bytes a job, and 4 for its key where there are any.

    Attributes:
        arrivals: in seconds, not to be changed; nor are the others.
        holdings: in seconds.
        keys: for each job the place of its key in ``key_names``, or -1; ``None`` if no job has a key.
        key_names: the keys.

    Example::

        Trace([(0, 5), (1, 5), (2, 5)], name='three jobs of five seconds')
    """

    arrivals: NDArray[np.float64]
    holdings: NDArray[np.float64]
    keys: NDArray[np.int32] | None
    key_names: list[str]

    def __init__(
        self,
        jobs: Sequence[Job] | Sequence[tuple[float, float]] | Sequence[tuple[float, float, str | None]],
        name: str | None = None,
        skipped: dict[str, int] | None = None,
    ) -> None:
        """Raises ``ValueError`` for a job with an arrival or a holding time that cannot be."""
        arrivals, holdings, keys = array('d'), array('d'), array('i')
        numbers: dict[str | None, int] = {None: -1}
        for job in map(_job, jobs):
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
        """A trace of columns of numbers, as a table of any package gives them, without an object for each job.

        Arrays of the right type that are in order are kept as they are; do not change them afterwards.

        Args:
            arrivals: in seconds, in any order.
            holdings: in seconds, as many.
            keys: as many whole numbers, the place of each job's key in ``key_names``, or -1 for none.
            key_names: the keys.
            name: what it is; by default the number of jobs.
            skipped: how many records of the source could not be used, by reason.

        Raises:
            TypeError, ValueError: the columns do not fit together, or a job cannot be; the first such is named.

        Example::

            Trace.from_columns(table['start'], table['seconds'], name='from a data frame')
        """
        times, seconds = np.asarray(arrivals, np.float64), np.asarray(holdings, np.float64)
        places = None if keys is None else np.asarray(keys, np.int32)
        shapes = [column.shape for column in (times, seconds, places) if column is not None]
        if times.ndim != 1 or len(set(shapes)) != 1:
            raise ValueError(f'the columns of a trace must be of one length, got {shapes}')
        with np.errstate(all='ignore'):
            possible = (seconds >= 0) & (np.abs(times + seconds) < LONGEST)
        if not possible.all():
            wrong = int(np.argmin(possible))
            _job((float(times[wrong]), float(seconds[wrong])))
        names = [str(_job((0, 0, key)).key) for key in key_names]
        if places is not None and len(places) and not -1 <= places.min() <= places.max() < len(names):
            raise ValueError(
                f'keys must be places in the {len(names)} key_names, or -1, got {places.min()} to {places.max()}'
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

    def theory(self, max_size: int, slot_exp: float | None) -> None:
        """None: recorded arrivals follow no law."""

    def __iter__(self) -> Iterator[Job]:
        names = (*self.key_names, None)
        for start in range(0, len(self.arrivals), _TOGETHER):
            some = slice(start, start + _TOGETHER)
            arrivals, holdings = self.arrivals[some].tolist(), self.holdings[some].tolist()
            if self.keys is None:
                yield from map(Job, arrivals, holdings)
            else:
                yield from map(Job, arrivals, holdings, map(names.__getitem__, self.keys[some].tolist()))

    def to_csv(self, path: str | Path) -> None:
        """Write the jobs as CSV with the columns ``arrival``, ``holding`` and, if there are keys, ``key``.

        :func:`simulations.read_table` reads just the same jobs from it.
        """
        with Path(path).open('w', encoding='utf-8', newline='') as file:
            writer = csv.writer(file, lineterminator='\n')
            columns = 2 if self.keys is None else 3
            writer.writerow(Job._fields[:columns])
            # repr keeps every digit.
            writer.writerows((repr(job.arrival), repr(job.holding), job.key)[:columns] for job in self)


def _job(given: Any) -> Job:
    try:
        arrival, holding, *key = given
        job = Job(float(arrival), float(holding), *key)
        if job.key is not None:
            job.key.encode()
        fits = job.holding >= 0 and abs(job.arrival + job.holding) < LONGEST
    except (TypeError, AttributeError, ValueError, OverflowError):
        raise TypeError(f'a job is (arrival, holding) or (arrival, holding, key), in seconds, not {given!r}') from None
    if not fits:
        raise ValueError(f'a job needs a finite arrival and a holding time of at least 0 seconds, got {given!r}')
    return job


class Poisson:
    """Arrivals at random with a constant rate, each with a holding time drawn anew.

    Arrivals and holding times have a random stream of their own, so that changing the one does not
    shift the other.

    Args:
        rate: mean number of arrivals a second, more than 0.
        holding: the distribution of the holding time, as an object or as :func:`parse_holding` reads it.
        jobs: how many jobs; or
        horizon: until which second jobs arrive; at least one of the two.
        seed: the same seed gives the same jobs.

    Example::

        Poisson(rate=6, holding='exp:1', jobs=10_000, seed=1)
    """

    skipped: dict[str, int]

    def __init__(
        self,
        rate: float,
        holding: Holding | str,
        *,
        jobs: int | None = None,
        horizon: float | None = None,
        seed: int = 0,
    ) -> None:
        if not 0 < rate < float('inf'):
            raise ValueError(f'rate must be more than 0 arrivals a second, got {rate!r}')
        if jobs is None and horizon is None:
            raise ValueError('say when to stop: jobs=..., or horizon=... in seconds')
        if jobs is not None and (not isinstance(jobs, int) or jobs < 1):
            raise ValueError(f'jobs must be a whole number of at least 1, got {jobs!r}')
        if horizon is not None and not 0 < horizon < float('inf'):
            raise ValueError(f'horizon must be more than 0 seconds, got {horizon!r}')
        self.rate = rate
        self.holding: Holding = parse_holding(holding) if isinstance(holding, str) else holding
        if not hasattr(holding, 'draw') and not isinstance(holding, str):
            raise TypeError(f"holding must be a distribution, or a text such as 'exp:1', not {holding!r}")
        self.seed = seed
        self.expected_jobs = jobs
        self.horizon = horizon
        self.skipped = {}

    def __repr__(self) -> str:
        return f'<{self.name}, seed {self.seed}>'

    @property
    def name(self) -> str:
        """Rate and holding time, in words."""
        return f'Poisson arrivals, {self.rate:g} a second, holding {self.holding}'

    def theory(self, max_size: int, slot_exp: float | None) -> LossSystem:
        """The loss system M/G/c/c, see :func:`simulations.loss_system`."""
        return loss_system(self.rate, self.holding, max_size, slot_exp)

    def __iter__(self) -> Iterator[Job]:
        arrivals = random.Random(f'{self.seed} arrivals')
        holdings = random.Random(f'{self.seed} holdings')
        now = 0.0
        for _ in itertools.repeat(None) if self.expected_jobs is None else range(self.expected_jobs):
            now += arrivals.expovariate(self.rate)
            if self.horizon is not None and now > self.horizon:
                return
            yield _job((now, self.holding.draw(holdings)))
