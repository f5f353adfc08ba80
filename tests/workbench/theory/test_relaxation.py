"""How fast queues forget: closed forms, the generator of the chain, and simulated queues."""

import math
import random

import numpy as np
import pytest

from simulations import Constant, Exponential, Holding, Leave, Poisson, Retry, Synthetic, Trace, Workload, parse_holding
from simulations.measuring.caveats import UNSTABLE
from simulations.measuring.pace import Pace
from simulations.theory.pace import pace_of, pace_of_renewed
from simulations.theory.relaxation import Relaxation, relaxation
from simulations.workloads.patience import Wait


pytestmark = pytest.mark.quick


def by_generator(rate: float, mean: float, servers: int, leaving: float, most: int, clients: int = 0) -> Relaxation:
    """Return the two integrals from the deviation matrix of the chain."""
    size = servers + most + 1
    generator = np.zeros((size, size))
    for jobs in range(size - 1):
        generator[jobs, jobs + 1] = rate * (clients - jobs) if clients else rate
        generator[jobs + 1, jobs] = min(jobs + 1, servers) / mean + max(0, jobs + 1 - servers) * leaving
    generator -= np.diag(generator.sum(axis=1))
    equations = np.vstack([generator.T, np.ones(size)])
    shares = np.linalg.lstsq(equations, np.append(np.zeros(size), 1), rcond=None)[0]
    deviation = np.linalg.inv(np.outer(np.ones(size), shares) - generator) - np.outer(np.ones(size), shares)
    memory = filling = 0.0
    for values in (np.arange(size), np.maximum(np.arange(size) - servers, 0)):
        about = values - shares @ values
        memory = max(memory, float(about * shares @ deviation @ about / (about**2 @ shares)))
        filling = max(filling, float(-deviation[0] @ values / (shares @ values)))
    return Relaxation(memory, filling)


@pytest.mark.parametrize(
    ('rate', 'mean', 'servers', 'patience', 'most'),
    [(0.8, 1.0, 1, 0.0, 150), (3.0, 1.0, 5, 0.0, 8), (9.0, 0.5, 5, 2.0, 80), (30.0, 1.0, 5, 0.5, 90)],
)
def test_the_integrals_are_those_of_the_generator(
    rate: float, mean: float, servers: int, patience: float, most: int
) -> None:
    """The generator is inverted as a matrix; the formula needs only sums."""
    expected = by_generator(rate, mean, servers, 1 / patience if patience else 0.0, most)
    found = relaxation(rate, mean, servers, patience=Exponential(patience) if patience else None, max_waiting=most)

    assert found.memory == pytest.approx(expected.memory, rel=1e-6)
    assert found.filling == pytest.approx(expected.filling, rel=1e-6)


def test_clients_that_queue_have_the_integrals_of_their_chain() -> None:
    found, expected = relaxation(0.5, 1.0, 5, clients=12), by_generator(0.5, 1.0, 5, 0.0, 7, clients=12)

    assert found.memory == pytest.approx(expected.memory, rel=1e-6)
    assert found.filling == pytest.approx(expected.filling, rel=1e-6)


@pytest.mark.parametrize('utilisation', [0.5, 0.9, 0.999])
def test_one_server_remembers_for_the_known_time(utilisation: float) -> None:
    """The number of jobs has (1 + u) / (1 - u)^2, that of waiting jobs a little more."""
    known = (1 + utilisation) / (1 - utilisation) ** 2
    found = relaxation(utilisation, 1.0, 1)

    assert known * (1 - 1e-6) <= found.memory <= 1.2 * known
    assert found.memory == pytest.approx(relaxation(utilisation / 60, 60.0, 1).memory / 60)
    assert relaxation(1.0, 1.0, 1) == (math.inf, math.inf)
    assert relaxation(0.0, 2.0, 1) == (2, 2)


def test_constant_patience_near_the_critical_load_is_a_walk_between_two_walls() -> None:
    """The queue of 5 slots walks between 0 and 5 D jobs: (5 D)^2 / (5 pi^2) s, by diffusion."""
    for patience in (100.0, 2000.0):
        found = relaxation(5.0, 1.0, 5, patience=Constant(patience))
        assert found.memory == pytest.approx((5 * patience) ** 2 / (5 * math.pi**2), rel=0.1)


@pytest.mark.parametrize('patience', [10.0, 200.0, 2000.0])
def test_under_a_flood_a_queue_turns_over_in_the_patience_of_its_jobs(patience: float) -> None:
    """Fifty jobs a second fill it at 45 a second, up to 50 D; then it is full of the last D s."""
    found = relaxation(50.0, 1.0, 5, patience=Constant(patience))

    assert patience / 2 <= found.memory <= 1.1 * patience
    assert 0.4 * patience <= found.filling <= 1.1 * patience


@pytest.mark.parametrize('rate', [100.0, 1e4, 1e6])
@pytest.mark.parametrize('patience', [2.0, 20.0])
def test_a_short_queue_under_a_flood_is_one_behind_which_no_job_gives_up(rate: float, patience: float) -> None:
    """Without its bound it would be so long that the probability of a short one underflows."""
    found = relaxation(rate, 1.0, 2, patience=Constant(patience), max_waiting=3)

    assert found == pytest.approx(relaxation(rate, 1.0, 2, max_waiting=3))


@pytest.mark.parametrize('text', ['const:2', 'uniform:0:3', 'lognormal:0:1', 'exp:2'])
def test_the_memory_is_about_that_of_a_simulated_queue(text: str) -> None:
    """The variance of the mean queue over long spans is 2 memory / span times its variance."""
    rate, servers, patience, span = 5.5, 5, parse_holding(text), 400.0
    stream = random.Random(text)
    free, now = [0.0] * servers, 0.0
    waits: list[tuple[float, float]] = []
    while now < 400 * span:
        now += stream.expovariate(rate)
        free.sort()
        wait = max(0.0, free[0] - now)
        stays = patience.draw(stream)
        waits.append((now, now + min(wait, stays)))
        if wait < stays:
            free[0] = max(now, free[0]) + stream.expovariate(1)
    ticks = np.arange(0, 400 * span, 0.05)
    starts, ends = np.array(waits).T
    queue = np.searchsorted(starts, ticks, 'right') - np.searchsorted(np.sort(ends), ticks, 'right')
    of_spans = queue[: len(ticks) // 400 * 400].reshape(400, -1).mean(axis=1)
    measured = of_spans.var() * span / (2 * queue.var())
    found = relaxation(rate, 1.0, servers, patience=patience).memory

    assert 0.75 * measured < found < 1.6 * measured


@pytest.mark.parametrize('patience', [None, Constant(3.0), Exponential(3.0)])
@pytest.mark.parametrize('rate', [4.0, 4e3, 1e6])
def test_a_pool_that_is_never_full_has_no_queue_to_remember(rate: float, patience: Holding | None) -> None:
    """It forgets as it does without a queue, at any load: as fast as its jobs leave."""
    assert relaxation(rate, 2.5, 2**31 - 1, patience=patience) == (2.5, 2.5)


def known_pace(
    workload: Workload, on_refusal: Leave | Retry | None = None, *, wait: Wait = 0.0, max_waiting: int | None = None
) -> Pace:
    pace = pace_of(workload, 5, None, on_refusal or Leave(), wait=wait, max_waiting=max_waiting)
    assert pace is not None
    return pace


def test_the_pace_of_a_queue_slows_with_the_load_and_with_the_variance_of_holding_times() -> None:
    """Without a queue it is as before; an overload without end has no pace."""
    law = Poisson(4.5, 'exp:1', jobs=1000)
    endless = known_pace(law, wait=None)
    shorter = known_pace(law, wait=1.0)
    bounded = known_pace(law, wait=None, max_waiting=3)
    none = known_pace(law)
    varied = known_pace(Poisson(4.5, 'mix:0.9*exp:0.5+0.1*exp:5.5', jobs=1000), wait=None)
    assert none.memory == pytest.approx(1, rel=1e-3)
    assert endless.memory == pytest.approx(relaxation(4.5, 1.0, 5).memory, rel=1e-3)
    assert none.memory < bounded.memory < shorter.memory < endless.memory < varied.memory
    assert endless.settled(0.01) > 20 * none.settled(0.01)
    flood = known_pace(Poisson(5, 'exp:1', jobs=1000), wait=None)
    assert (flood.memory, flood.cause) == (math.inf, UNSTABLE)


def test_the_pace_of_queues_covers_pools_clients_traces_renewal_and_retries() -> None:
    """Of several pools the busiest counts; a trace has the rate of its jobs."""
    alone = known_pace(Poisson(4, 'exp:1', jobs=9), wait=None)
    many = known_pace(Synthetic('poisson:8', 'exp:1', jobs=9, keys='zipf:2:0'), wait=None)
    clients = known_pace(Synthetic('clients:20:exp:4', 'exp:1', jobs=9), wait=None)
    stream = random.Random(1)
    trace = Trace([(jobs / 4, stream.expovariate(1)) for jobs in range(2000)])
    recorded = known_pace(trace, wait=None)
    renewed = pace_of_renewed(Poisson(4, 'exp:1', jobs=9), 5, 0.5, None, Leave(), wait=None)
    retried = known_pace(Poisson(4, 'exp:1', jobs=9), Retry('exp:1'), wait=1.0)
    patient = known_pace(Poisson(4, 'exp:1', jobs=9), wait=1.0)
    assert renewed is not None
    assert many.memory == pytest.approx(alone.memory)
    assert renewed.memory == pytest.approx(alone.memory)
    assert 0.7 * alone.memory < recorded.memory < 1.5 * alone.memory
    assert 1 < clients.memory < alone.memory
    assert retried.memory > patient.memory
