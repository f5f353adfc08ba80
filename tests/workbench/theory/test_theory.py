"""The formulas against published values, exact arithmetic, other packages, and known laws."""

import math
import sys
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pyqueueing import MMC, ErlangB
from scipy.stats import binom, poisson

from simulations import (
    Holding,
    Poisson,
    engset,
    engset_occupancy,
    erlang_b,
    erlang_c,
    load_for,
    loss_system,
    max_size_for,
    mean_interval,
    mean_wait,
    occupancy_distribution,
    parse_holding,
    replay,
    retrials,
)
from simulations.theory.chain import Chain, full_share
from simulations.theory.erlang import occupancy_mean


pytestmark = pytest.mark.quick


LOADS = st.floats(-9, 7).map(lambda power: 10**power)
SERVERS = st.one_of(st.integers(1, 100), st.integers(1, 10**6))
POOLS = st.integers(1, 300)
TARGETS = st.floats(-12, -0.01).map(lambda power: 10**power)


def exact_erlang_b(servers: int, load: Fraction) -> Fraction:
    weights = [load**busy / math.factorial(busy) for busy in range(servers + 1)]
    return weights[-1] / sum(weights)


def exact_engset(servers: int, sources: int, alpha: Fraction) -> list[Fraction]:
    weights = [math.comb(sources, busy) * alpha**busy for busy in range(servers + 1)]
    return [weight / sum(weights) for weight in weights]


@pytest.mark.parametrize(
    ('servers', 'load', 'share'),
    [(5, 3.0, 0.110054347826), (10, 5.0, 0.018384570337), (30, 25.0, 0.052603172), (1, 1.0, 0.5), (0, 2.0, 1.0)],
)
def test_erlang_b_has_its_known_values(servers: int, load: float, share: float) -> None:
    """These are tabulated values, and two well-known ones."""
    assert erlang_b(servers, load) == pytest.approx(share, abs=1e-9)


TWO_PERCENT = [(5, 1.657), (9, 4.345), (15, 9.010), (21, 14.036), (49, 39.323)]


@pytest.mark.parametrize(('servers', 'load'), TWO_PERCENT)
def test_erlang_b_meets_the_published_two_percent_table_forwards_and_backwards(servers: int, load: float) -> None:
    """Tabulated loads refuse 2 %, and the target leads back to the load and the size."""
    assert erlang_b(servers, load) == pytest.approx(0.02, abs=2e-5)
    assert load_for(servers, 0.02) == pytest.approx(load, abs=5.1e-4)
    assert max_size_for(load - 0.001, 0.02) == servers
    assert max_size_for(load + 0.001, 0.02) == servers + 1


def test_erlang_c_and_its_mean_wait_have_their_known_values() -> None:
    """Three servers at two erlangs make four in nine jobs wait; five at three are known too."""
    assert erlang_c(3, 2.0) == pytest.approx(4 / 9, rel=1e-14, abs=0)
    assert erlang_c(5, 3.0) == pytest.approx(0.236151603, abs=1e-9)
    assert mean_wait(5, 3.0) == pytest.approx(0.118075802, abs=1e-9)
    assert mean_wait(5, 3.0, holding_mean=20) == pytest.approx(20 * 0.118075802, abs=1e-7)


def test_engset_has_its_known_values() -> None:
    """Five servers and ten sources offer half an erlang each while free."""
    known = engset(5, 10, 0.5)

    assert known.time_congestion == pytest.approx(0.147887, abs=5e-7)
    assert known.call_congestion == pytest.approx(0.106961, abs=5e-7)


@pytest.mark.parametrize(('retry_rate', 'share'), [(0.1, 0.16416), (1.0, 0.18275), (10.0, 0.21838)])
def test_retrials_have_their_known_values(retry_rate: float, share: float) -> None:
    """Five servers at three erlangs were solved independently."""
    assert retrials(5, 3.0, retry_rate).all_busy == pytest.approx(share, abs=5e-6)
    # Only the ratio of pause and holding time counts.
    assert retrials(5, 3.0, retry_rate / 60, holding_mean=60).all_busy == pytest.approx(share, abs=5e-6)


@pytest.mark.parametrize(
    ('max_size', 'rate', 'slot_exp', 'crashes', 'refusals', 'overrun'),
    [(5, 6, 0.5, 0, 0.05965, 3.422), (10, 12, 1.0, 0, 0.10324, 3.959), (5, 3, 4, 0.2, 0.26476, 0.03232)],
)
def test_the_loss_system_has_the_values_found_by_independent_simulation(
    max_size: int, rate: float, slot_exp: float, crashes: float, refusals: float, overrun: float
) -> None:
    """Refusals follow Erlang at the load left by expiry and crashes; overruns agree as well."""
    theory = loss_system(rate, parse_holding('exp:1'), max_size, slot_exp, crashes)

    assert theory.refusal_share == pytest.approx(refusals, abs=5e-6)
    assert theory.overrun_mean == pytest.approx(overrun, abs=5e-4)


@pytest.mark.parametrize('load', [Fraction(1, 1000), Fraction(1, 3), Fraction(7), Fraction(49, 2), Fraction(500)])
@pytest.mark.parametrize('servers', [0, 1, 2, 7, 24, 25, 80])
def test_the_closed_forms_agree_with_exact_arithmetic(servers: int, load: Fraction) -> None:
    """Erlang B and C, occupancy and Engset agree with exact arithmetic to fourteen digits."""
    share = exact_erlang_b(servers, load)
    weights = [load**busy / math.factorial(busy) for busy in range(servers + 1)]

    assert erlang_b(servers, float(load)) == pytest.approx(float(share), rel=1e-14, abs=1e-300)
    assert occupancy_distribution(servers, float(load)) == pytest.approx(
        [float(weight / sum(weights)) for weight in weights], rel=2e-14, abs=1e-300
    )
    if servers > load:
        last = weights[-1] * servers / (servers - load)
        waiting = last / (sum(weights) - weights[-1] + last)
        assert erlang_c(servers, float(load)) == pytest.approx(float(waiting), rel=1e-14, abs=1e-300)
        assert mean_wait(servers, float(load)) == pytest.approx(
            float(waiting / (servers - load)), rel=1e-14, abs=1e-300
        )
    for sources in (1, 2, 24, 100):
        alpha = load / 25
        if servers > 0:
            theory = engset(servers, sources, float(alpha))
            shares = exact_engset(servers, sources, alpha)
            mean = sum(busy * share for busy, share in enumerate(shares))
            assert engset_occupancy(servers, sources, float(alpha)) == pytest.approx(
                [float(share) for share in shares], rel=2e-14, abs=1e-300
            )
            assert theory.time_congestion == pytest.approx(float(shares[-1]), rel=2e-14, abs=1e-300)
            assert theory.occupancy_mean == pytest.approx(float(mean), rel=2e-14, abs=1e-300)
            assert theory.call_congestion == pytest.approx(
                float(exact_engset(servers, sources - 1, alpha)[-1]), rel=2e-14, abs=1e-300
            )


@pytest.mark.parametrize(('servers', 'load'), [(1, 0.5), (5, 3.0), (40, 39.5), (200, 150.0), (700, 650.0)])
def test_erlang_and_mmc_agree_with_another_package(servers: int, load: float) -> None:
    """pyqueueing computes them differently."""
    waiting = MMC(arrival_rate=load, service_rate=1, servers=servers)

    assert erlang_b(servers, load) == pytest.approx(
        ErlangB(arrival_rate=load, service_rate=1, servers=servers).prob_block(), rel=1e-9, abs=0
    )
    assert erlang_c(servers, load) == pytest.approx(waiting.prob_wait(), rel=1e-9, abs=0)
    assert mean_wait(servers, load) == pytest.approx(waiting.mean_wait(), rel=1e-9, abs=0)


@pytest.mark.parametrize(
    ('servers', 'load'), [(10**6, 1e6), (10**6, 999_000.0), (10**6, 1.003e6), (10**5, 1e5), (1000, 900.0)]
)
def test_a_million_servers_are_no_trouble(servers: int, load: float) -> None:
    """The share is that of a truncated Poisson distribution, to the digits that SciPy has."""
    share = poisson.pmf(servers, load) / poisson.cdf(servers, load)

    assert erlang_b(servers, load) == pytest.approx(share, rel=1e-8, abs=0)
    assert occupancy_distribution(servers, load)[-1] == pytest.approx(share, rel=1e-8, abs=0)


def test_the_ends_of_the_range_are_what_they_must_be() -> None:
    """No load, no server or an infinite load yields a limit, never an error or NaN."""
    assert [erlang_b(3, 0), erlang_b(0, 0), erlang_b(3, math.inf), erlang_b(10**6, 1e-9)] == [0, 1, 1, 0]
    assert [erlang_c(3, 0), erlang_c(3, 3), erlang_c(3, math.inf)] == [0, 1, 1]
    assert [mean_wait(3, 0), mean_wait(3, 3), mean_wait(3, 1e9)] == [0, math.inf, math.inf]
    assert list(occupancy_distribution(2, 0)) == [1, 0, 0]
    assert list(occupancy_distribution(2, math.inf)) == [0, 0, 1]
    assert list(occupancy_distribution(0, 5)) == [1]
    assert engset(3, 9, 0) == (0, 0, 0)
    assert engset(3, 9, 1e300) == (1, 1, 3)
    assert engset(3, 9, sys.float_info.max) == (1, 1, 3)
    assert list(engset_occupancy(2, 9, sys.float_info.max)) == pytest.approx([0, 0, 1])
    assert [occupancy_mean(3, 0), occupancy_mean(3, math.inf)] == [0, 3]
    assert engset(3, 2, 1.0) == (0, 0, 1)
    assert list(engset_occupancy(3, 1, 1.0)) == [0.5, 0.5, 0, 0]
    assert retrials(3, 0, 1) == (0, 0, 0, 0)
    assert retrials(1000, 1e-3, 1) == (0, 0, 0, 0)
    assert retrials(3, 3, 1) == (1, 1, math.inf, math.inf)
    assert [max_size_for(0, 0.5), max_size_for(5, 1), max_size_for(1e-9, 1e-6)] == [1, 1, 1]
    assert load_for(1, 0.5) == 1


def test_a_pool_that_crashed_holders_fill_for_ever_refuses_everything() -> None:
    """Without expiry any crashes take all slots in turn; with one, all holders may crash."""
    holding = parse_holding('exp:1')

    assert loss_system(3, holding, 5, None, 0.1) == (math.inf, 1, 5, 0)
    assert loss_system(0, holding, 5, None, 0.1) == (0, 0, 0, 0)
    assert loss_system(3, holding, 5, 4, 1) == pytest.approx((12, erlang_b(5, 12), 12 * (1 - erlang_b(5, 12)), 0))
    assert loss_system(3, holding, 5, None) == loss_system(3, holding, 5, None, 0)


@pytest.mark.parametrize('load', [1e17, 1e300, sys.float_info.max, math.inf])
def test_a_load_beyond_all_measure_takes_every_slot(load: float) -> None:
    """The mean occupancy is the size, though 1 - B rounds to 0 and the load may be infinite."""
    assert erlang_b(5, load) == pytest.approx(1, rel=1e-15)
    assert occupancy_mean(5, load) == pytest.approx(5, rel=1e-15)
    if load < math.inf:
        theory = loss_system(load, parse_holding('const:2'), 5, 1.5)
        assert theory.occupancy_mean == pytest.approx(5, rel=1e-15)
        assert theory.overrun_mean == pytest.approx(5 / 1.5 * 0.5, rel=1e-14)


def test_a_probability_below_the_range_of_floats_takes_no_step_per_server() -> None:
    """The recursion ends there: a denormal number would not fall any more for a million steps."""
    steps = 0

    def rise(busy: int) -> float:
        nonlocal steps
        steps += 1
        return 1e6 / busy

    assert full_share(2 * 10**6, Chain(10**6, rise)) == 0
    assert steps < 60_000


@pytest.mark.parametrize(('load', 'target'), [(1e9, 1e-300), (1e9, 1e-3), (1e6, 0.01), (1e6, 1e-30), (2e9, 1e-300)])
def test_sizing_finds_the_smallest_of_a_billion_servers(load: float, target: float) -> None:
    """So say the share itself, and SciPy's Poisson distribution to the five digits it has here."""
    size = max_size_for(load, target)
    share = poisson.logpmf(size, load) - poisson.logcdf(size, load)

    assert erlang_b(size, load) <= target < erlang_b(size - 1, load)
    assert math.log(erlang_b(size, load)) == pytest.approx(share, rel=0, abs=2e-5)


@given(st.integers(1, 3000), st.floats(0.01, 3000))
@settings(max_examples=200)
@example(3000, 3000.0)
@example(2999, 3000.0)
def test_a_size_is_found_again_from_what_it_refuses(size: int, load: float) -> None:
    """Both ways use the same arithmetic, so even a target met exactly leads back to the size."""
    refused = erlang_b(size, load)
    assume(sys.float_info.min <= refused < erlang_b(size - 1, load))

    assert max_size_for(load, refused) == size


@given(SERVERS, LOADS)
@settings(max_examples=60)
@example(10**6, 1e6)
@example(10**6, 1e-9)
@example(5, 1e7)
def test_refusals_grow_with_the_load_and_fall_with_the_servers(servers: int, load: float) -> None:
    """They lie between 0 and 1, above the load that cannot be carried and below Erlang C."""
    share = erlang_b(servers, load)

    assert 0 <= share < 1
    assert share >= 1 - servers / load
    assert erlang_b(servers + 1, load) <= share <= erlang_b(servers, load * 1.01)
    assert share <= erlang_c(servers, load) <= 1
    if load < servers:
        rho = load / servers
        assert erlang_c(servers, load) == pytest.approx(share / (1 - rho * (1 - share)), rel=1e-6, abs=0)
        assert erlang_c(servers + 1, load) <= erlang_c(servers, load)


@given(st.integers(1, 20_000), LOADS)
@settings(max_examples=60)
def test_what_is_carried_is_what_is_accepted(servers: int, load: float) -> None:
    """The mean occupancy is load (1 - B), the last state is B, and probabilities sum to 1."""
    shares = occupancy_distribution(servers, load)
    mean = np.arange(servers + 1) @ shares
    theory = loss_system(load, parse_holding('const:1'), servers, None)

    assert shares.shape == (servers + 1,)
    assert shares.min() >= 0
    assert shares.sum() == pytest.approx(1, rel=1e-12, abs=0)
    assert shares[-1] == pytest.approx(erlang_b(servers, load), rel=1e-10, abs=1e-300)
    assert theory.occupancy_mean == pytest.approx(mean, rel=1e-10, abs=0)
    assert theory.occupancy_mean == pytest.approx(load * (1 - theory.refusal_share), rel=1e-5, abs=0)


@given(st.integers(1, 10**6), LOADS.map(lambda load: load / 100), TARGETS)
@settings(max_examples=40)
def test_sizing_finds_the_smallest_pool_and_the_largest_load(max_size: int, load: float, target: float) -> None:
    """One slot fewer, or slightly more load, refuses more than the target."""
    smallest = max_size_for(load, target)
    largest = load_for(max_size, target)

    assert erlang_b(smallest, load) <= target
    assert smallest == 1 or erlang_b(smallest - 1, load) > target
    assert erlang_b(max_size, largest) <= target < erlang_b(max_size, largest * (1 + 1e-9))


def test_sizing_meets_a_target_that_is_met_exactly() -> None:
    """A share equal to the target is allowed."""
    assert all(max_size_for(load, erlang_b(size, load)) == size for size in (1, 7, 60) for load in (0.5, 7.0, 65.0))


@given(POOLS, POOLS, LOADS.map(lambda load: load / 1000))
@settings(max_examples=60)
def test_engset_keeps_its_balance(servers: int, sources: int, alpha: float) -> None:
    """Call congestion is below time congestion; the carried load is what free sources offer."""
    theory = engset(servers, sources, alpha)
    shares = engset_occupancy(servers, sources, alpha)
    free = sources - theory.occupancy_mean

    assert shares.sum() == pytest.approx(1, rel=1e-12, abs=0)
    assert 0 <= theory.call_congestion <= theory.time_congestion <= 1
    assert np.arange(servers + 1) @ shares == pytest.approx(theory.occupancy_mean, rel=1e-10, abs=0)
    assert theory.occupancy_mean == pytest.approx(alpha * free * (1 - theory.call_congestion), rel=1e-5, abs=0)
    if servers >= sources:
        # Nobody stands in another's way, so each source is busy or not by itself.
        assert theory.call_congestion == 0
        assert shares == pytest.approx(
            binom.pmf(np.arange(servers + 1), sources, alpha / (1 + alpha)), rel=1e-6, abs=1e-30
        )


@pytest.mark.parametrize(('servers', 'load'), [(5, 3.0), (20, 30.0), (1, 0.1)])
def test_engset_becomes_erlang_with_many_sources(servers: int, load: float) -> None:
    """A hundred million sources of a hundred-millionth each make Poisson arrivals."""
    theory = engset(servers, 10**8, load / 10**8)

    assert theory.time_congestion == pytest.approx(erlang_b(servers, load), rel=1e-6, abs=0)
    assert theory.call_congestion == pytest.approx(erlang_b(servers, load), rel=1e-6, abs=0)


def chain_with_retries(servers: int, load: float, retry_rate: float, most: int) -> tuple[float, float]:
    """Return P(all busy) and the mean number of waiting jobs from all balance equations."""
    wide = servers + 1
    rates = np.zeros(((most + 1) * wide, (most + 1) * wide))
    for waiting in range(most + 1):
        for busy in range(wide):
            here = waiting * wide + busy
            if busy < servers:
                rates[here, here + 1] += load
                if waiting:
                    rates[here, here - wide + 1] += waiting * retry_rate
            elif waiting < most:
                rates[here, here + wide] += load
            if busy:
                rates[here, here - 1] += busy
    np.fill_diagonal(rates, -rates.sum(axis=1))
    rates[:, 0] = 1
    shares: NDArray[np.float64] = np.linalg.solve(rates.T, np.eye(len(rates))[0]).reshape(most + 1, wide)
    return float(shares[:, servers].sum()), float(np.arange(most + 1) @ shares.sum(axis=1))


@pytest.mark.parametrize(
    ('servers', 'load', 'retry_rate', 'most'),
    [(1, 0.5, 1.0, 120), (2, 0.2, 0.05, 60), (5, 3.0, 1.0, 150), (3, 2.0, 30.0, 160), (8, 5.0, 0.1, 150)],
)
def test_retrials_agree_with_the_whole_chain_solved_at_once(
    servers: int, load: float, retry_rate: float, most: int
) -> None:
    """The level-by-level solution agrees with a general solver on all states."""
    all_busy, waiting = chain_with_retries(servers, load, retry_rate, most)
    theory = retrials(servers, load, retry_rate)

    assert theory.all_busy == pytest.approx(all_busy, rel=1e-10, abs=0)
    assert theory.waiting_mean == pytest.approx(waiting, rel=1e-10, abs=0)


@pytest.mark.parametrize(('load', 'retry_rate'), [(0.5, 1.0), (0.9, 0.05), (0.99, 30.0), (1e-6, 1.0)])
def test_retrials_of_one_server_have_their_closed_form(load: float, retry_rate: float) -> None:
    """The share rho is busy; rho^2 / (1 - rho) jobs queue, and rho^2 / (v (1 - rho)) more pause."""
    theory = retrials(1, load, retry_rate)

    assert theory.all_busy == pytest.approx(load, rel=1e-12, abs=0)
    assert theory.waiting_mean == pytest.approx(load**2 / (1 - load) * (1 + 1 / retry_rate), rel=1e-12, abs=0)


@given(st.integers(1, 50), st.floats(0.01, 0.97), st.floats(-2, 3).map(lambda power: 10**power))
@settings(max_examples=40)
def test_retrials_lie_between_loss_and_queue(servers: int, rho: float, retry_rate: float) -> None:
    """They refuse more than loss and less than a queue; faster retries make shorter waits."""
    load = rho * servers
    assume(erlang_c(servers, load) > 1e-100)
    theory = retrials(servers, load, retry_rate)
    quicker = retrials(servers, load, retry_rate * 2)
    nearly = 1 + 1e-12

    assert erlang_b(servers, load) <= theory.all_busy * nearly
    assert theory.all_busy <= quicker.all_busy * nearly <= erlang_c(servers, load) * nearly**2
    assert mean_wait(servers, load) <= quicker.wait_mean * nearly <= theory.wait_mean * nearly**2
    assert theory.wait_mean == pytest.approx(theory.waiting_mean / load, rel=1e-12, abs=0)
    assert retrials(servers, load, retry_rate / 60, 60).wait_mean == pytest.approx(60 * theory.wait_mean, rel=1e-9)
    assert theory.all_busy <= theory.refusal_share * nearly


def test_retrials_reach_their_limits() -> None:
    """Immediate retries are a queue; rare ones a loss system at the load with retries."""
    at_once, seldom = retrials(5, 3.0, 1e9), retrials(5, 3.0, 1e-4)
    retried = 0.0
    for _ in range(200):
        retried = (3 + retried) * erlang_b(5, 3 + retried)

    assert at_once.all_busy == pytest.approx(erlang_c(5, 3.0), rel=1e-6, abs=0)
    assert at_once.wait_mean == pytest.approx(mean_wait(5, 3.0), rel=1e-6, abs=0)
    assert seldom.all_busy == pytest.approx(erlang_b(5, 3 + retried), rel=1e-3, abs=0)
    assert seldom.waiting_mean == pytest.approx(retried / 1e-4, rel=1e-3, abs=0)


@pytest.mark.parametrize(
    ('call', 'kind', 'complaint'),
    [
        (lambda: erlang_b(-1, 1.0), ValueError, 'servers must be at least 0, got -1'),
        (lambda: erlang_b(True, 1.0), TypeError, 'servers must be a whole number, not True'),
        (lambda: erlang_b(1.5, 1.0), TypeError, 'servers must be a whole number, not 1.5'),  # type: ignore[arg-type]
        (lambda: erlang_b(1, -1), ValueError, 'load must be at least 0, got -1'),
        (lambda: erlang_b(1, math.nan), ValueError, 'load must be a number, got nan'),
        (lambda: erlang_b(1, '3'), TypeError, "load must be a number, not '3'"),  # type: ignore[arg-type]
        (lambda: erlang_b(1, 10**400), ValueError, 'load must be a number that fits a float'),
        (lambda: erlang_c(0, 1.0), ValueError, 'servers must be at least 1, got 0'),
        (lambda: mean_wait(1, 0.5, 0), ValueError, 'holding_mean must be finite and more than 0, got 0'),
        (lambda: max_size_for(math.inf, 0.1), ValueError, 'load must be finite and at least 0, got inf'),
        (lambda: max_size_for(3e9, 0.1), ValueError, r'load must be at most 2147483648 erlangs, got 3000000000\.0'),
        (
            lambda: max_size_for(3, 0),
            ValueError,
            'refusal_share must be more than 0, got 0: a pool of any size may refuse',
        ),
        (lambda: max_size_for(3, 1e-310), ValueError, r'refusal_share must be at least 2\.2.*e-308, got 1e-310'),
        (lambda: erlang_b(2**31, 1.0), ValueError, 'servers must be at most 2147483647, got 2147483648'),
        (lambda: engset(1, 10**400, 1.0), ValueError, 'sources must be at most 2147483647, got an int of 1329 bits'),
        (lambda: max_size_for(3, 1.1), ValueError, r'refusal_share must be between 0 and 1, got 1\.1'),
        (lambda: load_for(3, 1), ValueError, 'refusal_share must be more than 0 and less than 1, got 1'),
        (lambda: load_for(0, 0.1), ValueError, 'max_size must be at least 1, got 0'),
        (lambda: occupancy_distribution(-1, 0.1), ValueError, 'max_size must be at least 0, got -1'),
        (lambda: engset(5, 0, 0.1), ValueError, 'sources must be at least 1, got 0'),
        (lambda: engset(5, 3, math.inf), ValueError, 'alpha must be finite and at least 0, got inf'),
        (lambda: retrials(5, 3, 0), ValueError, 'retry_rate must be finite and more than 0, got 0'),
        (lambda: retrials(5, 3, 1e-9), ValueError, 'retry_rate 1e-09 and load 3.* more than 200,000 jobs wait'),
        (lambda: loss_system(-1, parse_holding('exp:1'), 5, 1), ValueError, 'rate must be finite and at least 0'),
        (lambda: loss_system(1, parse_holding('exp:1'), 0, 1), ValueError, 'max_size must be at least 1, got 0'),
        (lambda: loss_system(1, parse_holding('pareto:1:1'), 5, None), ValueError, 'pareto:1:1 has an infinite mean'),
        (lambda: loss_system(1, parse_holding('exp:1'), 5, 0), ValueError, 'slot_exp must be more than 0'),
        (lambda: loss_system(1, parse_holding('exp:1'), 5, 1, 1.5), ValueError, 'crash_probability must be between'),
    ],
)
def test_a_wrong_argument_is_refused(call: Callable[[], Any], kind: type[Exception], complaint: str) -> None:
    """The error names the argument, its value, and what is allowed."""
    with pytest.raises(kind, match=complaint):
        call()


def test_numbers_of_numpy_are_numbers() -> None:
    """Sizes and loads may come from arrays."""
    assert erlang_b(np.int64(5), np.float64(3)) == erlang_b(5, 3.0)  # type: ignore[arg-type]
    assert erlang_b(5, np.float32(3)) == erlang_b(5, 3.0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ('max_size', 'rate', 'holding', 'slot_exp'),
    [
        (5, 3.0, 'exp:1', None),
        (5, 3.0, 'const:1', None),
        (5, 3.0, 'lognormal:-0.5:1', None),
        (5, 6.0, 'exp:1', 0.5),
        (3, 2.0, 'uniform:0:2', 0.75),
        (4, 3.0, 'pareto:2.5:0.6', 0.9),
        (4, 3.0, 'pareto:0.9:0.3', 1.5),
    ],
)
def test_a_simulated_pool_refuses_as_erlang_says(
    max_size: int, rate: float, holding: str, slot_exp: float | None
) -> None:
    """Refusals, occupancy and overrun of 12 runs agree with theory within 99.9 % intervals."""
    distribution: Holding = parse_holding(holding)
    runs = [
        replay(Poisson(rate, distribution, jobs=3000, seed=seed), max_size=max_size, slot_exp=slot_exp).figures
        for seed in range(12)
    ]
    theory = loss_system(rate, distribution, max_size, slot_exp)

    assert theory.refusal_share in mean_interval([run.refusal_share for run in runs], 0.999)
    if math.isinf(theory.overrun_mean):
        # The last body may run for hours after the last arrival, while all slots are free.
        return
    # Each run begins and ends empty, which costs the mean about two holding times of its thousands.
    assert theory.occupancy_mean in mean_interval([run.occupancy_mean * _whole(run.last) for run in runs], 0.999)
    if slot_exp is not None:
        assert theory.overrun_mean in mean_interval([run.overrun_mean * _whole(run.last) for run in runs], 0.999)


def _whole(seconds: float) -> float:
    return seconds / (seconds - 2)
