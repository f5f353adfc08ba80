"""Random series with a known mean, for tests of intervals; they are the same in every run."""

import random

import numpy as np
from numpy.typing import NDArray


def autoregressive(runs: int, length: int, memory: float, seed: int, start: float | None = None) -> NDArray[np.float64]:
    """Return autoregressive series of mean 0, one in each row.

    Each value is ``memory`` times the one before, plus standard normal noise.

    Args:
        runs: how many series.
        length: how many values each has.
        memory: the factor, between -1 and 1.
        seed: the seed of the noise.
        start: the first value; by default the series are stationary from the start.
    """
    stream = random.Random(seed)
    noise = np.array([stream.gauss(0, 1) for _ in range(runs * length)]).reshape(length, runs)
    series = np.empty_like(noise)
    series[0] = noise[0] / np.sqrt(1 - memory**2) if start is None else start
    for now in range(1, length):
        series[now] = memory * series[now - 1] + noise[now]
    return series.T


def loss_system_runs(
    runs: int, events: int, servers: int, load: float, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the arrivals and refusals of loss systems, per ten events, one system in each row.

    An event is an arrival, a departure or nothing, with probabilities proportional to the load, the
    busy servers and the free servers.
    """
    stream = random.Random(seed)
    chances = np.array([stream.random() for _ in range(runs * events)]).reshape(events, runs) * (load + servers)
    busy = np.zeros(runs)
    arrived, refused = np.empty_like(chances), np.empty_like(chances)
    for now, chance in enumerate(chances):
        arrived[now] = chance < load
        refused[now] = arrived[now] * (busy == servers)
        busy += arrived[now] - refused[now] - ((chance >= load) & (chance < load + busy))
    by_tens = (runs, events // 10, 10)
    return arrived.T.reshape(by_tens).sum(axis=2), refused.T.reshape(by_tens).sum(axis=2)
