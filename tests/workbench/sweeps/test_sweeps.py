"""Sweeps: the same scenario at many points, on any executor."""

import math
import pickle
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from py_cachify import MemoryClient
from simulations import Exponential, Poisson, Retry, Scenario, parse_vary, sweep
from simulations.engine.replications import seeds
from simulations.results.violated import InvariantError
from simulations.statistics.intervals import Interval
from simulations.statistics.student_t import student_t
from simulations.sweeps import Sweep
from simulations.sweeps.processes import processes
from simulations.sweeps.run import at
from simulations.sweeps.vary import MOST_POINTS
from simulations.theory import loss_system
from simulations.theory.expectation import expect


BUSY = Scenario(
    arrivals='poisson:6', holding='exp:1', max_size=5, slot_exp=2.0, crash_probability=0.1, jobs=400, seed=3
)
VARY = {'max_size': (3, 5, 8), 'slot_exp': (0.5, 2, None)}


class OnlySubmits(Executor):
    """An executor with nothing but the required interface."""

    def submit(self, task: Callable[..., Any], /, *args: Any, **kwargs: Any) -> 'Future[Any]':
        future: Future[Any] = Future()
        future.set_result(task(*args, **kwargs))
        return future


@pytest.fixture(scope='module')
def alone() -> str:
    """Return the table that a single process makes."""
    return sweep(BUSY, VARY, replications=2, workers=1).to_csv()


def test_the_same_seed_gives_the_same_table_on_one_process_and_two(alone: str) -> None:
    """The tables agree byte for byte; another seed makes another table."""
    assert sweep(BUSY, VARY, replications=2, workers=2).to_csv() == alone
    assert sweep(BUSY, VARY, replications=2, workers=1).to_csv() == alone
    assert sweep(BUSY.replace(seed=4), VARY, replications=2, workers=1).to_csv() != alone


def test_the_same_table_comes_from_threads_and_from_what_only_submits(alone: str) -> None:
    """An executor needs no attribute beyond the interface, and may finish runs in any order."""
    with ThreadPoolExecutor(3) as threads:
        assert sweep(BUSY, VARY, replications=2, executor=threads).to_csv() == alone
    assert sweep(BUSY, VARY, replications=2, executor=OnlySubmits()).to_csv() == alone


def test_the_same_table_comes_from_a_cluster_of_dask(alone: str) -> None:
    """The cluster is real: a scheduler and two worker processes on this machine."""
    import distributed

    dask: Any = distributed  # which is not typed throughout

    with (
        dask.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        dask.Client(cluster) as client,
        client.get_executor() as executor,
    ):
        assert len(client.scheduler_info(n_workers=-1)['workers']) == 2
        assert sweep(BUSY, VARY, replications=2, executor=executor).to_csv() == alone


def test_more_runs_than_are_handed_over_at_once_are_all_made(monkeypatch: pytest.MonkeyPatch, alone: str) -> None:
    """An executor never receives more than the limit, and receives the rest as it progresses."""
    monkeypatch.setattr('simulations.sweeps.run._MOST_WAITING', 2)
    with ThreadPoolExecutor(3) as threads:
        assert sweep(BUSY, VARY, replications=2, executor=threads).to_csv() == alone


def test_points_differ_by_nothing_but_what_was_varied() -> None:
    """Each point equals a separate run with the same seeds, jobs and crashes."""
    found = sweep(BUSY, VARY, replications=2, workers=1)
    assert [point.values for point in found.points] == [
        {'max_size': size, 'slot_exp': life} for size in VARY['max_size'] for life in VARY['slot_exp']
    ]
    first, second = next(seeds(3)), list(zip(seeds(3), range(2), strict=False))[1][0]
    for point in found.points:
        there = BUSY.replace(**point.values)
        runs = [there.replay(seed=seed).figures for seed in (first, second)]
        assert point.jobs == sum(run.jobs for run in runs)
        assert point.overrun_share == sum(run.expired_while_running for run in runs) / sum(run.granted for run in runs)
        assert point.recovery_longest == max(run.recovery_longest for run in runs)


def test_with_common_random_numbers_more_slots_refuse_fewer() -> None:
    """For one seed this holds at every step, which independent runs could not show."""
    short = BUSY.replace(jobs=90, crash_probability=0.0, slot_exp=None)
    shares = [point.refusal_share for point in sweep(short, {'max_size': range(1, 20)}, workers=1).points]
    means = [share.mean for share in shares if share is not None]
    assert len(means) == 19
    assert means == sorted(means, reverse=True)
    assert means[0] > 0.5 > means[-1] == 0
    # The same jobs are left out as warm-up, so the shares count the same jobs.
    counted = float(short.replay().estimates.series.jobs.sum())
    assert all(math.isclose(counted * mean, round(counted * mean), abs_tol=1e-9) for mean in means)


def test_load_multiplies_the_arrivals() -> None:
    """This holds for a scenario with its own load factor and for one without."""
    [once, twice] = sweep(BUSY, {'load': (1, 2)}, workers=1).points
    faster = sweep(BUSY.replace(arrivals='poisson:12'), {'max_size': [5]}, workers=1).points[0]
    assert twice.refusal_share == faster.refusal_share != once.refusal_share
    assert at(BUSY, {'load': 2.0}).load_factor == 2


def _sigmas(interval: Interval, theory: float, runs: int) -> float:
    return abs(interval.mean - theory) / (interval.half_width / student_t(0.995, runs - 1))


def test_theory_stands_in_the_table_and_the_measurement_agrees() -> None:
    """At each point, refusals and overrun agree within 5 standard errors of ten runs."""
    crashing = Scenario(arrivals='poisson:6', holding='exp:1', max_size=5, crash_probability=0.1, jobs=2000, seed=1)
    # At each point some hundred refusals: a handful would not scatter as Student's t says.
    vary = {'max_size': (3, 5), 'slot_exp': (0.5, 1.0), 'load': (0.5, 1.0)}
    found = sweep(crashing, vary, replications=10)
    assert len(found.points) == 8
    for point in found.points:
        size, life, load = (float(value) for value in point.values.values() if value is not None)
        truth = loss_system(6 * load, Exponential(1), int(size), life, 0.1)
        assert point.refusal_share_theory == pytest.approx(truth.refusal_share, rel=1e-12)
        assert point.overrun_theory == pytest.approx(truth.overrun_mean, rel=1e-12)
        assert point.refusal_share is not None
        assert point.overrun_mean is not None
        assert point.jobs * truth.refusal_share > 100
        assert _sigmas(point.refusal_share, truth.refusal_share, 10) < 5
        assert _sigmas(point.overrun_mean, truth.overrun_mean, 10) < 5


def test_where_jobs_ask_until_they_get_a_slot_theory_is_of_attempts() -> None:
    """So is the interval; if theory does not apply, there is no value."""
    asking = Scenario(arrivals='poisson:3', holding='exp:1', max_size=5, on_refusal=Retry('exp:1'), jobs=2500)
    [point] = sweep(asking, {'max_size': [5]}, replications=10, workers=1).points
    assert point.of_attempts
    assert point.refusals == point.attempts_refusal_share
    assert point.refusal_share is not None
    assert point.refusal_share.mean == 0
    assert point.refusals is not None
    assert point.refusal_share_theory is not None
    assert _sigmas(point.refusals, point.refusal_share_theory, 10) < 5
    [unknown] = sweep(BUSY.replace(arrivals='bursty:1:9:9:9'), {'max_size': [5]}, workers=1).points
    assert (unknown.refusal_share_theory, unknown.overrun_theory) == (None, None)


def test_a_broken_promise_comes_back_from_where_it_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sweep stops with the original error, sent between processes."""
    take = MemoryClient.take_slot
    monkeypatch.setattr(
        MemoryClient, 'take_slot', lambda self, key, token, size, life: take(self, key, token, size + 1, life)
    )
    with pytest.raises(InvariantError) as caught:
        sweep(BUSY, {'max_size': [2, 3]}, workers=1)
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value)
    assert 'occupancy' in str(again)


@pytest.mark.parametrize(
    ('vary', 'error', 'complaint'),
    [
        ({}, ValueError, 'vary must name at least one of max_size, slot_exp, load, crash_probability'),
        ({'size': [1]}, ValueError, "'size' cannot be varied: choose from max_size"),
        ({'max_size': []}, ValueError, 'max_size needs at least one value'),
        ({'max_size': [3, 4, 3]}, ValueError, 'max_size lists a value twice: 3, 4, 3'),
        ({'max_size': 3}, TypeError, r'the values of max_size must be a list, such as \[3\], not 3'),
        ({'max_size': '5'}, TypeError, 'the values of max_size must be a list'),
        ({'max_size': [0]}, ValueError, 'max_size must be at least 1, got 0'),
        ({'slot_exp': [-1.0]}, ValueError, 'slot_exp must be more than 0'),
        ({'load': [math.inf]}, ValueError, 'load must be finite and more than 0, got inf'),
        ({'crash_probability': [1.5]}, ValueError, 'crash_probability must be between 0 and 1, got 1.5'),
        (
            {'max_size': range(1, MOST_POINTS // 2 + 2), 'load': [1, 2]},
            ValueError,
            '100,002 points, more than the limit of',
        ),
    ],
)
def test_what_cannot_be_varied_is_refused_before_any_run(vary: Any, error: type[Exception], complaint: str) -> None:
    """The error names it."""

    class NoRuns(OnlySubmits):
        def submit(self, task: Callable[..., Any], /, *args: Any, **kwargs: Any) -> 'Future[Any]':
            raise AssertionError

    with pytest.raises(error, match=complaint):
        sweep(BUSY, vary, executor=NoRuns())


def test_an_executor_and_a_number_of_workers_exclude_each_other() -> None:
    """There must be at least one worker."""
    with pytest.raises(ValueError, match='give either executor or workers, not both'):
        sweep(BUSY, {'max_size': [1]}, executor=OnlySubmits(), workers=2)
    with pytest.raises(ValueError, match='workers must be at least 1, got 0'):
        sweep(BUSY, {'max_size': [1]}, workers=0)
    with pytest.raises(ValueError, match='workers must be at least 1, got 0'):
        processes(0)


# --- parse_vary


@given(st.integers(1, 9999), st.integers(1, 999), st.integers(1, 200), st.data(), st.integers(0, 6))
def test_a_range_holds_its_ends_and_decimals_are_exact(
    first: int, step: int, count: int, data: st.DataObject, places: int
) -> None:
    """0.1:0.9:0.1 yields 0.3, not 0.30000000000000004, and 0.9; a range never exceeds its end."""
    beyond = data.draw(st.integers(0, step - 1))
    values = [Decimal(first + number * step).scaleb(-places) for number in range(count)]
    last = values[-1] + Decimal(beyond).scaleb(-places)
    text = f'load={values[0]:f}:{last:f}:{Decimal(step).scaleb(-places):f}'
    assert parse_vary(text) == ('load', tuple(map(float, values)))


@given(st.lists(st.floats(1e-300, 1e300), min_size=1, max_size=20, unique=True))
def test_a_list_is_read_as_it_is_written(values: list[float]) -> None:
    """Every digit of every number is kept."""
    assert parse_vary(f'load={",".join(map(repr, values))}') == ('load', tuple(values))


ODD = st.sampled_from(
    ['nan', 'sNaN', 'inf', '-inf', 'Infinity', '1e999999999', '1e-999999999', '1e400', '1e9', '-1', '0']
)
WORDS = st.text('0123456789.,:-+e none=x_', max_size=12) | ODD
TEXTS = st.one_of(
    st.text(max_size=30),
    st.builds(
        '{}={}'.format,
        st.sampled_from(['max_size', 'slot_exp', 'load', 'crash_probability', 'wait', 'max_waiting']),
        WORDS,
    ),
    st.builds('{}={}:{}:{}'.format, st.sampled_from(['max_size', 'slot_exp', 'load']), WORDS, WORDS, WORDS),
    st.builds('{}={},{}'.format, st.sampled_from(['max_size', 'slot_exp', 'load', 'wait']), WORDS, WORDS),
)


WAITING = Scenario(arrivals='poisson:5', holding='exp:1', max_size=5, jobs=1500, seed=3, wait_within=0.5)


def test_the_time_that_jobs_wait_can_be_varied() -> None:
    """Each point equals a separate run; where no job waits, the waiting times are 0."""
    found = sweep(WAITING, {'wait': [0, 1, None, 'exp:2']}, workers=1)
    none, short, endless, patient = found.points

    assert [point.values['wait'] for point in found.points] == [0.0, 1.0, None, 'exp:2']
    for point in found.points:
        figures = WAITING.replace(**point.values).replay().figures
        for name in ('wait_mean', 'wait_p95', 'waited_share', 'timed_out_share', 'queue_mean', 'served_within'):
            interval = getattr(point, name)
            assert interval.mean == pytest.approx(getattr(figures, name)), name
            assert point.row()[f'{name}_low'] == interval.low <= interval.mean <= interval.high
    assert [point.queues for point in found.points] == [False, True, True, True]
    assert none.wait_mean == none.queue_mean == none.timed_out_share == Interval(0, 0, 0)
    assert short.timed_out_share is not None
    assert short.timed_out_share.mean > 0.05
    assert endless.timed_out_share is not None
    assert endless.timed_out_share.mean == 0
    assert patient.values == {'wait': 'exp:2'}
    head, *rows = str(found).splitlines()[1:]
    assert head.endswith('mean wait  95% wait at most  timed out  mean queue  served in time')
    assert [row.split()[0] for row in rows[:4]] == ['0', '1', 'none', 'exp:2']


def test_jobs_that_retry_have_waiting_times_without_a_queue() -> None:
    """Their waiting times are measured, and their queue is 0."""
    [point] = sweep(WAITING.replace(on_refusal=Retry('exp:1')), {'max_size': [5]}, workers=1).points

    assert point.wait_p95 is not None
    assert point.wait_p95.mean > 0
    assert not point.queues
    assert point.queue_mean == point.timed_out_share == Interval(0, 0, 0)


def test_the_length_of_a_queue_can_be_varied() -> None:
    """A longer queue refuses fewer jobs and lets them wait longer."""
    points = sweep(WAITING.replace(wait=None), {'max_waiting': [1, 4, None]}, replications=2, workers=1).points
    waits, refusals = ([getattr(point, name).mean for point in points] for name in ('wait_p95', 'refusal_share'))

    assert waits == sorted(waits)
    assert waits[0] > 0
    assert refusals == sorted(refusals, reverse=True)
    assert refusals[-1] == 0


@pytest.mark.parametrize('figure', ['wait_mean', 'wait_p95', 'timed_out_share', 'served_within', 'queue_mean'])
def test_a_sweep_draws_how_jobs_wait(figure: str) -> None:
    """The curve has the values of the table; no line leads to a distribution."""
    for values, style in (([0, 1, 2], '-'), ([1, None, 'exp:2'], 'None')):
        found = sweep(WAITING.replace(jobs=300), {'wait': values}, workers=1)
        ax = found.plot(Figure().add_subplot(), figure)
        [line] = [line for line in ax.get_lines() if line.get_label() == 'measured']
        assert np.asarray(line.get_ydata()).tolist() == [getattr(point, figure).mean for point in found.points]
        assert line.get_linestyle() == style
    assert [label.get_text() for label in ax.get_xticklabels()] == ['1', 'none', 'exp:2']


def test_theory_stands_beside_the_waiting_times_of_a_sweep() -> None:
    """It is drawn where jobs wait and it has a value."""
    made = sweep(WAITING.replace(jobs=300, wait=None), {'max_size': [6, 7]}, workers=1)
    theories = [expect(Poisson(5, 'exp:1', jobs=300), size, None, wait=None) for size in (6, 7)]
    points = [
        point._replace(theory=None if isinstance(theory, str) else theory)
        for point, theory in zip(made.points, theories, strict=True)
    ]
    found = Sweep(made.scenario, made.vary, points)
    for figure in ('wait_mean', 'waited_share', 'queue_mean', 'timed_out_share'):
        lines = {line.get_label(): line for line in found.plot(Figure().add_subplot(), figure).get_lines()}
        expected = [getattr(point.theory, figure) for point in found.points]
        assert np.asarray(lines['theory'].get_ydata()).tolist() == expected


@pytest.mark.parametrize(
    ('text', 'values'),
    [
        ('wait=0,2,none,exp:5', (0.0, 2.0, None, 'exp:5')),
        ('wait=0:4:2', (0.0, 2.0, 4.0)),
        ('wait=uniform:1:3', ('uniform:1:3',)),
        ('wait=const:3', (3.0,)),
        ('max_waiting=1:5:2', (1, 3, 5)),
        ('max_waiting=4,none', (4, None)),
    ],
)
def test_waiting_is_varied_in_words(text: str, values: tuple[object, ...]) -> None:
    """Three numbers with colons are a range; anything else with a colon is a distribution."""
    assert parse_vary(text)[1] == values


@given(TEXTS)
def test_nothing_but_finite_numbers_gets_through(text: str) -> None:
    """Any text is read or refused with a ``ValueError``: no NaN, no infinity, no endless count."""
    try:
        name, values = parse_vary(text)
    except ValueError:
        return
    assert name in text
    assert 0 < len(values) <= MOST_POINTS
    for value in values:
        if isinstance(value, str):
            assert name == 'wait'
        else:
            assert name in ('slot_exp', 'wait', 'max_waiting') if value is None else math.isfinite(value)
        assert name != 'max_size' or isinstance(value, int)


@pytest.mark.parametrize(
    ('text', 'complaint'),
    [
        ('max_size', 'write NAME=FIRST:LAST:STEP or NAME=A,B,C, such as max_size=5:50:5'),
        ('max_size=', 'write NAME=FIRST:LAST:STEP or NAME=A,B,C'),
        ('max_size=2:40', 'write NAME=FIRST:LAST:STEP, such as max_size=5:50:5'),
        ('max_size=5:4.5:1', 'LAST must be no less than FIRST'),
        ('max_size=5:9:0', 'STEP more than 0'),
        ('max_size=1:2:inf', "'inf' is infinite, not a number"),
        ('slot_exp=inf', "'inf' is infinite, not a number"),
        ('slot_exp=1e999999999', 'is infinite, not a number, or has more than 400 digits'),
        ('load=1e400', 'a value is too large'),
        ('load=one', "'one' is not a number"),
        ('load=1,', "'' is not a number"),
        ('load=nan', "'nan' is infinite, not a number"),
        ('load=none', 'load must be a number, not None'),
        ('max_size=1.5', 'max_size must be a whole number'),
        ('max_size=1:9e9:1', '9,000,000,000 values exceed the limit of 100,000'),
        ('speed=1', "'speed' cannot be varied"),
    ],
)
def test_what_is_written_wrongly_is_refused_in_words(text: str, complaint: str) -> None:
    """The message says what is wrong, and how to write it."""
    with pytest.raises(ValueError, match='(?s)' + complaint.replace('(', r'\(')):
        parse_vary(text)


def test_none_is_a_life_for_ever_and_decimals_stay_decimals() -> None:
    """These are the examples of the docstring."""
    assert parse_vary('max_size=5:20:5') == ('max_size', (5, 10, 15, 20))
    assert parse_vary('slot_exp=1,2.5,none') == ('slot_exp', (1.0, 2.5, None))
    assert parse_vary('load=0.1:1:0.1')[1] == (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


# --- pictures


@pytest.fixture(scope='module')
def grid() -> Sweep:
    """Return a sweep over two names without crashes, so that theory applies."""
    return sweep(BUSY.replace(crash_probability=0.0), VARY, workers=1)


def test_one_name_is_a_curve_with_its_interval_and_theory(grid: Sweep) -> None:
    """The picture shows the values of the table."""
    found = sweep(BUSY, {'max_size': (3, 5, 8)}, workers=1)
    lines = {line.get_label(): line for line in found.plot().lines}
    assert np.asarray(lines['measured'].get_xdata()).tolist() == [3, 5, 8]
    assert np.asarray(lines['measured'].get_ydata()).tolist() == [row['refusal_share'] for row in found.rows()]
    assert np.asarray(lines['theory'].get_ydata()).tolist() == [row['refusal_share_theory'] for row in found.rows()]


def test_two_names_are_a_heat_map(grid: Sweep) -> None:
    """There is one cell for each point, at the position of its values."""
    [image] = grid.plot().images
    cells = np.asarray(image.get_array())
    assert cells.shape == (3, 3)
    for row in grid.rows():
        there = cells[VARY['slot_exp'].index(row['slot_exp']), VARY['max_size'].index(row['max_size'])]
        assert there == row['refusal_share']


def test_a_sweep_shows_itself_as_table_and_picture(grid: Sweep) -> None:
    """JupyterLab shows HTML with an image; printing shows a line for each point, then doubts."""
    assert '<img ' in grid._repr_html_()
    assert grid._repr_html_().count('<tr>') == 10
    head, table, doubts = 1, 10, len([line for line in str(grid).splitlines() if line.startswith('? ')])
    assert len(str(grid).splitlines()) == head + table + doubts
    assert '? at max_size 3, slot_exp 2: the run is too short: ' in str(grid)


def test_what_has_no_picture_says_so(grid: Sweep) -> None:
    """This covers an unknown figure, and three varied names."""
    with pytest.raises(ValueError, match="unknown figure 'speed': choose from refusal_share"):
        grid.plot(figure='speed')
    three = sweep(BUSY.replace(jobs=20), {**VARY, 'load': (1, 2)}, workers=1)
    with pytest.raises(ValueError, match='at most two varied names, but this sweep varied 3, max_size, slot_exp, load'):
        three.plot()
    assert '<img ' not in three._repr_html_()
