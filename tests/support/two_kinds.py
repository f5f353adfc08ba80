"""How long jobs of two kinds, short and long, wait for a few slots: exact, from a Markov chain."""

import numpy as np
from numpy.typing import NDArray


def two_kinds_mean_wait(rate: float, share: float, short: float, long: float, slots: int) -> float:
    """Return the mean waiting time, in seconds, of Poisson arrivals that are served in their order.

    The state is the number of jobs in the pool and how many of those with a slot are long. Beyond
    ``slots`` jobs each level looks like the next, so the chain has a matrix-geometric solution
    (Neuts, Matrix-Geometric Solutions in Stochastic Models, 1981, chapter 3).

    Args:
        rate: arrivals a second.
        share: the share of the jobs that are long.
        short, long: the mean holding time of each kind, in seconds; both are exponential.
        slots: the number of slots.
    """
    # When all slots are taken, the next job of the queue takes the slot that becomes free.
    down = _services(slots, short, long) @ _arrivals(slots - 1, rate, share) / rate
    leave = np.diag(1 / (rate + down.sum(axis=1)))
    ratio, before = np.zeros_like(down), np.ones_like(down)
    while np.abs(ratio - before).max() > 1e-14:
        before, ratio = ratio, (rate * np.eye(slots + 1) + ratio @ ratio @ down) @ leave

    starts = np.cumsum([0, *range(1, slots + 2)])
    level = [slice(starts[jobs], starts[jobs + 1]) for jobs in range(slots + 1)]
    rates = np.zeros((starts[-1], starts[-1]))
    for jobs in range(slots):
        rates[level[jobs], level[jobs + 1]] = _arrivals(jobs, rate, share)
        rates[level[jobs + 1], level[jobs]] = _services(jobs + 1, short, long)
    rates -= np.diag(rates.sum(axis=1))
    rates[level[slots], level[slots]] += ratio @ down - rate * np.eye(slots + 1)
    levels_above = np.linalg.inv(np.eye(slots + 1) - ratio)
    weights = np.ones(starts[-1])
    weights[level[slots]] = levels_above.sum(axis=1)
    equations = np.vstack([rates.T, weights])
    found = np.linalg.lstsq(equations, np.append(np.zeros(starts[-1]), 1.0), rcond=None)[0]
    return float((found[level[slots]] @ ratio @ levels_above @ levels_above).sum() / rate)


def _services(jobs: int, short: float, long: float) -> NDArray[np.float64]:
    """Return the rates from each number of long jobs among ``jobs`` to that after one has ended."""
    rates = np.zeros((jobs + 1, jobs))
    for longs in range(jobs + 1):
        if longs:
            rates[longs, longs - 1] = longs / long
        if longs < jobs:
            rates[longs, longs] = (jobs - longs) / short
    return rates


def _arrivals(jobs: int, rate: float, share: float) -> NDArray[np.float64]:
    """Return the rates from each number of long jobs among ``jobs`` to that after an arrival."""
    rates = np.zeros((jobs + 1, jobs + 2))
    for longs in range(jobs + 1):
        rates[longs, longs : longs + 2] = rate * (1 - share), rate * share
    return rates
