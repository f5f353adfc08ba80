"""How fast a queue forgets its past: the nearer the load is to the number of slots, the slower.

The number of jobs in M/M/c is a birth-death chain.  For a function f of its state, the integral of
the correlation of f with itself t seconds later, over all t, is the sum over states j of
(sum over i <= j of (f(i) - E f) p(i))^2 / (b(j) p(j)), divided by the variance of f, with the
probabilities p and the rates of birth b: W. Whitt, "Asymptotic formulas for Markov processes with
applications to simulation", Operations Research 40, 1992.  For the number of jobs in M/M/1 it is
(1 + u) / (1 - u)^2 mean holding times at utilisation u.

The same sums say how long a queue takes to fill: if it starts empty, the integral over all t of
what E f still lacks is the sum over j of -(sum over i <= j of (f(i) - E f) p(i)) (sum over i > j of
p(i)) / (b(j) p(j)).  In M/M/1 it is E f / (1 - u)^2 mean holding times.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulations.distributions import Exponential, Holding
from simulations.theory.queue import WaitDistribution


Array = NDArray[np.float64]

_LONGEST = 2_000_000
_LONGEST_BY_QUADRATURE = 4_096
_NEGLIGIBLE = 1e-12
_NEVER_FULL = 40.0
"""Standard deviations above the load that the occupancy never reaches."""
_FAR = 12.0
"""Standard deviations below the load beyond which no state matters."""


class Relaxation(NamedTuple):
    """How fast a queue forgets, in seconds; infinite if it grows without bound.

    Attributes:
        memory: the integral of the correlation of the number of jobs with itself, or of the number
            of those that wait, whichever is larger.
        filling: the integral of the share of its mean that this number lacks if it starts at 0.
    """

    memory: float
    filling: float


def relaxation(
    rate: float,
    holding_mean: float,
    max_size: int,
    *,
    patience: Holding | None = None,
    max_waiting: int | None = None,
    clients: int | None = None,
) -> Relaxation:
    """Return for how long a queue remembers its past, and how long it takes to fill.

    For a patience that is not exponential, the chain with the same distribution of the number of
    jobs stands in.

    Args:
        rate: arrivals a second, or requests a second of each idle client.
        holding_mean: the mean time that a job occupies its slot, in seconds.
        max_size: slots of the pool.
        patience: how long a job waits at most; ``None`` for as long as it takes.
        max_waiting: how many jobs may wait; ``None`` for any number.
        clients: the number of clients that ask; ``None`` for a Poisson process of requests.

    Example::

        relaxation(0.9, 1.0, 1).memory      # 191.65 s
    """
    load = rate * holding_mean
    if not load:
        return Relaxation(holding_mean, holding_mean)
    if clients is None and patience is None and max_waiting is None and load >= max_size:
        return Relaxation(math.inf, math.inf)
    if clients is None and max_size > load + _NEVER_FULL * (math.sqrt(load) + 1):
        # The pool is never full, so each job leaves the number in it by itself.
        return Relaxation(holding_mean, holding_mean)
    first, logs, births = _chain(rate, holding_mean, max_size, patience, max_waiting, clients)
    states = first + np.arange(len(logs), dtype=np.float64)
    shares = np.exp(logs - logs.max())
    low, high = np.flatnonzero(shares > _NEGLIGIBLE**2)[[0, -1]]
    rare, kept = slice(0, low + 1), slice(low, high + 1)
    shares = shares[kept] / shares[kept].sum()
    memory = filling = 0.0
    if patience is not None and len(logs) > max_size - first + _LONGEST_BY_QUADRATURE:
        # A queue behind which jobs give up turns over in the time for which they wait.
        memory = (len(logs) - 1 + first - max_size) / rate
    for values in (states, np.maximum(states - max_size, 0.0)):
        found = _relaxation(values[kept], shares, births[kept])
        mean = float(values[kept] @ shares)
        # States that are hardly ever seen are passed at the rate of births less deaths.
        passing = births[1 : low + 1] * -np.expm1(-np.diff(logs[rare]))
        passed = float(((mean - values[1 : low + 1]) / passing).sum()) / mean if mean else 0.0
        memory, filling = max(memory, found.memory), max(filling, found.filling + passed)
    return Relaxation(memory, filling)


def _relaxation(values: Array, shares: Array, births: Array) -> Relaxation:
    about = values - values @ shares
    variance = float(about**2 @ shares)
    if not variance:
        return Relaxation(0.0, 0.0)
    # Sums from both ends, so that neither tail is a difference of nearly equal numbers.
    middle = int(np.searchsorted(np.cumsum(shares), 0.5))
    below = np.cumsum(about * shares)[:middle]
    above = -np.cumsum((about * shares)[::-1])[::-1][middle + 1 :]
    sums = np.concatenate((below, above))
    flows = births[:-1] * shares[:-1]
    tails = np.cumsum(shares[::-1])[::-1][1:]
    return Relaxation(
        float((sums**2 / flows).sum()) / variance, float((-sums * tails / flows).sum() / (values @ shares))
    )


def _chain(
    rate: float,
    mean: float,
    max_size: int,
    patience: Holding | None,
    max_waiting: int | None,
    clients: int | None,
) -> tuple[int, Array, Array]:
    """Return the first state, and from there on logarithms of probabilities and rates of birth."""
    load = rate * mean
    if clients is not None:
        most = clients if max_waiting is None else min(clients, max_size + max_waiting)
        states = np.arange(1, most + 1, dtype=np.float64)
        steps = np.log((clients - states + 1) * load / np.minimum(states, max_size))
        return 0, np.concatenate(([0.0], np.cumsum(steps))), rate * (clients - np.arange(most + 1.0))
    first = max(0, int(min(load, max_size) - _FAR * math.sqrt(load) - _FAR))
    steps = math.log(load) - np.log(np.arange(first + 1, max_size + 1, dtype=np.float64))
    serving = np.concatenate(([0.0], np.cumsum(steps)))
    waiting = serving[-1] + _waiting(rate, mean, max_size, patience, max_waiting)
    return first, np.concatenate((serving, waiting)), np.full(len(serving) + len(waiting), rate)


def _waiting(rate: float, mean: float, max_size: int, patience: Holding | None, max_waiting: int | None) -> Array:
    """Return the logarithms of the probabilities of 1, 2, ... waiting jobs, relative to none."""
    most = _LONGEST if max_waiting is None else min(max_waiting, _LONGEST)
    load = rate * mean
    if patience is None or isinstance(patience, Exponential):
        impatience = 0.0 if patience is None else mean / patience.mean()
        if impatience:
            jobs = load / impatience
            most = min(most, math.ceil(jobs + 40 * math.sqrt(jobs + max_size) + 100))
        elif load < max_size:
            most = min(most, math.ceil(60 / -math.log(load / max_size)) + 100)
        return np.cumsum(math.log(load) - np.log(max_size + impatience * np.arange(1.0, most + 1)))
    wait = WaitDistribution(rate, mean, max_size, patience, None)
    longest = min(_LONGEST, math.ceil(rate * patience.mean_until(wait.longest)) + 1)
    rises = math.log(load / max_size)
    if longest > _LONGEST_BY_QUADRATURE:
        # Nearly all jobs are patient until the queue has reached its length.
        return rises * np.arange(1.0, min(most, longest) + 1)
    # Of the queue without a bound, because quadrature sees only the lengths that it usually has.
    shares = wait.queue_lengths(min(_LONGEST, 2 * longest + 100))
    first = int(np.argmax(shares > _NEGLIGIBLE * shares.max()))
    # Below, quadrature leaves the density out; there the queue is so short that nobody gives up.
    with np.errstate(divide='ignore'):
        logs = np.log(shares)
    logs[:first] = logs[first] - rises * np.arange(first, 0, -1)
    return np.asarray((logs[1:] - logs[0])[:most], np.float64)
