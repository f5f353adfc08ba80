"""Draw a workload at random: when jobs arrive, how long each holds, and which pool it asks."""

import itertools
import math
import random
from collections.abc import Iterator

from simulations.arguments import real_number, whole_number
from simulations.distributions import Holding
from simulations.distributions.parse import as_holding
from simulations.traces.job import LONGEST, Job, Turn, checked_job
from simulations.workloads.arrivals import Arrivals, Clients, Periodic, PoissonArrivals, Recorded, as_arrivals
from simulations.workloads.keys import Keys, as_keys


_LEAST_SEED = -(2**63)


class Synthetic:
    """A workload of arrivals, holding times and keys, each drawn from its own random stream.

    Therefore changing one of the three, or drawing more of it, does not change the random values of
    the others.

    Args:
        arrivals: a law of arrivals or :class:`simulations.Clients`, as an object or as a string
            that :func:`simulations.parse_arrivals` reads.
        holding: the distribution of the holding time, as an object or as a string that
            :func:`simulations.parse_holding` reads.
        keys: the law of keys, as an object or as a string that :func:`simulations.parse_keys`
            reads; ``None`` for one pool.
        jobs: the number of jobs.
        horizon: the seconds during which jobs arrive. Give ``jobs``, ``horizon`` or both; with
            both, the workload ends at whichever comes first.
        seed: a whole number; equal seeds produce equal jobs.

    Attributes:
        arrivals, holding, keys, jobs, horizon, seed: as given; strings are replaced by the objects.

    Raises:
        TypeError, ValueError: an argument is not allowed; the message names it and its value.

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
            raise ValueError('jobs or horizon must be given: a number of jobs, or seconds during which jobs arrive')
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
        """The arrivals, holding time and keys in words."""
        keys = '' if self.keys is None else f', keys {self.keys}'
        return f'{self.arrivals.words()}, holding {self.holding}{keys}'

    @property
    def expected_jobs(self) -> int | None:
        """The largest possible number of jobs; ``None`` if only the horizon limits it."""
        if self.jobs is not None and isinstance(self.arrivals, Recorded):
            return min(self.jobs, len(self.arrivals))
        return self.jobs

    @property
    def steady(self) -> bool:
        """Whether the law is the same at all times."""
        return self.arrivals.steady

    @property
    def together(self) -> int:
        """The number of jobs that arrive together."""
        return self.arrivals.together if isinstance(self.arrivals, Periodic) else 1

    @property
    def period(self) -> float | None:
        """The seconds after which the law of the arrivals repeats; ``None`` if it does not."""
        return None if isinstance(self.arrivals, Clients) else self.arrivals.period

    @property
    def clients(self) -> Clients | None:
        """The clients, if the arrivals are those of a given number of clients."""
        return self.arrivals if isinstance(self.arrivals, Clients) else None

    def __iter__(self) -> Iterator[Job]:
        """Yield the jobs in order of arrival.

        Raises:
            TypeError: there are clients, whose jobs depend on the pool's answers.
        """
        if isinstance(self.arrivals, Clients):
            raise TypeError(
                f"the jobs of {self.arrivals} depend on the pool's answers and cannot be listed: use replay()"
            )
        return self._drawn(self.arrivals)

    def turns(self, client: int) -> Iterator[Turn]:
        """Yield the turns of one client, without end.

        Args:
            client: the number of the client, from 0.

        Raises:
            TypeError: the workload has no clients.
            ValueError: there is no such client.
        """
        if not isinstance(self.arrivals, Clients):
            raise TypeError(f'the workload {self.name!r} has no clients: iterate over its jobs instead')
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
    """A workload of Poisson arrivals with a constant rate and independent holding times.

    Args:
        rate: the mean number of arrivals a second, more than 0.
        holding: the distribution of the holding time, as an object or as a string that
            :func:`simulations.parse_holding` reads.
        jobs: the number of jobs.
        horizon: the seconds during which jobs arrive. Give ``jobs``, ``horizon`` or both; with
            both, the workload ends at whichever comes first.
        seed: equal seeds produce equal jobs.

    Raises:
        TypeError, ValueError: an argument is not allowed; the message names it and its value.

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
