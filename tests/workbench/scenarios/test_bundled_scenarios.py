"""The bundled scenarios run by their names, quickly, and teach what their lessons say."""

import re

import pytest

from simulations import (
    Figures,
    Leave,
    Result,
    Scenario,
    allen_cunneen,
    compare,
    mean_wait,
    parse_arrivals,
    parse_holding,
    queue_system,
)
from simulations.scenarios.scenario import scenario_names
from tests.support.paths import ROOT
from tests.support.two_kinds import two_kinds_mean_wait


PAGE = ROOT / 'simulations' / 'scenarios' / 'README.md'
GUIDE = re.sub(r'(?<=\S)\n(?=\w)', ' ', PAGE.read_text(encoding='utf-8'))
"""The guide to scenarios, with each paragraph in one line."""


@pytest.fixture(scope='module')
def results() -> dict[str, Result]:
    """Return a run of each scenario with its history."""
    return {name: Scenario.load(name).replay() for name in scenario_names()}


def test_there_are_fourteen_that_a_reader_recognises() -> None:
    """Each has a title and one sentence that says what it teaches."""
    assert scenario_names() == [
        'api-connection-limit',
        'autoscaler-step',
        'crash-loop',
        'day-of-traffic',
        'failover',
        'flaky-network',
        'impatient-customers',
        'long-pause',
        'long-pause-renewed',
        'nightly-batch',
        'rare-long-jobs',
        'slow-downstream',
        'thundering-herd',
        'worker-per-customer',
    ]
    for name in scenario_names():
        scenario = Scenario.load(name)
        assert scenario.title
        assert scenario.lesson.endswith('.')
        assert scenario.lesson.count('. ') == 0
        assert f'[`{name}`]({name}.toml): {scenario.lesson}\n\n' in GUIDE


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


def test_a_larger_pool_helps_only_those_who_ask_after_the_change(results: dict[str, Result]) -> None:
    """The sixth slot is taken when the last job that asked before is served, some 13 s later."""
    history = list(results['autoscaler-step'].history)
    before = {event.job for event in history if event.what in ('granted', 'queued') and event.time < 60}
    last = max(event.time for event in history if event.what == 'granted' and event.job in before)
    sixth = next(event for event in history if event.occupancy > 5)

    assert last == sixth.time > 70
    assert sixth.job not in before
    assert max(event.occupancy for event in history) == 10


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


def test_renewed_slots_last_as_long_as_their_bodies_unless_their_worker_is_paused(results: dict[str, Result]) -> None:
    """Without renewal nearly every slot would expire; with it, only two in a paused worker do."""
    run = results['long-pause-renewed']
    without = Scenario.load('long-pause-renewed').replace(renew_for=0).replay().figures
    lost = [event for event in run.history if event.what == 'lost']
    [first, _] = run.episodes

    assert without.expired_while_running > 0.8 * without.granted
    assert (run.figures.lost, run.figures.expired_while_running) == (2, 2)
    assert {event.job % 4 for event in lost} == {0}
    assert all(first.first < event.time <= first.first + 5 for event in lost)
    assert (run.figures.occupancy_peak, run.figures.running_peak) == (4, 6)
    assert run.figures.lost_running_longest > 15
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


def test_calls_that_hang_up_keep_the_queue_short() -> None:
    """Erlang A is exact here, and gives the numbers of the lesson."""
    scenario = Scenario.load('impatient-customers')
    minute = queue_system(0.12, 100.0, 10, patience=parse_holding('exp:60'))
    ten_minutes = queue_system(0.12, 100.0, 10, patience=parse_holding('exp:600'))

    assert (scenario.arrivals, scenario.holding) == (parse_arrivals('poisson:0.12'), parse_holding('exp:100'))
    assert (scenario.max_size, scenario.wait) == (10, parse_holding('exp:60'))
    assert minute.offered_load > 10
    assert round(minute.wait_mean) == 14
    assert round(100 * minute.timed_out_share) == 23
    assert 7.5 < ten_minutes.wait_mean / minute.wait_mean < 8
    assert round(100 * ten_minutes.timed_out_share) == 17
    for words in ('14 seconds', '23 in 100', '17 in 100', 'nearly eight times'):
        assert words in scenario.lesson


@pytest.mark.parametrize('seed', [1, 2, 3])
def test_simulated_calls_wait_and_hang_up_as_the_lesson_says(seed: int) -> None:
    """The intervals hold the values of Erlang A; more patience helps few, and all wait longer."""
    scenario = Scenario.load('impatient-customers').replace(seed=seed)
    minute = scenario.run(history=False)
    ten_minutes = scenario.replace(wait='exp:600').replay(history=False).figures
    expected = queue_system(0.12, 100.0, 10, patience=parse_holding('exp:60'))

    assert minute.estimates.wait_mean is not None
    assert expected.wait_mean in minute.estimates.wait_mean
    assert expected.timed_out_share in minute.estimates.intervals['timed_out_share']
    assert 6 < ten_minutes.wait_mean / minute.figures.wait_mean < 10
    assert 0 < minute.figures.timed_out_share - ten_minutes.timed_out_share < 0.1
    assert minute.figures.served_within == pytest.approx(0.56, abs=0.04)


def test_if_no_call_hung_up_the_queue_would_grow_without_end() -> None:
    """Four times as many calls make the mean queue about four times as long."""
    patient = Scenario.load('impatient-customers').replace(wait=None)
    short, long = (patient.replace(jobs=jobs).replay(history=False).figures for jobs in (2000, 8000))

    assert short.queue_mean > 100
    assert 3 < long.queue_mean / short.queue_mean < 5


def both_herds(seed: int) -> tuple[Figures, Figures]:
    """Return the figures of the herd that asks again and again, and of the same jobs in a queue."""
    retrying = Scenario.load('thundering-herd').replace(seed=seed)
    queueing = retrying.replace(on_refusal=Leave(), wait=None)
    return retrying.replay(history=False).figures, queueing.replay(history=False).figures


@pytest.mark.parametrize('seed', [1, 2, 3, 4, 5])
def test_a_herd_that_asks_again_leaves_half_of_the_slots_idle(seed: int) -> None:
    """In a queue, the same jobs ask once, keep their order, and are through in half the time."""
    retrying, queueing = both_herds(seed)

    assert (retrying.granted, queueing.granted) == (300, 300)
    assert 13.5 < retrying.attempts / retrying.granted < 15.5
    assert queueing.attempts == 300
    assert retrying.overtakings > 250
    assert queueing.overtakings == 0
    assert 0.45 < retrying.utilisation < 0.55
    assert queueing.utilisation > 0.85
    for figure in ('wait_mean', 'wait_p99', 'wait_longest'):
        assert 1.7 < getattr(retrying, figure) / getattr(queueing, figure) < 2.4


def test_the_comparison_of_the_herds_has_a_clear_verdict() -> None:
    """As in the guide: with ten pairs, no interval of a difference holds 0."""
    scenario = Scenario.load('thundering-herd')
    found = compare(scenario, scenario.replace(on_refusal=Leave(), wait=None), workers=1).differences

    assert found['attempts'].interval.high < -3500
    assert found['wait_p99'].interval.high < -10
    assert found['overtakings'].interval.high < -250
    assert found['utilisation'].interval.low > 0.3


def test_behind_rare_long_jobs_others_wait_thirty_times_as_long() -> None:
    """A Markov chain of the two kinds gives the exact mean waits of the lesson."""
    scenario = Scenario.load('rare-long-jobs')
    exact = two_kinds_mean_wait(8.0, 0.01, 0.1, 20.0, slots=4)
    short, long = mean_wait(2, 7.92 * 0.1, 0.1), mean_wait(2, 0.08 * 20.0, 20.0)

    assert scenario.arrivals == parse_arrivals('poisson:8')
    assert scenario.holding == parse_holding('mix:0.99*exp:0.1+0.01*exp:20')
    assert (scenario.max_size, scenario.wait) == (4, None)
    assert 30 < exact / mean_wait(4, 8 * 0.299, 0.299) < 36
    assert 0.2 < (0.99 * short + 0.01 * long) / exact < 0.22
    assert long > 15 * exact
    assert round(exact, 2) == 1.77
    variation = (0.99 * 2 * 0.1**2 + 0.01 * 2 * 20.0**2) / 0.299**2 - 1
    assert 1.3 < allen_cunneen(4, 8 * 0.299, 0.299, 1.0, variation) / exact < 1.4
    assert two_kinds_mean_wait(8.0, 0.01, 0.1, 20.0, slots=5) < 0.99 * short + 0.01 * long
    assert 'more than thirty times' in scenario.lesson
    assert 'about a fifth, at the expense of the long ones' in scenario.lesson


def test_the_chain_of_two_kinds_agrees_with_what_is_known() -> None:
    """It gives Pollaczek and Khinchine's wait at one slot, and Erlang's if both kinds are alike."""
    assert two_kinds_mean_wait(2.0, 0.01, 0.1, 20.0, slots=1) == pytest.approx(2 * 4.0099 / (1 - 2 * 0.299))
    assert two_kinds_mean_wait(8.0, 0.01, 0.299, 0.299, slots=4) == pytest.approx(mean_wait(4, 8 * 0.299, 0.299))


def test_simulated_jobs_wait_behind_rare_long_ones_as_the_lesson_says() -> None:
    """Eight runs agree with the chain; jobs of equal kind, and short ones apart, wait far less."""
    scenario = Scenario.load('rare-long-jobs')
    mixed = scenario.run(replications=8).estimates.wait_mean
    alike = scenario.replace(holding='exp:0.299').replay(history=False).figures.wait_mean
    short = scenario.replace(arrivals='poisson:7.92', holding='exp:0.1', max_size=2).replay(history=False).figures

    assert mixed is not None
    assert two_kinds_mean_wait(8.0, 0.01, 0.1, 20.0, slots=4) in mixed
    assert mixed.low > 10 * alike
    assert mixed.low > 10 * short.wait_mean
