"""What a run says of the long run holds the truth as often as it says."""

import numpy as np
import pytest
from scipy.stats import binomtest, norm

from simulations import Poisson, Scenario, Trace, loss_system, parse_holding, replay, replicate
from simulations.measuring.estimates import estimate
from simulations.results.words import how_made
from simulations.statistics.intervals import Interval, ratio_interval
from simulations.statistics.shares import share_interval


def test_intervals_of_single_runs_hold_the_truth() -> None:
    """Of the 99 % intervals of 40 runs, fewer than a tenth miss theory."""
    truth = loss_system(6, parse_holding('exp:1'), 5, 0.5)
    missed_refusals = missed_overrun = 0
    for seed in range(40):
        found = replay(Poisson(6, 'exp:1', jobs=6000, seed=seed), max_size=5, slot_exp=0.5, history=False).estimates
        assert found.refusal_share
        assert found.overrun_mean
        missed_refusals += truth.refusal_share not in found.refusal_share
        missed_overrun += truth.overrun_mean not in found.overrun_mean

    assert missed_refusals <= 4
    assert missed_overrun <= 4


def test_the_warm_up_is_left_out_of_a_run_that_began_empty() -> None:
    """The pool fills slowly, so including the beginning would bias the refusals visibly."""
    run = replay(Poisson(20, 'exp:100', jobs=20_000, seed=2), max_size=1900, history=False)
    left_out = run.figures.jobs - int(run.estimates.series.jobs.sum())

    assert 0.4 * 20_000 < left_out <= 0.52 * 20_000
    assert run.estimates.refusal_share
    assert run.estimates.refusal_share.mean > 1.15 * run.figures.refused / run.figures.jobs
    assert f'the first {left_out:,} of 20,000 jobs left out' in how_made(run.estimates.method)


def test_nothing_is_left_out_of_a_trace() -> None:
    """Recorded arrivals change with time; the interval covers all, and the report explains it."""
    jobs = list(Poisson(6, 'exp:1', jobs=3000, seed=1))
    found = replay(Trace(jobs), max_size=5, slot_exp=0.5).estimates

    assert found.series.jobs.sum() == 3000
    assert [caveat.code for caveat in found.caveats] == ['not-steady']
    assert 'there is no long run' in str(replay(Trace(jobs), max_size=5, slot_exp=0.5))


def test_a_run_too_short_to_tell_says_so() -> None:
    """Nine jobs have no interval, but cause no error."""
    run = replay(Trace([(number, 1) for number in range(9)]), max_size=2)

    assert (run.estimates.intervals, run.estimates.method) == ({}, None)
    assert '9 jobs are too few' in str(run)
    assert run.to_json()['refusal_share_ci'] is None


def test_what_never_happened_may_still_happen() -> None:
    """With no refusal in 500 jobs up to 0.92 % may be refused, at 99 %; the same holds for all."""
    assert share_interval(Interval(0, 0, 0), 30, 500) == pytest.approx((0, 0, 0.00917), abs=1e-5)
    assert share_interval(Interval(1, 1, 1), 30, 500) == pytest.approx((1, 0.99083, 1), abs=1e-5)


def test_more_slots_never_give_a_higher_bound() -> None:
    """A few refusals have at least the bound of none, from the same number of looks."""
    for looks in (5, 50, 500, 5000):
        bounds = [share_interval(Interval(share, -share, 3 * share), 30, looks).high for share in (0.0, 1e-4, 1e-2)]
        assert bounds == sorted(bounds)


def test_few_refusals_have_a_wider_interval_than_they_seem_to() -> None:
    """The bounds are Wilson's where jobs are independent, and hold the truth for five refusals."""
    many = Interval(0.04, 0.035, 0.045)
    half = 2.7564 * np.sqrt(0.001 * 0.999 / 5000)
    few = share_interval(Interval(0.001, 0.001 - half, 0.001 + half), 30, 1e9)

    # With 29 degrees of freedom 99 % are 2.7564 standard errors; scipy's confidence is to match.
    bounds = binomtest(5, 5000).proportion_ci(2 * norm.cdf(2.7564) - 1, 'wilson')
    assert few == pytest.approx((0.001, bounds.low, bounds.high), rel=1e-4)
    assert share_interval(many, 30, 1e9) == pytest.approx(many, rel=0.02)
    covered = 0
    stream = np.random.default_rng(1)
    for _ in range(2000):
        refused = stream.random((30, 200)) < 0.001
        share = ratio_interval(refused.sum(axis=1).astype(float).tolist(), [200.0] * 30)
        covered += 0.001 in share_interval(share, 30, 6000)
    assert covered > 0.98 * 2000


def test_a_run_without_refusals_has_an_interval() -> None:
    """It reaches up to the share that would have been seen."""
    run = replay(Poisson(1, 'exp:1', jobs=500, seed=1), max_size=50)
    assert run.to_json()['refusal_share_ci'] == pytest.approx([0, 0.0093], abs=5e-4)


def test_a_burst_that_never_came_may_still_come() -> None:
    """Ten runs without a burst are ten looks, so a burst may come in up to a third of the runs."""
    calm = Scenario(arrivals='bursty:2:1e7:100:10', holding='exp:1', max_size=12, jobs=1000)
    found = calm.run(replications=10, history=False).estimates.refusal_share

    assert found
    assert (found.mean, found.low) == (0, 0)
    assert found.high == pytest.approx(1 - 0.01 ** (1 / 10))
    alone = calm.replay(history=False).estimates.refusal_share
    assert alone
    assert alone.high > 0.1


def test_jobs_that_see_the_same_pool_are_one_look() -> None:
    """Fifty jobs within one holding time say hardly more than one."""
    run = replay(Poisson(50, 'exp:1', jobs=5000, seed=1), max_size=200)

    assert run.estimates.looks == pytest.approx(100, rel=0.2)
    assert run.estimates.refusal_share
    assert run.estimates.refusal_share.high == pytest.approx(1 - 0.01 ** (1 / 100), rel=0.2)


def test_what_hardly_ever_outlives_its_slot_has_no_interval() -> None:
    """A handful of overruns gets no interval; the report says how many there were."""
    rare = replay(Poisson(6, 'exp:1', jobs=4000, seed=1), max_size=5, slot_exp=6)
    often = replay(Poisson(6, 'exp:1', jobs=4000, seed=1), max_size=5, slot_exp=1)

    assert 0 < rare.figures.expired_while_running < 30
    assert rare.estimates.overrun_mean is None
    assert 'the mean overrun has no interval, because only' in str(rare)
    assert often.estimates.overrun_mean
    many = replicate(lambda seed: replay(Poisson(6, 'exp:1', jobs=400, seed=seed), max_size=5, slot_exp=6), 10)
    assert many.estimates.overrun_mean is None
    assert 'the mean overrun has no interval, because only' in str(many)


def test_a_run_of_few_holding_times_is_called_short() -> None:
    """The number of jobs does not matter."""
    run = replay(Poisson(100, 'exp:1', jobs=3000, seed=1), max_size=100)

    assert not run.estimates.sound
    assert 'the run is too short: ' in str(run)


def test_jobs_that_all_come_at_one_instant_have_shares_but_no_means_over_time() -> None:
    """No time passes, so there is nothing to divide by."""
    run = replay(Trace([(5, 0)] * 50), max_size=1)

    assert run.estimates.occupancy_mean is None
    assert run.to_json()['overrun_mean_ci'] is None
    assert np.isfinite(estimate(run.estimates.series, steady=False).refusal_share or ()).all()
