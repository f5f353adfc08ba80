"""How big the pool must be for jobs that wait: answers beside formulas, counts and brute force."""

import json
import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simulations import Retry, Scenario, Trace, size_pool
from simulations.cli import main
from simulations.drawing.colours import OCCUPANCY, RECOVERY
from simulations.measuring.doubts import starts_empty
from simulations.sizing import Sizing
from simulations.sizing.by_theory import ENDLESS, size_by_theory, unstable_up_to
from simulations.sizing.goals import SERVED, Goal, Goals
from simulations.sizing.length import lengthen
from simulations.sizing.pools import pool_groups, size_for_each
from simulations.statistics.intervals import Interval
from simulations.theory import erlang_c
from simulations.theory.expectation import Expectation
from tests.coverage.waits import patient_for, queue, trace_cases


_ARROW = 11
"""Matplotlib's marker at the lower end of an upper bound."""


def made_up(arrivals: str = 'poisson:3', holding: str = 'exp:1', jobs: int = 400, **fields: Any) -> Scenario:
    return Scenario(arrivals=arrivals, holding=holding, jobs=jobs, max_size=1, seed=1, **fields)


def waits_longer(load: float, size: int, seconds: float) -> float:
    """Return P(W > t) in M/M/c with holding times of a second, by Erlang's formula."""
    return erlang_c(size, load) * math.exp(-(size - load) * seconds) if load < size else 1.0


@pytest.fixture(scope='module')
def both() -> Sizing:
    """Return an answer for both goals, with its curve, from a few runs."""
    scenario = made_up('poisson:4', wait=1, wait_within=0.25)
    return size_pool(scenario, 0.05, share=0.92, most_runs=20, most_jobs=20_000)


def test_ninety_five_percent_within_half_a_second_is_the_answer_of_erlang() -> None:
    """Only sizes above the offered load are measured, for with fewer slots the queue never ends."""
    found = size_pool(made_up(wait=None, wait_within=0.5), share=0.95, most_runs=40, curve=0)
    answer = next(size for size in range(1, 100) if waits_longer(3, size, 0.5) <= 0.05)
    assert found.max_size == found.max_size_theory == answer
    assert (found.target, found.share, found.wait_within) == (None, 0.95, 0.5)
    assert min(found.curve) > 3
    assert found.served_within == found.curve[answer].served
    for size, verdict in found.curve.items():
        assert verdict.served is not None
        assert verdict.served.low <= 1 - waits_longer(3, size, 0.5) <= verdict.served.high
        assert verdict.wait_mean == pytest.approx(erlang_c(size, 3) / (size - 3), rel=0.5)


def test_of_jobs_with_a_patience_less_than_the_target_are_refused_or_time_out() -> None:
    """A time-out counts as a refusal."""
    found = size_pool(made_up('poisson:4', wait=1), 0.02, most_runs=40, curve=0)
    answer = next(size for size in range(1, 100) if patient_for(4, size, 1, 0).refused < 0.02)
    assert found.max_size == answer
    assert found.share is None
    assert 'refuses, at once or after their wait, less than 0.02 of the jobs' in str(found)
    assert 'refused or timed out' in str(found)


def test_both_goals_must_hold(both: Sizing) -> None:
    """Each of them alone needs fewer slots, or as many."""
    scenario = made_up('poisson:4', wait=1, wait_within=0.25)
    sizes = [
        size_pool(scenario, target, share=share, most_runs=20, most_jobs=20_000, curve=0).max_size
        for target, share in ((0.05, None), (None, 0.92))
    ]
    assert sizes == [5, 7]
    assert both.max_size == 7
    assert both.curve[7].enough
    assert not both.curve[6].enough


def test_the_answer_and_one_slot_fewer_say_what_was_measured(both: Sizing) -> None:
    """In words and as plain values, under names that scripts rely on."""
    plain = json.loads(json.dumps(both.to_json()))
    wanted = {name: plain[name] for name in ('max_size', 'target', 'share', 'wait_within', 'wait', 'max_waiting')}
    assert wanted == {
        'max_size': 7,
        'target': 0.05,
        'share': 0.92,
        'wait_within': 0.25,
        'wait': 1.0,
        'max_waiting': None,
    }
    rows = {row['max_size']: row for row in plain['curve']}
    for name in ('refusal_share', 'refusal_share_ci', 'served_within', 'served_within_ci', 'wait_mean', 'wait_p95'):
        assert plain[name] == rows[7][name]
        assert rows[6][name] is not None
    assert rows[6]['wait_mean'] > rows[7]['wait_mean'] > 0
    assert rows[6]['wait_p95'] > rows[7]['wait_p95'] > 0
    text = str(both)
    assert 'of the jobs and serves at least 0.92 of the jobs within 0.25 s' in text
    lines = text.splitlines()
    for label, name in ('refused or timed out', 'refusal_share'), ('served within 0.25 s', 'served_within'):
        at = next(number for number, line in enumerate(lines) if line.startswith(f'  {label}'))
        assert f'{rows[7][name]:.3%}' in lines[at]
        assert lines[at + 1].startswith('    with 6')
        assert f'{rows[6][name]:.3%}' in lines[at + 1]
    assert f'{rows[7]["wait_mean"]:.3g} s on average, 95% at most {rows[7]["wait_p95"]:.3g} s' in text


def test_both_curves_are_drawn_with_their_goals_and_theory(both: Sizing) -> None:
    """What is not served in time is drawn, so that both curves fall; the colours are distinct."""
    ax = both.plot()
    heights = {line.get_label(): np.asarray(line.get_ydata()) for line in ax.lines}
    refused, late = 'refused or timed out', 'not served within 0.25 s'
    assert set(heights[f'{refused}: target 0.05']) == {0.05}
    assert set(heights[f'{late}: at most 0.08']) == {1 - 0.92}
    for name in refused, late:
        assert (np.diff(heights[f'{name}: theory']) < 0).all()
    legend = ax.get_legend()
    assert legend is not None
    assert {f'{name}: measured, with 99% intervals' for name in (refused, late)} <= {
        text.get_text() for text in legend.get_texts()
    }
    markers = {line.get_color(): line.get_markerfacecolor() for line in ax.lines if line.get_marker() in ('o', 's')}
    assert markers == {OCCUPANCY: OCCUPANCY, RECOVERY: 'white'}
    assert ax.get_ylabel() == 'share of jobs'
    assert '<img ' in both._repr_html_()


def test_a_single_curve_is_named_on_its_axis() -> None:
    """Where all jobs wait for as long as it takes, none is refused, so there is one curve."""
    scenario = made_up(wait=None, wait_within=1)
    ax = size_pool(scenario, share=0.9, most_runs=10, most_jobs=4000, curve=0).plot()
    assert ax.get_ylabel() == 'share of jobs not served within 1 s'
    assert '[' in ax.get_title()


def test_the_picture_has_room_for_the_sizes_at_which_no_job_was_late() -> None:
    """Each has an arrow below its bound, which is drawn whole."""
    scenario = made_up('poisson:2', 'const:1', jobs=1500, wait=None, wait_within=1)
    ax = size_pool(scenario, share=0.8, most_runs=10).plot()
    arrows = [np.asarray(line.get_ydata()) for line in ax.lines if line.get_marker() == _ARROW]

    assert len(np.concatenate(arrows)) > 0
    assert np.concatenate(arrows).min() > ax.get_ylim()[0]


@pytest.mark.parametrize('name', ['trace, within 1 s', 'trace, half at once', 'trace, patient for 1.5 s'])
def test_a_trace_has_the_answer_that_is_counted_by_hand(tmp_path: Path, name: str) -> None:
    """A finite trace is measured at any size, below its load too."""
    case = next(case for case in trace_cases(tmp_path) if case.name == name)
    found = size_pool(case.scenario, case.target, share=case.share, curve=0)
    assert found.max_size == case.truth == 3
    assert found.range == (3, 3)


def test_a_share_of_just_the_goal_is_enough(tmp_path: Path) -> None:
    """Of four jobs at once, three are served in time with three slots: 'at least', not 'more'."""
    Trace([(0.0, 1.0)] * 4).to_csv(tmp_path / 'four.csv')
    scenario = Scenario(trace=tmp_path / 'four.csv', max_size=1, wait=None, wait_within=0.5)
    assert size_pool(scenario, share=0.75, curve=0).max_size == 3
    assert size_pool(scenario, share=0.76, curve=0).max_size == 4


@pytest.mark.parametrize('seed', range(6))
def test_the_answer_for_a_trace_is_the_smallest_of_all_sizes_each_tried(tmp_path: Path, seed: int) -> None:
    """First come, first served: more slots never make a job wait longer, so bisection is right."""
    stream = random.Random(seed)
    jobs = [(stream.random() * 20, stream.expovariate(1)) for _ in range(80)]
    Trace(jobs).to_csv(tmp_path / 'trace.csv')
    scenario = Scenario(trace=tmp_path / 'trace.csv', max_size=1, wait=None, wait_within=0.3)
    shares = [scenario.replace(max_size=size).replay().figures.served_within or 0.0 for size in range(1, 20)]
    assert shares == sorted(shares)
    found = size_pool(scenario, share=0.9, curve=0)
    assert found.max_size == next(size for size, share in enumerate(shares, 1) if share >= 0.9)


def test_jobs_that_do_not_wait_are_served_at_once_or_refused() -> None:
    """Then both goals are about the same jobs, and theory knows both."""
    found = size_pool(made_up(wait_within=1), share=0.9, most_runs=10, curve=0)
    assert found.max_size == found.max_size_theory == size_pool(made_up(), 0.1, most_runs=10, curve=0).max_size


def test_where_jobs_try_again_their_time_until_a_slot_counts() -> None:
    """Theory has no distribution of that time, so the measurement decides."""
    scenario = made_up(on_refusal=Retry('exp:0.2'), wait_within=0.5)
    found = size_pool(scenario, share=0.9, most_runs=10, curve=0)
    assert found.max_size_theory is None
    assert found.max_size is not None
    there, below = (
        scenario.replace(max_size=size, jobs=20_000).replay(history=False).figures.served_within or 0.0
        for size in (found.max_size, found.max_size - 1)
    )
    assert below < 0.9 <= there


@pytest.mark.parametrize('pools', [1, 2])
def test_the_sizes_at_which_the_queue_never_ends_are_those_of_the_busiest_pool(pools: int) -> None:
    """It gets two thirds of six erlangs, so four slots are too few; the measured load is rough."""
    fields: dict[str, Any] = {'keys': 'zipf:2:1'} if pools == 2 else {}
    scenario = made_up('poisson:6' if pools == 2 else 'poisson:4', **fields)
    for load in (2.0, 3.9, 4.1, 7.0):
        assert unstable_up_to(scenario.replace(wait=None), load) == 4
        assert unstable_up_to(scenario.replace(wait=5), load) == 0
        assert unstable_up_to(scenario.replace(wait=None, max_waiting=5), load) == 0


def test_a_pool_without_bounds_has_a_pace_that_is_computed_at_once() -> None:
    """Sizing starts with a pool that is never full."""
    scenario = made_up(wait=None)
    endless = scenario.replace(max_size=ENDLESS).conditions().pace(scenario.workload())
    roomy = scenario.replace(max_size=50).conditions().pace(scenario.workload())
    assert endless is not None
    assert roomy is not None
    assert endless.memory == pytest.approx(roomy.memory, rel=1e-6)


@pytest.mark.parametrize(
    ('fields', 'goals', 'complaint'),
    [
        ({}, {'share': 0.9}, r'share needs a time .* but wait_within is None: set wait_within, or omit share'),
        ({'wait_within': 1}, {'share': 1}, 'share must be more than 0 and less than 1, got 1'),
        ({'wait_within': 1}, {'share': 0}, 'share must be more than 0 and less than 1, got 0'),
        ({'wait': None}, {'target': 0.05}, r'no job is ever refused .* \(got 0.05\) .* set wait_within and share'),
        (
            {'wait': None, 'wait_within': 1},
            {},
            r'no job is ever refused .* \(got 0.01\) .* or limit wait or max_waiting',
        ),
    ],
)
def test_goals_that_say_nothing_are_refused(fields: dict[str, Any], goals: dict[str, Any], complaint: str) -> None:
    """They are refused before any run, and the message says what to add."""
    with pytest.raises(ValueError, match=complaint):
        size_pool(made_up(**fields), **goals)


def test_a_time_that_no_pool_can_meet_is_refused() -> None:
    """One request in ten gets no answer from the store, with any number of slots."""
    scenario = Scenario.load('flaky-network').replace(jobs=400, wait_within=1)
    with pytest.raises(ValueError, match=r'no max_size can serve 0\.95 of the jobs within 1 s, because even in a pool'):
        size_pool(scenario, share=0.95)


def test_an_interval_meets_a_goal_or_misses_it_or_leaves_it_open() -> None:
    """The limit itself is enough for what must be reached, and too much for what must be below."""
    few, soon = Goal('refusal_share', 0.1, at_least=False), Goal(SERVED, 0.9, at_least=True)
    assert [few.side(Interval(0, *bounds)) for bounds in ((0, 0.09), (0.1, 0.2), (0.05, 0.1))] == [True, False, None]
    assert [soon.side(Interval(0, *bounds)) for bounds in ((0.9, 1), (0.8, 0.89), (0.8, 0.9))] == [True, False, None]
    assert few.allowed == 0.1
    assert soon.allowed == pytest.approx(0.1)
    goals = Goals(0.05, 0.99, 1.0)
    assert goals.allowed == pytest.approx(0.01)
    assert goals.figures == ('refusal_share', SERVED)


def test_an_approximation_never_decides() -> None:
    """Allen and Cunneen's formula is one; of M/G/1 the mean is exact, but not the distribution."""
    constant = made_up('poisson:4', 'const:1', wait=None, wait_within=0.25)
    assert isinstance(constant.expect(6), Expectation)
    for goals in {'share': 0.8}, {'share': 0.8, 'target': 0.1}:
        assert size_by_theory(constant, Goals.of(constant, goals.get('target'), goals['share']), 5) is None
    assert size_by_theory(made_up('poisson:4', wait=None, wait_within=0.25), Goals(None, 0.8, 0.25), 5) == 6


def test_theory_decides_only_if_it_is_exact_and_knows_all_goals() -> None:
    """Of retries it knows how many attempts are refused, but not how long a job takes."""
    waiting = made_up('poisson:4', wait='exp:1', wait_within=0.25)
    expected, leave = waiting.expect(6), waiting.on_refusal
    assert isinstance(expected, Expectation)
    both = Goals(0.1, 0.8, 0.25, waits=True)
    assert both.met_by_theory(expected, leave) is True
    assert both._replace(share=0.99).met_by_theory(expected, leave) is False
    assert both.met_by_theory(expected._replace(exact=False), leave) is None
    assert both.by_theory('refusal_share', expected._replace(exact=False), leave) is None
    retrying = made_up(on_refusal=Retry('exp:1'))
    expected = retrying.expect(6)
    assert isinstance(expected, Expectation)
    assert Goals(0.1, None, 1.0, of_attempts=True).met_by_theory(expected, retrying.on_refusal) is True
    assert Goals(0.1, 0.5, 1.0, of_attempts=True).met_by_theory(expected, retrying.on_refusal) is None


def test_a_run_of_a_log_must_meet_both_goals(tmp_path: Path) -> None:
    """Two of six jobs are served at once, two wait a second, and two time out."""
    scenario = next(case.scenario for case in trace_cases(tmp_path) if case.target is not None)
    figures = scenario.replace(max_size=2, wait_within=0).replay(history=False).figures
    assert Goals(0.34, 0.33, 0.0).met_by(figures)
    assert not Goals(0.33, 0.33, 0.0).met_by(figures)
    assert not Goals(0.34, 0.34, 0.0).met_by(figures)


def test_runs_are_as_long_as_the_queue_at_the_answer_needs() -> None:
    """With few spare slots a queue forgets slowly, and a run must be long compared with that."""
    scenario = made_up('poisson:9', wait=None)
    factors = [lengthen(scenario, 0.3, 160, 10, 10**9, near=size).factor for size in (10, 11, 14)]
    assert factors[0] > 2 * factors[1] > 2 * factors[2]
    pace = scenario.replace(max_size=10).conditions().pace(scenario.workload())
    assert pace is not None
    assert factors[0] * 400 >= 4 * 9 * pace.settled(0.001)
    found = size_pool(made_up('poisson:3', wait=None, wait_within=0.5), share=0.6, most_runs=10, curve=0)
    assert found.max_size == 4
    assert found.lengthened > 1.2


def test_the_empty_start_shifts_what_is_not_served_in_time() -> None:
    """The shift is a share of the late jobs, not of those in time."""

    def doubted(served: Interval, missing: float) -> bool:
        intervals = {'occupancy_mean': Interval(4, 3.9, 4.1), SERVED: served}
        return SERVED in {each.figure for each in starts_empty(intervals, missing, 8, 1, 10.0)}

    assert not doubted(Interval(0.99, 0.985, 0.995), 0.004)
    assert doubted(Interval(0.6, 0.595, 0.605), 0.004)
    assert doubted(Interval(0.99, 0.985, 0.995), 0.06)


def test_each_pool_of_a_recording_meets_the_goals_alone(tmp_path: Path) -> None:
    """The busy pool needs more slots, which the jobs of the quiet one hide."""
    rows = [(10.0 * n, 1.0, 'quiet') for n in range(60)] + [(0.0, 1.0, 'busy')] * 4
    lines = ['arrival,duration,pool', *(f'{at},{lasts},{key}' for at, lasts, key in rows)]
    (tmp_path / 'two.csv').write_text('\n'.join(lines) + '\n')
    options = {'arrival': 'arrival', 'holding': 'duration', 'key': 'pool'}
    scenario = Scenario(trace=tmp_path / 'two.csv', trace_options=options, max_size=1, wait=None, wait_within=0.5)
    found = size_pool(scenario, share=0.9, curve=0)
    assert found.max_size == 1
    assert size_for_each(scenario, found.goals, 1) == 4
    assert pool_groups(scenario) == []


def test_the_command_finds_the_size_by_waiting_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The words that repeat it contain the goals, and only those that were given."""
    monkeypatch.chdir(tmp_path)
    words = ['size', '--rate', '3', '--jobs', '300', '--seed', '4', '--workers', '1', '--no-pictures']
    assert main([*words, '--wait', 'none', '--wait-within', '1', '--share', '0.9']) == 0
    out = capsys.readouterr().out
    answer = next(size for size in range(4, 100) if waits_longer(3, size, 1) <= 0.1)
    assert f'max_size {answer} is the smallest that serves at least 0.9 of the jobs within 1 s' in out
    repeat = next(line for line in out.splitlines() if 'repeat it with' in line)
    assert '--wait none --wait-within 1 --share 0.9' in repeat
    assert '--target' not in repeat
    assert main([*words, '--wait', '5', '--target', '0.05', '--json', '-']) == 0
    plain = json.loads(capsys.readouterr().out)
    assert plain['max_size'] == next(size for size in range(1, 100) if patient_for(3, size, 5, 0).refused < 0.05)
    assert (plain['wait'], plain['share'], plain['served_within']) == (5.0, None, None)
    assert main([*words, '--wait', 'none']) == 2
    assert 'set wait_within and share' in capsys.readouterr().err


def test_the_formulas_of_the_cases_agree_where_they_overlap() -> None:
    """A patience that never ends is none, and a queue without room is Erlang's loss system."""
    assert queue(3, 5, 0.5).served == pytest.approx(1 - waits_longer(3, 5, 0.5), rel=1e-9)
    assert patient_for(3, 5, 50, 0.5).served == pytest.approx(queue(3, 5, 0.5).served, rel=1e-9)
    assert queue(3, 5, 0, room=0).refused == pytest.approx(0.110054, abs=1e-6)
