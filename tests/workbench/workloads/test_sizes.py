"""A ``max_size`` that changes in time."""

import pickle
from typing import Any

import pytest

from simulations import InvariantError, Scenario, Trace, replay
from simulations.judging.model import Model
from simulations.workloads.sizes import Sizes, Step, as_sizes


pytestmark = pytest.mark.quick


@pytest.mark.parametrize('given', ['5,60:10,120:5', [[0, 5], [60, 10], [120, 5]], [(0, 5), (60.0, 10), (120, 5)]])
def test_sizes_are_written_as_text_or_as_steps(given: Any) -> None:
    """As a number they are the largest; each instant has its size."""
    sizes = as_sizes(given)

    assert isinstance(sizes, Sizes)
    assert int(sizes) == 10
    assert [sizes.at(seconds) for seconds in (0, 59.9, 60, 119, 120, 999)] == [5, 5, 10, 10, 5, 5]
    assert sizes.words() == '5 slots, 10 from 60 s on, 5 from 120 s on'
    assert as_sizes(str(sizes)) == sizes == pickle.loads(pickle.dumps(sizes))
    assert sizes != as_sizes('5,60:10') != 10
    assert as_sizes(7) == as_sizes('7') == 7


def test_processes_change_one_after_the_other_in_a_rolling_deployment() -> None:
    """Of three, the first changes at 60 s, the second at 75 s and the third at 90 s."""
    sizes = as_sizes('5,60:10:30')
    assert isinstance(sizes, Sizes)

    assert [sizes.at(74, worker, 3) for worker in range(3)] == [10, 5, 5]
    assert [sizes.at(75, worker, 3) for worker in range(3)] == [10, 10, 5]
    assert [sizes.at(90, worker, 3) for worker in range(3)] == [10, 10, 10]
    assert sizes.at(60) == 10


def test_the_mean_size_weighs_each_size_by_its_time() -> None:
    """40 s of 5 and 10 s of 10; each process counts from the instant at which it changes."""
    plain, rolling = as_sizes('5,60:10'), as_sizes('5,60:10:20')
    assert isinstance(plain, Sizes)
    assert isinstance(rolling, Sizes)

    assert plain.mean(20, 70) == 6
    assert plain.mean(70, 70) == 10
    assert [rolling.mean(60, 80, workers) for workers in (1, 2, 3)] == [10, 7.5, 7.5]
    assert [rolling.mean(60, 65, workers) for workers in (1, 2, 3)] == [10, 7.5, pytest.approx(20 / 3)]


@pytest.mark.parametrize(
    ('given', 'message'),
    [
        ('many', "max_size must be a whole number, not 'many'"),
        ('5,many', 'max_size must be a whole number, or sizes over time as SIZE,SECONDS:SIZE'),
        ('5,10', 'max_size must be a whole number, or sizes over time'),
        ('5,60:0', 'max_size must be at least 1'),
        ('5,60:10,30:5', 'must be in order and not overlap'),
        ('5,60:10:30,80:5', 'must be in order and not overlap'),
        ('5,0:10', 'the instant of a step of max_size must be finite and more than 0'),
        ([[0, 5]], 'must begin with a size and have a step'),
        ([[10, 5], [20, 6]], 'must begin with a size and have a step'),
        (0, 'max_size must be at least 1'),
        (2.5, 'max_size must be'),
    ],
)
def test_sizes_that_make_no_sense_are_refused(given: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        Scenario(arrivals='poisson:1', holding='exp:1', jobs=1, max_size=given)


def test_each_attempt_is_judged_by_the_size_that_its_process_passed(anywhere: str) -> None:
    """The pool is lowered to one slot while three are taken: they stay until they are released."""
    jobs = Trace([(0, 5), (1, 5), (2, 5), (3, 5), (4.5, 1), (7.5, 1)])
    result = replay(jobs, max_size='3,4:1', slot_exp=60, store=anywhere, audit=True)

    whats = {(event.job, event.what) for event in result.history}
    assert {(3, 'refused'), (4, 'refused'), (5, 'granted')} <= whats
    assert result.figures.occupancy_peak == 3


def test_a_waiter_with_the_smaller_size_holds_up_those_behind_it(anywhere: str) -> None:
    """Job 1 asked with one slot; job 2 could have the second one at once, but came later."""
    result = replay(Trace([(0, 5), (1, 5), (3, 5)]), max_size='1,2:2', wait=None, store=anywhere, audit=True)

    granted = {event.job: event.time for event in result.history if event.what == 'granted'}
    assert granted == {0: 0, 1: 5, 2: 5}


def test_a_full_queue_keeps_jobs_with_the_larger_size_from_a_free_slot(anywhere: str) -> None:
    """Job 2 passes two slots of which one is free, but job 1 waits, and one may wait."""
    jobs = Trace([(0, 5), (1, 5), (3, 5)])
    result = replay(jobs, max_size='1,2:2', wait=None, max_waiting=1, store=anywhere, audit=True)

    outcomes = {event.job: event.time for event in result.history if event.what in ('granted', 'refused')}
    assert outcomes == {0: 0, 1: 5, 2: 3}
    assert result.figures.refused == 1


def test_processes_that_disagree_each_pass_their_own_size(anywhere: str) -> None:
    """Jobs are dealt to two processes in turn; the second changes 10 s after the first."""
    jobs = Trace([(0, 9), (2, 9), (3, 9), (12, 1)])
    result = replay(jobs, max_size='1,1:2:10', workers=2, slot_exp=60, store=anywhere, audit=True)

    outcomes = {event.job: event.what for event in result.history if event.what in ('granted', 'refused')}
    assert outcomes == {0: 'granted', 1: 'refused', 2: 'granted', 3: 'granted'}


def test_the_utilisation_is_of_the_slots_that_there_were() -> None:
    """Two jobs hold both slots, then one holds one of one."""
    figures = replay(Trace([(0, 4), (0, 4), (4, 3), (8, 0)]), max_size='2,4:1', slot_exp=60).figures

    assert figures.utilisation == pytest.approx((2 * 4 + 3) / (2 * 4 + 4))


def test_one_process_changes_at_once_even_in_a_rolling_deployment() -> None:
    """Both slots are taken throughout: the figures, the report and the picture know of no delay."""
    result = replay(Trace([(0, 9), (1, 8), (9, 0)]), max_size='1,1:2:100', slot_exp=60)

    assert result.figures.utilisation == pytest.approx(1)
    assert '1 slot, 2 from 1 s on, expiring' in str(result)
    assert [line.get_label() for line in result.plot_occupancy().lines if 'max_size' in str(line.get_label())] == [
        'max_size'
    ]


def test_pictures_call_the_largest_size_the_largest() -> None:
    """At each instant shown, the pool may have fewer slots than that."""
    result = replay(Trace([(0, 9), (1, 8), (5, 1), (9, 0)]), max_size='1,4:2', slot_exp=3)

    assert result.plot_slots().get_title().endswith('of a pool of at most 2')
    assert result.plot_expiry().get_title().endswith('in a pool of at most 2')
    ticks = [each.get_text() for each in result.plot_expiry().get_yticklabels()]
    assert 'largest max_size 2' in ticks
    labels = [str(line.get_label()) for line in result.plot_occupancy_shares().lines]
    assert 'largest max_size = 2' in labels


def test_a_grant_beyond_the_size_that_was_passed_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The judge knows the size of each attempt, and not only the largest."""
    judged: list[int | None] = []
    granted = Model.granted

    def smaller(model: Model, now: float, job: int, pool: Any, size: int | None = None) -> None:
        judged.append(size)
        granted(model, now, job, pool, 1)

    monkeypatch.setattr(Model, 'granted', smaller)
    with pytest.raises(InvariantError, match='occupancy violated at 5 s'):
        replay(Trace([(0, 9), (5, 1)]), max_size='1,4:2', slot_exp=60)
    assert judged == [1, 2]


@pytest.mark.parametrize('more', [{'workers': 2, 'protocol': 'nx'}])
def test_a_run_command_by_command_has_one_size(more: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match='changes in time, but a run with network, faults or protocol has one size'):
        replay(Trace([(0, 1)]), max_size='1,4:2', slot_exp=60, **more)


def test_a_scenario_with_sizes_is_saved_and_read() -> None:
    scenario = Scenario(
        title='x', arrivals='poisson:1', holding='exp:1', jobs=9, max_size=as_sizes('5,60:10:30'), workers=3
    )

    assert Scenario.from_toml(scenario.to_toml()) == scenario
    assert scenario.replace(max_size=7).max_size == 7
    assert scenario.run().to_json()['max_size_steps'] == [[0, 5, 0], [60, 10, 30]]
    assert 'size of the pool changes' in scenario.run().why_no_theory


def test_a_step_has_names() -> None:
    assert Step(60, 10) == (60, 10, 0)
