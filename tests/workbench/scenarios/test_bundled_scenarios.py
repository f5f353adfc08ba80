"""The bundled scenarios run by their names, quickly, and teach what their lessons say."""

import pytest

from simulations import Result, Scenario
from simulations.scenarios.scenario import scenario_names


@pytest.fixture(scope='module')
def results() -> dict[str, Result]:
    """Return a run of each scenario with its history."""
    return {name: Scenario.load(name).replay() for name in scenario_names()}


def test_there_are_nine_that_a_reader_recognises() -> None:
    """Each has a title and one sentence that says what it teaches."""
    assert scenario_names() == [
        'api-connection-limit',
        'crash-loop',
        'day-of-traffic',
        'failover',
        'flaky-network',
        'long-pause',
        'nightly-batch',
        'slow-downstream',
        'worker-per-customer',
    ]
    for name in scenario_names():
        scenario = Scenario.load(name)
        assert scenario.title
        assert scenario.lesson.endswith('.')
        assert scenario.lesson.count('. ') == 0


def test_with_back_off_and_jitter_nearly_every_job_gets_through(results: dict[str, Result]) -> None:
    """Almost every other attempt is refused; without retries a third of the jobs would be lost."""
    figures = results['api-connection-limit'].figures

    assert figures.refusal_share < 0.05
    assert 0.4 < figures.attempts_refusal_share < 0.5
    assert figures.wait_mean > 0.1


def test_a_pool_that_is_idle_all_day_refuses_one_job_in_six(results: dict[str, Result]) -> None:
    """Less than a hundredth of its slot time is used."""
    figures = results['nightly-batch'].figures

    assert 1 / 7 < figures.refusal_share < 1 / 5
    assert figures.utilisation < 0.01


def test_the_busiest_customer_meets_its_own_limit(results: dict[str, Result]) -> None:
    """The first customers are refused most, the last hardly ever."""
    run = results['worker-per-customer']
    refused: dict[str, list[bool]] = {}
    for event in run.history:
        if event.what in ('granted', 'refused'):
            refused.setdefault(event.key, []).append(event.what == 'refused')
    shares = {key: sum(each) / len(each) for key, each in refused.items()}

    assert shares['user-1'] > 0.5
    assert sum(shares[f'user-{rank}'] for rank in range(100, 200)) / 100 < 0.02
    assert run.figures.pools == 200


def test_more_than_twice_the_slots_run_at_once_where_bodies_outlive_them(results: dict[str, Result]) -> None:
    """The pool never counts more than eight slots, but eighteen bodies run."""
    figures = results['slow-downstream'].figures

    assert figures.occupancy_peak == 8
    assert figures.running_peak == 18
    assert 'eighteen' in Scenario.load('slow-downstream').lesson


def test_most_slots_belong_to_the_dead(results: dict[str, Result]) -> None:
    """One holder in twenty crashes, and the slots of the crashed take most of the occupancy."""
    figures = results['crash-loop'].figures

    assert figures.crashed / figures.granted == pytest.approx(1 / 20, rel=0.1)
    assert figures.occupancy_mean > 3 * figures.running_mean
    assert 59 < figures.recovery_mean < 60


def test_a_pool_sized_for_the_mean_refuses_by_daylight(results: dict[str, Result]) -> None:
    """It refuses one job in seven, nearly all of them between 6 and 20 o'clock."""
    run = results['day-of-traffic']
    hours = [event.time / 3600 for event in run.history if event.what == 'refused']

    assert 1 / 8 < run.figures.refusal_share < 1 / 6
    assert sum(6 <= hour < 20 for hour in hours) > 0.99 * len(hours)


def test_a_scenario_is_run_as_often_as_it_says() -> None:
    """A day has no steady state, so its interval comes from four days."""
    result = Scenario.load('day-of-traffic').replace(load_factor=0.5, max_size=7).run(history=False)

    assert result.replications == 4
    assert result.estimates.refusal_share
    assert result.title == 'A day of traffic'
    assert 'sized for the mean' in str(result)


def test_six_bodies_run_in_a_pool_of_four_while_a_worker_stands_still(results: dict[str, Result]) -> None:
    """No holder learns that its slot is gone; the count of live slots never exceeds four."""
    run = results['long-pause']

    assert (run.figures.occupancy_peak, run.figures.running_peak) == (4, 6)
    assert run.figures.overrun_peak == 2
    assert 'six bodies run in a pool of four' in run.lesson


def test_never_do_more_than_five_hold_a_slot_when_replies_are_lost(results: dict[str, Result]) -> None:
    """The cost is what the lesson says."""
    run = results['flaky-network']

    assert run.judgement is not None
    assert (run.judgement.most, run.figures.occupancy_peak) == (5, 5)
    assert (run.judgement.violations, run.judgement.limits) == ([], [])
    assert run.figures.failed > 100
    assert run.figures.recovered > 0
    assert run.figures.recovery_longest <= 15.0


def test_slots_that_a_replica_brings_back_are_used_by_nobody(results: dict[str, Result]) -> None:
    """Until they expire, hardly a body runs while all slots are taken, and jobs are refused."""
    run = results['failover']
    after = [event for event in run.history if 55 < event.time < 65]
    restored = [event for event in run.history if event.what == 'restored']

    assert len(restored) >= 4
    assert max(event.running for event in after) <= 3
    assert min(event.occupancy for event in after) >= 6
    assert {limit.rule for limit in run.judgement.limits} == {'lost writes'}  # type: ignore[union-attr]
