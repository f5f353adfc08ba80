"""What arrives, when, and how long it holds a slot.

A workload is any sequence of jobs in order of arrival; it can be gone through again and again, and each
time it gives the same jobs.  All times are in seconds.
"""

import itertools
import random
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from simulations.holding import Holding, parse_holding
from simulations.theory import LossSystem, loss_system


LONGEST = 1e300
"""In seconds: what a clock can count, an expiry included."""


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

    They are put in order of arrival; jobs of one instant stay in the order given.

    Example::

        Trace([(0, 5), (1, 5), (2, 5)], name='three jobs of five seconds')
    """

    def __init__(
        self,
        jobs: Sequence[Job] | Sequence[tuple[float, float]] | Sequence[tuple[float, float, str | None]],
        name: str | None = None,
        skipped: dict[str, int] | None = None,
    ) -> None:
        """Raises ``ValueError`` for a job with an arrival or a holding time that cannot be."""
        self.name = f'{len(jobs):,} jobs' if name is None else name
        self.skipped = skipped or {}
        self._jobs = sorted((_job(each) for each in jobs), key=lambda job: job.arrival)

    @property
    def expected_jobs(self) -> int:
        return len(self._jobs)

    def theory(self, max_size: int, slot_exp: float | None) -> None:
        """None: recorded arrivals follow no law."""

    def __iter__(self) -> Iterator[Job]:
        return iter(self._jobs)


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
