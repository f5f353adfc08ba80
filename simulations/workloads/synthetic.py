"""Workloads that are drawn at random: when jobs arrive, how long each holds, which pool it asks."""

import itertools
import math
import random
from collections.abc import Iterator

from simulations.arguments import real_number, whole_number
from simulations.distributions import Holding
from simulations.distributions.parse import as_holding
from simulations.traces.job import LONGEST, Job, Turn, checked_job
from simulations.workloads.arrivals import Arrivals, Clients, PoissonArrivals, Recorded, as_arrivals
from simulations.workloads.keys import Keys, as_keys


_LEAST_SEED = -(2**63)


class Synthetic:
    """Arrivals, holding times and keys, each drawn from a random stream of its own.

    So to change one of the three, or to draw more of it, does not shift another.

    Args:
        arrivals: a law of arrivals or :class:`simulations.Clients`, as an object or as
            :func:`simulations.parse_arrivals` reads it.
        holding: the distribution of the holding time, as an object or as :func:`simulations.parse_holding` reads it.
        keys: which pool a job asks, as an object or as :func:`simulations.parse_keys` reads it; ``None`` for one pool.
        jobs: how many jobs; or
        horizon: until which second jobs arrive; at least one of the two.
        seed: the same seed gives the same jobs; a whole number.

    Attributes:
        arrivals, holding, keys, jobs, horizon, seed: as given, texts read.

    Raises:
        TypeError, ValueError: an argument cannot be; it is named with its value.

    Example::

        Synthetic('bursty:1:60:20:5', 'lognormal:-1:1', 'zipf:100', horizon=3600, seed=1)
    """

    skipped: dict[str, int]
    jobs: int | None
    horizon: float | None

    def __init__(
        self,
        arrivals: Arrivals | Clients | str,
        holding: Holding | str,
        keys: Keys | str | None = None,
        *,
        jobs: int | None = None,
        horizon: float | None = None,
        seed: int = 0,
    ) -> None:
        self.arrivals = as_arrivals(arrivals)
        self.holding = as_holding('holding', holding)
        self.keys = as_keys(keys)
        if jobs is None and horizon is None:
            raise ValueError('say when to stop: jobs=..., or horizon=... in seconds')
        if jobs is not None and (not isinstance(jobs, int) or isinstance(jobs, bool) or jobs < 1):
            raise ValueError(f'jobs must be a whole number of at least 1, got {jobs!r}')
        if horizon is not None and not 0 < real_number('horizon', horizon) < math.inf:
            raise ValueError(f'horizon must be more than 0 seconds, got {horizon!r}')
        self.jobs, self.horizon = jobs, horizon
        self.seed = whole_number('seed', seed, _LEAST_SEED)
        self.skipped = {}

    def __repr__(self) -> str:
        return f'<{self.name}, seed {self.seed}>'

    @property
    def name(self) -> str:
        """Arrivals, holding time and keys, in words."""
        keys = '' if self.keys is None else f', keys {self.keys}'
        return f'{self.arrivals.words()}, holding {self.holding}{keys}'

    @property
    def expected_jobs(self) -> int | None:
        """How many there will be at most; ``None`` if only the horizon ends them."""
        if self.jobs is not None and isinstance(self.arrivals, Recorded):
            return min(self.jobs, len(self.arrivals))
        return self.jobs

    @property
    def steady(self) -> bool:
        """Whether the law is the same at all times."""
        return self.arrivals.steady

    @property
    def memoryless(self) -> bool:
        """Whether one arrival tells nothing of the next."""
        return isinstance(self.arrivals, PoissonArrivals)

    @property
    def period(self) -> float | None:
        """After how many seconds the law of the arrivals repeats itself, where it does."""
        return None if isinstance(self.arrivals, Clients) else self.arrivals.period

    @property
    def clients(self) -> Clients | None:
        """Who asks, where that is a given number of clients."""
        return self.arrivals if isinstance(self.arrivals, Clients) else None

    def __iter__(self) -> Iterator[Job]:
        """Raises ``TypeError`` where the jobs depend on what the pool answers."""
        if isinstance(self.arrivals, Clients):
            raise TypeError(
                f'when {self.arrivals} ask depends on what the pool answers: their jobs cannot be listed, use replay()'
            )
        return self._drawn(self.arrivals)

    def turns(self, client: int) -> Iterator[Turn]:
        """What one client does, turn by turn, without end.

        Args:
            client: its number, from 0.

        Raises:
            TypeError: the workload is not one of clients.
            ValueError: there is no such client.
        """
        if not isinstance(self.arrivals, Clients):
            raise TypeError(f'{self.name}: has no clients, go through its jobs')
        if whole_number('client', client) >= self.arrivals.number:
            raise ValueError(f'client must be less than {self.arrivals.number}, got {client!r}')
        return self._turns(f'client {client} ', self.arrivals.thinking)

    def _stream(self, name: str) -> random.Random:
        return random.Random(f'{self.seed} {name}')

    def _drawn(self, arrivals: Arrivals) -> Iterator[Job]:
        holdings, choices = self._stream('holdings'), self._stream('keys')
        last = math.inf if self.horizon is None else self.horizon
        hold, keys = self.holding.draw, self.keys
        for arrival in itertools.islice(arrivals.instants(self._stream('arrivals')), self.jobs):
            if arrival > last:
                return
            holding = hold(holdings)
            if not (holding >= 0 and arrival + holding < LONGEST):
                checked_job((arrival, holding))
            yield Job(arrival, holding, None if keys is None else keys.draw(choices))

    def _turns(self, prefix: str, thinking: Holding) -> Iterator[Turn]:
        thoughts, holdings = self._stream(f'{prefix}thinking'), self._stream(f'{prefix}holdings')
        choices = self._stream(f'{prefix}keys')
        while True:
            key = None if self.keys is None else self.keys.draw(choices)
            yield Turn(thinking.draw(thoughts), self.holding.draw(holdings), key)


class Poisson(Synthetic):
    """Arrivals at random with a constant rate, each with a holding time drawn anew.

    Args:
        rate: mean number of arrivals a second, more than 0.
        holding: the distribution of the holding time, as an object or as :func:`simulations.parse_holding` reads it.
        jobs: how many jobs; or
        horizon: until which second jobs arrive; at least one of the two.
        seed: the same seed gives the same jobs.

    Raises:
        TypeError, ValueError: an argument cannot be; it is named with its value.

    Example::

        Poisson(rate=6, holding='exp:1', jobs=10_000, seed=1)
    """

    def __init__(
        self,
        rate: float,
        holding: Holding | str,
        *,
        jobs: int | None = None,
        horizon: float | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(PoissonArrivals(rate), holding, jobs=jobs, horizon=horizon, seed=seed)
        self.rate = rate
