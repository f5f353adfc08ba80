"""Exact answers, from small Markov chains, for workloads that the workbench has no formula for.

They share no code with it.
"""

import math

import numpy as np
from numpy.typing import NDArray


def bursty_loss(states: tuple[tuple[float, float], ...], mean: float, slots: int) -> tuple[float, float]:
    """Return the refusal share and the mean occupancy of Poisson arrivals modulated by a chain.

    Args:
        states: pairs of a rate and a mean duration in seconds, visited in turn.
        mean: the mean of the exponential holding time, in seconds.
        slots: slots of the pool.
    """
    size = slots + 1
    generator = np.zeros((len(states) * size, len(states) * size))
    for number, (rate, lasts) in enumerate(states):
        following = (number + 1) % len(states)
        for busy in range(size):
            here = number * size + busy
            generator[here, following * size + busy] += 1 / lasts
            if busy < slots:
                generator[here, here + 1] += rate
            if busy:
                generator[here, here - 1] += busy / mean
    share = _stationary(generator - np.diag(generator.sum(axis=1))).reshape(len(states), size)
    rates = np.array([rate for rate, _ in states])
    refused = float((share[:, -1] * rates).sum() / (share.sum(axis=1) * rates).sum())
    return refused, float((share * np.arange(size)).sum())


def batch_loss(interval: float, together: int, mean: float, slots: int) -> tuple[float, float]:
    """Return the refusal share and the mean occupancy of batches at regular intervals.

    Between two batches each of k busy slots is freed with probability 1 - exp(-interval / mean).

    Args:
        interval: the seconds from one batch to the next.
        together: the jobs of a batch.
        mean: the mean of the exponential holding time, in seconds.
        slots: slots of the pool.
    """
    stays = math.exp(-interval / mean)
    after = np.zeros((slots + 1, slots + 1))
    for busy in range(slots + 1):
        full = min(busy + together, slots)
        for left in range(full + 1):
            after[busy, left] = math.comb(full, left) * stays**left * (1 - stays) ** (full - left)
    share = _stationary(after - np.eye(slots + 1))
    granted = sum(share[busy] * (min(busy + together, slots) - busy) for busy in range(slots + 1))
    return float(1 - granted / together), float(granted / interval * mean)


def _stationary(generator: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the probabilities that a generator, or a transition matrix less one, leaves alone."""
    equations = np.vstack([generator.T, np.ones(len(generator))])
    right = np.zeros(len(generator) + 1)
    right[-1] = 1
    return np.asarray(np.linalg.lstsq(equations, right, rcond=None)[0], np.float64)
