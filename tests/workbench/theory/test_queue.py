"""Queues: published figures, the birth-death chain, a simulation that shares no code, limits."""

import heapq
import math
import pickle
import random
from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulations import (
    Constant,
    Empirical,
    Exponential,
    Holding,
    erlang_b,
    erlang_c,
    mean_wait,
    parse_holding,
    wait_beyond,
    wait_quantile,
)
from simulations.theory.general import Occupation, allen_cunneen, occupation, pollaczek_khinchine
from simulations.theory.queue import MOST_VALUES, MixedWaits, QueueSystem, queue_system


pytestmark = pytest.mark.quick

PATIENCES = (
    'const:1',
    'uniform:0.2:2',
    'lognormal:0:1',
    'pareto:0.5:0.3',
    'mix:0.3*const:0+0.7*exp:2',
    'values:0.5:1:1:3',
)


def test_the_call_centre_of_garnett_mandelbaum_and_reiman_has_its_published_figures() -> None:
    """With 50 agents, 48 calls a minute of a minute each, and callers who wait for two minutes.

    O. Garnett, A. Mandelbaum, M. Reiman, "Designing a call center with impatient customers",
    Manufacturing & Service Operations Management 4, 2002, table 1.
    """
    patient, impatient = queue_system(48, 1.0, 50), queue_system(48, 1.0, 50, patience=Exponential(2.0))

    assert 60 * patient.wait_mean == pytest.approx(20.8, abs=0.05)
    assert 60 * patient.wait.quantile(0.9) == pytest.approx(58.1, abs=0.05)
    assert patient.queue_mean == pytest.approx(17, abs=0.5)
    assert impatient.timed_out_share == pytest.approx(0.031, abs=0.0005)
    assert 60 * impatient.wait_mean == pytest.approx(3.7, abs=0.05)
    assert 60 * impatient.wait.quantile(0.9) == pytest.approx(12.5, abs=0.1)
    assert impatient.queue_mean == pytest.approx(3, abs=0.5)
    assert impatient.occupancy_mean / 50 == pytest.approx(0.93, abs=0.005)


def test_the_inspection_station_of_gross_and_harris_has_its_published_figures() -> None:
    """Three stalls, room for four more cars, one car a minute, six minutes each.

    D. Gross and C. M. Harris, "Fundamentals of Queueing Theory", section on M/M/c/K: 3.09 cars
    wait, 6.06 are there, for 12.3 minutes.
    """
    found = queue_system(1 / 60, 360.0, 3, max_waiting=4)
    there = found.queue_mean + found.occupancy_mean

    assert found.queue_mean == pytest.approx(3.09, abs=0.005)
    assert there == pytest.approx(6.06, abs=0.005)
    assert there / (1 - found.refusal_share) == pytest.approx(12.3, abs=0.06)


@given(st.integers(1, 300), st.floats(0.001, 0.999), st.floats(0.1, 50))
@settings(max_examples=60, deadline=None)
def test_without_patience_or_bound_it_is_erlang_c(servers: int, utilisation: float, mean: float) -> None:
    """The mean, the distribution and the quantile are those of the closed form."""
    load = servers * utilisation
    found = queue_system(load / mean, mean, servers)
    longer = found.wait_mean

    assert found.waited_share == pytest.approx(erlang_c(servers, load), rel=1e-9, abs=1e-250)
    assert found.wait_mean == pytest.approx(mean_wait(servers, load, mean), rel=1e-9, abs=1e-250)
    assert found.wait.beyond(longer) == pytest.approx(wait_beyond(servers, load, longer, mean), rel=1e-9, abs=1e-250)
    for share in (0.5, 0.99):
        quantile = wait_quantile(servers, load, share, mean)
        assert found.wait.quantile(share) == pytest.approx(quantile, rel=1e-6, abs=1e-9 * mean)
        assert found.wait.served_within(quantile) >= share * (1 - 1e-9)


class Exact(NamedTuple):
    full: float
    timed_out: float
    waited: float
    queue: float
    busy: float


def birth_and_death(rate: float, mean: float, servers: int, patience: float, most: int) -> Exact:
    """Return the figures of the chain of jobs, with exact fractions; endless patience is 0."""
    arrivals, leaving = Fraction(rate) * Fraction(mean), Fraction(mean) / Fraction(patience) if patience else Fraction()
    weights = [Fraction(1)]
    for jobs in range(1, servers + most + 1):
        weights.append(weights[-1] * arrivals / (min(jobs, servers) + max(0, jobs - servers) * leaving))
    total = sum(weights)
    queue = sum(waiting * weight for waiting, weight in enumerate(weights[servers:])) / total
    return Exact(
        float(weights[-1] / total),
        float(queue * leaving / arrivals),
        float(sum(weights[servers:-1]) / total),
        float(queue),
        float(sum(weights[servers:]) / total),
    )


@pytest.mark.parametrize(
    ('rate', 'mean', 'servers', 'patience', 'most'),
    [
        (3.0, 1.0, 5, 0.0, 10),
        (9.0, 1.0, 5, 0.0, 10),
        (0.01, 1.0, 5, 0.0, 2),
        (50.0, 1.0, 1, 0.0, 60),
        (4.99, 1.0, 5, 0.0, 1),
        (6.0, 0.5, 2, 2.0, 3),
        (6.0, 1.0, 5, 0.01, 4),
        (6.0, 1.0, 5, 1000.0, 25),
        (50.0, 2.0, 7, 0.5, 40),
        (30.0, 1.0, 30, 1.0, 0),
    ],
)
def test_a_bounded_queue_is_the_chain_of_its_jobs(
    rate: float, mean: float, servers: int, patience: float, most: int
) -> None:
    """This includes queues that are hardly ever full, and ones that are hardly ever not."""
    exact = birth_and_death(rate, mean, servers, patience, most)
    found = queue_system(rate, mean, servers, patience=Exponential(patience) if patience else None, max_waiting=most)

    assert found.full_share == pytest.approx(exact.full, rel=1e-9, abs=1e-12)
    assert found.timed_out_share == pytest.approx(exact.timed_out, rel=1e-9, abs=1e-14)
    assert found.waited_share == pytest.approx(exact.waited, rel=1e-9, abs=0)
    assert found.queue_mean == pytest.approx(exact.queue, rel=1e-9, abs=0)
    assert found.all_busy == pytest.approx(exact.busy, rel=1e-9, abs=0)
    assert found.refusal_share == pytest.approx(exact.full + exact.timed_out, rel=1e-9)


@pytest.mark.parametrize(('rate', 'servers', 'patience'), [(6.0, 5, 2.0), (100.0, 50, 5.0), (4.0, 5, 0.1)])
def test_erlang_a_is_the_chain_of_its_jobs(rate: float, servers: int, patience: float) -> None:
    """The chain is cut where nothing is left of it."""
    exact = birth_and_death(rate, 1.0, servers, patience, 600)
    found = queue_system(rate, 1.0, servers, patience=Exponential(patience))

    assert found.timed_out_share == pytest.approx(exact.timed_out, rel=1e-10, abs=0)
    assert found.queue_mean == pytest.approx(exact.queue, rel=1e-10, abs=0)
    assert found.waited_share == pytest.approx(exact.waited, rel=1e-10, abs=0)


def test_in_a_bounded_queue_the_waits_are_a_mixture_of_erlang_distributions() -> None:
    """A job that finds n others waiting is served after n + 1 releases."""
    rate, servers, most = 7.0, 5, 6
    found = queue_system(rate, 1.0, servers, max_waiting=most)
    weights = [rate**jobs / math.prod(min(each, servers) for each in range(1, jobs + 1)) for jobs in range(12)]

    for seconds in (0.0, 0.1, 1.0, 3.0):
        releases = servers * seconds
        longer = 0.0
        for waiting in range(most):
            few = sum(math.exp(-releases) * releases**k / math.factorial(k) for k in range(waiting + 1))
            longer += weights[servers + waiting] / sum(weights) * few
        assert found.wait.beyond(seconds) == pytest.approx(longer, rel=1e-10)


def test_constant_patience_at_one_server_has_its_closed_form() -> None:
    """Finch's M/M/1+D: the offered wait has the density L p0 exp((L - m) x) up to the patience D.

    Beyond D it falls like exp(-m x). P. D. Finch, "Deterministic customer impatience in the
    queueing system GI/M/1", Biometrika 47, 1960.
    """
    rate, patience = 1.5, 2.0
    grown = math.expm1((rate - 1) * patience) / (rate - 1)
    at_end = math.exp((rate - 1) * patience)
    empty = 1 / (1 + rate * (grown + at_end))
    found = queue_system(rate, 1.0, 1, patience=Constant(patience))

    assert found.timed_out_share == pytest.approx(empty * rate * at_end, rel=1e-12)
    assert found.waited_share == pytest.approx(1 - empty, rel=1e-12)
    assert found.wait.beyond(patience) == 0
    assert found.wait.beyond(patience * 0.999999) == pytest.approx(found.timed_out_share, rel=1e-5)


class Seen(NamedTuple):
    full: float
    timed_out: float
    waited: float
    wait_mean: float
    long: float
    soon: float


def simulated(rate: float, servers: int, patience: Holding, most: int | None, at: float, jobs: int, seed: int) -> Seen:
    """Serve jobs in order of arrival, without code of the workbench or of the formulas."""
    stream = random.Random(seed)
    free, leaves = [0.0] * servers, list[float]()
    now = waited = full = timed_out = total = long = soon = 0.0
    for _ in range(jobs):
        now += stream.expovariate(rate)
        while leaves and leaves[0] <= now:
            heapq.heappop(leaves)
        stays, takes = patience.draw(stream), stream.expovariate(1)
        offered = max(0.0, free[0] - now)
        if offered and (not stays or (most is not None and len(leaves) >= most)):
            full += 1
            continue
        wait = min(offered, stays)
        total += wait
        waited += wait > 0
        long += wait > at
        if offered:
            heapq.heappush(leaves, now + wait)
        if offered < stays or not offered:
            heapq.heapreplace(free, now + offered + takes)
            soon += wait <= at
        else:
            timed_out += 1
    return Seen(full / jobs, timed_out / jobs, waited / jobs, total / jobs, long / jobs, soon / jobs)


@pytest.mark.parametrize('most', [None, 4])
@pytest.mark.parametrize('text', PATIENCES)
def test_any_patience_agrees_with_a_simulation(text: str, most: int | None) -> None:
    """The figures lie within five standard errors of the means of twenty runs."""
    patience, rate, servers, at = parse_holding(text), 6.0, 5, 0.4
    found = queue_system(rate, 1.0, servers, patience=patience, max_waiting=most)
    runs = np.array([simulated(rate, servers, patience, most, at, 10_000, seed) for seed in range(20)])
    error = runs.std(axis=0, ddof=1) / math.sqrt(len(runs)) + 1e-4
    expected = Seen(
        found.full_share,
        found.timed_out_share,
        found.waited_share,
        found.wait_mean,
        found.wait.beyond(at),
        found.wait.served_within(at),
    )

    assert (np.abs(runs.mean(axis=0) - expected) < 5 * error).all(), (runs.mean(axis=0), expected)


@given(
    st.floats(0.01, 40),
    st.integers(1, 20),
    st.sampled_from((*PATIENCES, 'exp:1')).map(parse_holding),
    st.one_of(st.none(), st.integers(0, 50)),
)
@settings(max_examples=40, deadline=None)
def test_the_figures_fit_one_another(rate: float, servers: int, patience: Holding, most: int | None) -> None:
    """Slots carry what is not refused, and the tail of the wait never rises."""
    found = queue_system(rate, 1.0, servers, patience=patience, max_waiting=most)
    at_least = found.all_busy * servers

    assert found.refusal_share == pytest.approx(found.full_share + found.timed_out_share)
    assert found.occupancy_mean == pytest.approx(rate * (1 - found.refusal_share), rel=1e-9)
    assert at_least <= found.occupancy_mean * (1 + 1e-9) <= servers * (1 + 1e-8)
    assert found.queue_mean == pytest.approx(rate * found.wait_mean)
    assert found.waited_share <= found.all_busy * (1 + 1e-12)
    assert found.waited_share == pytest.approx(found.wait.beyond(0), abs=1e-12)
    assert found.refusal_share <= erlang_b(servers, rate) * (1 + 1e-9)
    assert found.wait.served_within(found.wait.longest) == pytest.approx(1 - found.refusal_share, abs=1e-9)
    tail = np.array([found.wait.beyond(each) for each in np.linspace(0, found.wait.longest, 101).tolist()])
    assert (np.diff(tail) <= 1e-12).all()


def test_the_mean_wait_is_the_integral_of_its_distribution() -> None:
    found = queue_system(6.0, 1.0, 5, patience=parse_holding('uniform:0:3'), max_waiting=7)
    times = np.linspace(0, 3, 3001)
    tail = [found.wait.beyond(each) for each in times.tolist()]

    assert float(np.trapezoid(tail, times)) == pytest.approx(found.wait_mean, rel=1e-6)


def test_no_room_or_no_patience_is_the_loss_system() -> None:
    """Both refuse at once; very long patience and a very long queue are as none."""
    for found in (
        queue_system(6, 1.0, 5, max_waiting=0),
        queue_system(6, 1.0, 5, patience=Constant(0)),
        queue_system(6, 1.0, 5, patience=Constant(0), max_waiting=3),
    ):
        assert found.refusal_share == pytest.approx(erlang_b(5, 6), rel=1e-12)
        assert (found.waited_share, found.timed_out_share, found.wait_mean) == (0, 0, 0)
    endless = queue_system(3, 1.0, 5)
    for found in (queue_system(3, 1.0, 5, patience=Constant(1e4)), queue_system(3, 1.0, 5, max_waiting=90_000)):
        assert found.wait_mean == pytest.approx(endless.wait_mean, rel=1e-9)
        assert found.wait.beyond(1.0) == pytest.approx(endless.wait.beyond(1.0), rel=1e-9)


def test_extreme_loads_stay_within_range() -> None:
    """Nearly no arrivals, a queue near its limit, a flood of arrivals, and a large pool."""
    assert queue_system(0, 1.0, 5)[:9] == (0,) * 9
    assert queue_system(1e-200, 1.0, 50).wait_mean == 0
    assert queue_system(1 - 1e-9, 1.0, 1).wait_mean == pytest.approx(1e9, rel=1e-6)
    flood = queue_system(1e6, 1.0, 5, patience=Exponential(1.0), max_waiting=10)
    assert flood.occupancy_mean == pytest.approx(5, rel=1e-5)
    assert flood.queue_mean == pytest.approx(10, rel=1e-4)
    large = queue_system(99_990, 1.0, 100_000, patience=Constant(0.001))
    assert 0 < large.timed_out_share < erlang_b(100_000, 99_990)


def test_the_lengths_of_the_queue_are_those_of_the_chain() -> None:
    found = queue_system(6, 1.0, 5, patience=Exponential(2.0))
    shares = found.wait.queue_lengths(80)
    ratios = [6 / (5 + (waiting + 1) / 2) for waiting in range(80)]

    assert shares[1:] / shares[:-1] == pytest.approx(ratios, rel=1e-9)
    assert shares.sum() == pytest.approx(found.all_busy)
    assert shares @ range(81) == pytest.approx(found.queue_mean)
    assert (queue_system(6, 1.0, 5, max_waiting=2).wait.queue_lengths(4)[3:] == 0).all()


def test_the_waits_of_two_pools_are_mixed_by_their_share_of_the_jobs() -> None:
    busy, idle = queue_system(4, 1.0, 5).wait, queue_system(1, 1.0, 5).wait
    both = MixedWaits(((0.8, busy), (0.2, idle)))
    tenth = both.quantile(0.9)

    assert both.beyond(0.5) == pytest.approx(0.8 * busy.beyond(0.5) + 0.2 * idle.beyond(0.5))
    assert both.beyond(tenth) == pytest.approx(0.1, rel=1e-6)
    assert both.served_within(tenth) == pytest.approx(0.9, rel=1e-6)
    assert both.longest == max(busy.longest, idle.longest)


def test_a_distribution_of_waits_can_be_sent_to_another_process_and_compared() -> None:
    one = queue_system(6, 1.0, 5, patience=Constant(1.0))
    again: QueueSystem = pickle.loads(pickle.dumps(one))

    assert again == one
    assert again.wait.beyond(0.3) == one.wait.beyond(0.3)
    assert queue_system(6, 1.0, 5, patience=Constant(2.0)) != one


@pytest.mark.parametrize(
    'text',
    ['exp:2', 'const:2', 'uniform:0.5:3', 'lognormal:0:0.8', 'pareto:2.5:0.6', 'mix:1*exp:1+2*const:3', 'values:1:2:2'],
)
def test_the_share_beyond_a_time_is_the_slope_of_the_mean_until_it(text: str) -> None:
    """E[min(S, x)] grows at the rate P(S > x)."""
    holding: Any = parse_holding(text)
    for seconds in (0.1, 0.7, 1.3, 2.6, 4.2):
        slope = (holding.mean_until(seconds + 1e-6) - holding.mean_until(seconds)) / 1e-6
        assert holding.share_beyond(seconds) == pytest.approx(slope, abs=1e-5)
    assert holding.share_beyond(0.0) == 1


@pytest.mark.parametrize('text', ['exp:2', 'uniform:0.5:3', 'lognormal:0:0.8', 'lognormal:0:0.01', 'pareto:4:0.6'])
def test_the_moments_of_a_late_expiry_are_those_without_one(text: str) -> None:
    """The one is computed by quadrature, the other from a closed form."""
    holding = parse_holding(text)
    late, never = occupation(holding, 1e6), occupation(holding, None)

    assert late.square == pytest.approx(never.square, rel=1e-9)
    assert late.mean == pytest.approx(never.mean, rel=1e-9)


@pytest.mark.parametrize('text', [*PATIENCES, 'exp:1'])
def test_the_moments_of_an_occupation_are_those_of_drawn_times(text: str) -> None:
    """An expiry cuts them; a crashed holder keeps its slot until then."""
    stream, holding = random.Random(1), parse_holding(text)
    drawn = np.array([0.7 if stream.random() < 0.2 else min(holding.draw(stream), 0.7) for _ in range(40_000)])
    found = occupation(holding, 0.7, 0.2)

    assert found.mean == pytest.approx(drawn.mean(), abs=0.008)
    assert found.square == pytest.approx((drawn**2).mean(), abs=0.008)
    assert found.variation == pytest.approx(drawn.var() / drawn.mean() ** 2, abs=0.05)


def test_the_mean_wait_at_one_slot_depends_on_the_variance() -> None:
    """Constant holding times halve the wait of M/M/1; an infinite variance makes it infinite."""
    assert pollaczek_khinchine(0.5, occupation(parse_holding('exp:1'), None)) == pytest.approx(mean_wait(1, 0.5))
    assert pollaczek_khinchine(0.5, occupation(parse_holding('const:1'), None)) == 0.5
    assert pollaczek_khinchine(0.5, occupation(parse_holding('pareto:1.9:0.1'), None)) == math.inf
    assert pollaczek_khinchine(1.0, Occupation(1.0, 1.0)) == math.inf
    assert pollaczek_khinchine(0.0, Occupation(1.0, math.inf)) == 0


def test_the_approximation_of_allen_and_cunneen_is_near_the_exact_wait_of_constant_holding_times() -> None:
    """At a high load it is near that of M/D/c by Crommelin, and it is exact for M/M/c.

    After one of the constant holding times, all jobs that were being served are gone, which makes a
    chain. C. D. Crommelin, "Delay probability formulae when the holding times are constant", Post
    Office Electrical Engineers' Journal 25, 1932.
    """
    servers, load = 5, 4.5
    most = 400
    arrived = np.array([math.exp(jobs * math.log(load) - load - math.lgamma(jobs + 1)) for jobs in range(most + 1)])
    shares = np.full(most + 1, 1 / (most + 1))
    for _ in range(4000):
        left = np.concatenate(([shares[: servers + 1].sum()], shares[servers + 1 :]))
        shares = np.convolve(left, arrived)[: most + 1]
        shares /= shares.sum()
    exact = float(shares[servers:] @ np.arange(most + 1 - servers)) / load
    approximate = allen_cunneen(servers, load, 1.0, 1.0, 0.0)

    assert approximate == pytest.approx(exact, rel=0.1)
    assert approximate != pytest.approx(exact, rel=0.01)
    assert allen_cunneen(5, 3.0, 2.0, 1.0, 1.0) == mean_wait(5, 3.0, 2.0)
    assert allen_cunneen(5, 5.0, 2.0, 1.0, 1.0) == math.inf


class Unknown:
    """A distribution of somebody else, with only what a holding time needs."""

    def draw(self, stream: random.Random) -> float:
        return stream.random()

    def mean(self) -> float:
        return 0.5

    def mean_until(self, slot_exp: float) -> float:
        return min(slot_exp, 1) * (1 - min(slot_exp, 1) / 2)

    def mean_beyond(self, slot_exp: float) -> float:
        return 0.5 - self.mean_until(slot_exp)

    def __str__(self) -> str:
        return 'unknown'


@pytest.mark.parametrize(
    ('call', 'kind', 'complaint'),
    [
        (lambda: wait_beyond(5, 3.0, -1), ValueError, 'seconds must be finite and at least 0, got -1'),
        (lambda: wait_quantile(5, 3.0, 1), ValueError, 'share must be more than 0 and less than 1, got 1'),
        (lambda: queue_system(-1, 1.0, 5), ValueError, 'rate must be finite and at least 0, got -1'),
        (lambda: queue_system(1, 0, 5), ValueError, 'holding_mean must be finite and more than 0, got 0'),
        (lambda: queue_system(1, 1, 0), ValueError, 'max_size must be at least 1, got 0'),
        (lambda: queue_system(1, 1, 1, max_waiting=-1), ValueError, 'max_waiting must be at least 0, got -1'),
        (lambda: queue_system(1, 1, 1, max_waiting=100_001), ValueError, 'max_waiting must be at most 100000'),
        (lambda: queue_system(5, 1, 5), ValueError, r'5\.0 erlangs are offered to 5 slots.*use more than 5 slots'),
        (lambda: queue_system(1, 1, 5, patience=Unknown()), ValueError, 'patience unknown has no method share_beyond'),
        (
            lambda: queue_system(1, 1, 5, patience=Empirical(np.arange(MOST_VALUES + 1.0))),
            ValueError,
            'has 2,001 different values: use at most 2,000',
        ),
        (lambda: occupation(Unknown(), 0.5), ValueError, 'holding unknown has no method share_beyond'),
        (lambda: occupation(Unknown(), None), ValueError, 'the variance of holding unknown is not known'),
        (lambda: allen_cunneen(5, 3, 1, -1, 1), ValueError, 'arrival_variation must be finite and at least 0'),
    ],
)
def test_a_wrong_argument_is_refused(call: Callable[[], Any], kind: type[Exception], complaint: str) -> None:
    """The error names the argument, its value, and what is allowed."""
    with pytest.raises(kind, match=complaint):
        call()
