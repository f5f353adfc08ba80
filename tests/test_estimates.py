"""What a run says of the long run holds the truth as often as it says."""

import numpy as np
import pytest

from simulations import Poisson, Trace, loss_system, parse_holding, replay
from simulations.estimates import bounded_share, estimate
from simulations.intervals import Interval


def test_intervals_of_single_runs_hold_the_truth() -> None:
    """Of 40 runs' 99 % intervals, refusals and overrun, hardly any misses theory; a tenth of them would be too many."""
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
    """A pool that fills slowly: with the beginning the share of refusals would be too small, and that is seen."""
    run = replay(Poisson(20, 'exp:100', jobs=20_000, seed=2), max_size=1900, history=False)
    left_out = run.figures.jobs - int(run.estimates.series.jobs.sum())

    assert left_out > 2000
    assert run.estimates.refusal_share
    assert run.estimates.refusal_share.mean > 1.15 * run.figures.refusal_share
    assert f'the first {left_out:,} of 20,000 jobs left out' in run.estimates.how


def test_nothing_is_left_out_of_a_trace() -> None:
    """Recorded arrivals change with time: the interval is of all, and the report says what it means."""
    jobs = list(Poisson(6, 'exp:1', jobs=3000, seed=1))
    found = replay(Trace(jobs), max_size=5, slot_exp=0.5).estimates

    assert found.series.jobs.sum() == 3000
    assert not found.sound
    assert 'only if they go on like this' in found.how


def test_a_run_too_short_to_tell_says_so() -> None:
    """Nine jobs have no interval, and no crash."""
    run = replay(Trace([(number, 1) for number in range(9)]), max_size=2)

    assert run.estimates[:4] == (None, None, None, None)
    assert '9 jobs are too few' in str(run)
    assert run.to_json()['refusal_share_ci'] is None


def test_what_never_happened_may_still_happen() -> None:
    """None refused of 500: up to 0.92 % may be, at 99 %; and the same upside down."""
    assert bounded_share(Interval(0, 0, 0), 500, 0.99) == pytest.approx((0, 0, 0.00917), abs=1e-5)
    assert bounded_share(Interval(1, 1, 1), 500, 0.99) == pytest.approx((1, 0.99083, 1), abs=1e-5)
    assert bounded_share(Interval(0.01, -0.01, 0.03), 500, 0.99) == (0.01, 0, 0.03)
    run = replay(Poisson(1, 'exp:1', jobs=500, seed=1), max_size=50)
    assert run.to_json()['refusal_share_ci'] == pytest.approx([0, 0.00917], abs=1e-4)


def test_jobs_that_all_come_at_one_instant_have_shares_but_no_means_over_time() -> None:
    """No time passes, so there is nothing to divide by."""
    run = replay(Trace([(5, 0)] * 50), max_size=1)

    assert run.estimates.occupancy_mean is None
    assert run.to_json()['overrun_mean_ci'] is None
    assert np.isfinite(estimate(run.estimates.series, steady=False).refusal_share or ()).all()
