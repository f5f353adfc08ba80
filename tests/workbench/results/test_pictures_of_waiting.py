"""The pictures of a run whose jobs wait show its history: queue, waiting times, time-outs."""

import dataclasses
import functools
import itertools
from collections.abc import Iterator
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import Collection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from simulations import Poisson, Result, Scenario, Trace, replay
from simulations.drawing import colours
from simulations.history.events import QUEUED, TIMED_OUT
from simulations.measuring.holders import Waiting, nobody
from simulations.results.plots.slots import row_of_waits
from simulations.theory.expectation import expect
from simulations.workloads.refusals import Retry


mpl.use('agg')

PICTURES = ['plot_occupancy', 'plot_queue', 'plot_waits', 'plot_slots']


def axes() -> Axes:
    return Figure().add_subplot()


def legend(ax: Axes) -> list[str]:
    shown = ax.get_legend()
    assert shown is not None
    return [text.get_text() for text in shown.get_texts()]


@pytest.fixture
def waiting() -> Result:
    """Return a run in which job 1 is served after 3 s, while jobs 2 and 3 wait in vain."""
    return replay(Trace([(0, 4), (1, 5), (2, 2), (3, 1)]), max_size=1, wait=3, wait_within=2)


@functools.cache
def steady(**how: object) -> Result:
    """Return a run of many jobs, of which about half wait."""
    settings = {'max_size': 5, 'wait': None, **how}
    return replay(Poisson(4, 'exp:1', jobs=6000, seed=1), **settings)  # type: ignore[arg-type]


class Present(NamedTuple):
    """How long these counts lasted, in seconds."""

    seconds: float
    occupancy: int
    queue: int


def counts(result: Result) -> Iterator[Present]:
    """Yield the counts between the events of the history, which is followed one by one."""
    queue = 0
    steps = {'queued': 1, 'served': -1, 'timed out': -1, 'withdrew': -1}
    for event, following in itertools.pairwise(result.history):
        queue += steps.get(event.what, 0)
        yield Present(following.time - event.time, event.occupancy, queue)


def top(area: Collection) -> float:
    return float(np.nanmax(np.asarray(area.get_paths()[0].vertices)[:, 1]))


@pytest.mark.parametrize('picture', PICTURES)
def test_a_picture_is_drawn_where_it_is_wanted(waiting: Result, picture: str) -> None:
    """It is drawn on given axes or new ones; both axes are labelled, with the unit of time."""
    ax = axes()
    draw = getattr(waiting, picture)

    assert draw(ax) is ax
    assert draw() is not ax
    assert 'seconds' in ax.get_xlabel()
    assert ax.get_ylabel()
    assert ax.get_title().startswith('4 jobs')


def test_the_queue_is_stacked_on_the_occupancy(waiting: Result) -> None:
    """The upper edge is the sum of both, where jobs wait; `max_size` lies between them."""
    ax = waiting.plot_occupancy(axes())
    curves = {str(line.get_label()): line for line in ax.get_lines()}
    stack = curves['waiting jobs (on top)']

    assert legend(ax) == ['waiting jobs (on top)', 'occupancy (live slots)', 'max_size = 1']
    assert np.asarray(stack.get_xdata()).tolist() == [0, 1, 2, 3, 4, 5, 6, 9]
    assert np.asarray(stack.get_ydata()).tolist()[1:6] == [2, 3, 4, 3, 2]
    assert np.isnan(np.asarray(stack.get_ydata())[[0, 6, 7]]).all()
    assert np.asarray(curves['occupancy (live slots)'].get_ydata()).tolist() == [1, 1, 1, 1, 1, 1, 1, 0]
    [area] = [each for each in ax.collections if each.get_hatch()]
    corners = np.asarray(area.get_paths()[0].vertices)
    assert corners[corners[:, 0] < 9, 1].min() == 1
    assert [text.get_text() for text in ax.texts] == ['3 waiting']


def test_the_stack_of_a_long_run_is_the_history(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its top is the largest number of jobs that held a slot or waited; its means are exact."""
    monkeypatch.setattr('simulations.engine.immediate.BLOCK', 700)
    run = steady.__wrapped__()
    present = list(counts(run))
    envelope = run.timeline.envelope()
    lengths = np.minimum(envelope.edges[1:], run.figures.last) - envelope.edges[:-1]
    ax = run.plot_occupancy(axes())
    curves = {str(line.get_label()): line for line in ax.get_lines()}

    assert run.timeline.steps() is None
    assert envelope.queue.maximum.max() == max(each.queue for each in present) == run.figures.queue_peak
    assert envelope.present.maximum.max() == max(each.queue + each.occupancy for each in present)
    assert envelope.queue.mean @ lengths == pytest.approx(sum(each.seconds * each.queue for each in present))
    assert envelope.present.mean @ lengths == pytest.approx(
        sum(each.seconds * (each.queue + each.occupancy) for each in present)
    )
    mean = curves['occupancy and waiting jobs, mean']
    drawn = np.diff(np.asarray(mean.get_xdata())) @ np.asarray(mean.get_ydata())[:-1]
    assert drawn * 60 == pytest.approx(envelope.present.mean @ lengths)
    assert float(np.asarray(curves['max_size = 5'].get_ydata())[0]) == 5
    assert max(top(area) for area in ax.collections if area.get_hatch()) == envelope.present.maximum.max()


def test_a_queue_that_begins_late_is_counted_from_the_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the first job waits the queue is empty, and the jobs present are the holders."""
    monkeypatch.setattr('simulations.engine.immediate.BLOCK', 100)
    alone = [(10.0 * number, 1.0) for number in range(3000)]
    run = replay(Trace([*alone, (30_000, 5), (30_001, 1), (30_002, 1)]), max_size=1, wait=None)
    envelope = run.timeline.envelope()

    assert (envelope.queue.maximum[:-10].max(), envelope.queue.maximum.max()) == (0, 2)
    assert envelope.queue.minimum.min() == envelope.queue.mean[:-10].max() == 0
    assert envelope.present.mean[:-10].tolist() == envelope.occupancy.mean[:-10].tolist()
    assert envelope.present.maximum.max() == 3


def test_a_run_without_waiting_is_drawn_as_before() -> None:
    """Nothing is said of a queue, even if jobs could have waited."""
    for run in (replay(Trace([(0, 1), (2, 1)]), max_size=1, wait=wait) for wait in (0, 5)):
        assert legend(run.plot_occupancy(axes())) == ['occupancy (live slots)', 'max_size = 1']
        assert run.plot_occupancy(axes()).get_ylabel() == 'slots, bodies'
        assert legend(run.plot_slots(axes(), window=(0, 3))) == ['slot held', 'released']


def test_the_queue_over_time_is_the_history(waiting: Result) -> None:
    """The curve has the queue after each instant; the line is the mean of the figures."""
    ax = waiting.plot_queue(axes())
    curves = {str(line.get_label()): line for line in ax.get_lines()}

    assert legend(ax) == ['queue (waiting jobs)', f'overall mean {waiting.figures.queue_mean:.4g}']
    assert np.asarray(curves['queue (waiting jobs)'].get_xdata()).tolist() == [0, 1, 2, 3, 4, 5, 6, 9]
    assert np.asarray(curves['queue (waiting jobs)'].get_ydata()).tolist() == [0, 1, 2, 3, 2, 1, 0, 0]
    assert ax.get_title().endswith('75.00% of the jobs waited, at most 3 jobs in the queue')


def test_the_queue_of_a_long_run_has_its_peak_and_its_limit() -> None:
    """The envelope reaches `max_waiting`, which is a line."""
    run = steady(max_waiting=4)
    ax = run.plot_queue(axes())
    shown = {str(line.get_label()): np.asarray(line.get_ydata()) for line in ax.get_lines()}

    assert run.figures.queue_peak == 4 == shown['max_waiting = 4'][0]
    assert max(map(top, ax.collections)) == 4
    assert shown[f'overall mean {run.figures.queue_mean:.4g}'][0] == run.figures.queue_mean


def test_several_runs_have_one_mean_and_the_waits_of_all() -> None:
    """The queue is that of the first run; the waiting times are those of every run."""
    scenario = Scenario(arrivals='poisson:4', holding='exp:1', max_size=5, jobs=500, wait=2.0, replications=3)
    run = scenario.run()

    assert f'mean of 3 runs {run.figures.queue_mean:.4g}' in legend(run.plot_queue(axes()))
    assert f'{run.observed.waits.jobs:,.0f} jobs' in run.plot_waits(axes()).get_title()
    assert run.observed.waits.jobs > 1000


def test_a_run_without_jobs_has_pictures() -> None:
    """They are empty."""
    run = replay(Trace([]), max_size=1, wait=3)

    assert run.plot_queue(axes()).get_xlim() == (0, 1)
    assert 'no job arrived' in run.plot_waits(axes()).get_title()


def test_the_curve_of_waiting_times_is_the_share_of_the_jobs_that_waited_longer() -> None:
    """It begins at the share of those that waited at all, and is that of the history everywhere."""
    run = steady()
    ax = run.plot_waits(axes())
    [curve] = [line for line in ax.get_lines() if line.get_label() == 'measured']
    instants, shares = (np.asarray(each) for each in curve.get_data())
    began = {event.job: event.time for event in run.history if event.what == 'queued'}
    waits = np.zeros(run.figures.jobs)
    for event in run.history:
        if event.what == 'granted' and event.job in began:
            waits[event.job] = event.time - began[event.job]
    counted = waits[run.figures.jobs - int(run.observed.waits.jobs) :]

    assert ax.get_yscale() == 'log'
    assert shares[0] == pytest.approx(run.figures.waited_share) == pytest.approx(np.mean(counted > 0))
    assert instants[-1] == pytest.approx(counted.max(), rel=0.01)
    for seconds in (0.1, 0.5, 1.0, 2.0):
        drawn = shares[np.searchsorted(instants, seconds, side='right') - 1]
        # A bucket is one per cent wide.
        assert np.mean(counted > 1.01 * seconds) <= drawn <= np.mean(counted > 0.99 * seconds)
    assert f'{1 - run.figures.waited_share:.2%} of' in ax.get_title()
    assert 'did not wait at all' in ax.get_title()


def beside_theory(run: Result, holding: str = 'exp:1') -> Result:
    """Return the run with what theory expects of jobs that wait for as long as it takes."""
    return dataclasses.replace(run, expectation=expect(Poisson(4, holding, jobs=600), 5, None, wait=None))


def test_theory_stands_beside_the_waiting_times_and_the_queue() -> None:
    """Its curve is that of the distribution, from the share of jobs that wait at all."""
    run = beside_theory(steady())
    ax = run.plot_waits(axes())
    curves = {str(line.get_label()): np.asarray(line.get_xydata()) for line in ax.get_lines()}
    theory, measured = curves['theory'], curves['measured']

    assert run.theory is not None
    assert run.theory.wait_distribution is not None
    assert theory[:, 1].tolist() == [run.theory.wait_distribution.beyond(float(second)) for second in theory[:, 0]]
    assert theory[0].tolist() == [0, pytest.approx(run.theory.waited_share)]
    assert theory[0, 1] == pytest.approx(measured[0, 1], abs=0.05)
    assert 'no theory' not in ax.get_title()
    assert f'theory {run.theory.queue_mean:.4g}' in legend(run.plot_queue(axes()))


def test_an_approximation_is_called_one() -> None:
    """Of waits for constant holding times in several slots there is no exact formula."""
    run = beside_theory(replay(Poisson(4, 'const:1', jobs=600, seed=1), max_size=5, wait=None), 'const:1')

    assert run.theory is not None
    assert not run.theory.exact
    assert f'theory (an approximation) {run.theory.queue_mean:.4g}' in legend(run.plot_queue(axes()))
    assert 'theory provides no distribution of waiting times' in run.plot_waits(axes()).get_title().replace('\n', ' ')


def test_points_mark_the_quantiles_and_lines_the_limits(waiting: Result) -> None:
    """They are the figures of the report."""
    run = steady(wait=1.0, wait_within=0.25)
    ax = run.plot_waits(axes())
    points = [np.asarray(line.get_xydata())[0].tolist() for line in ax.get_lines() if line.get_marker() == 'o']
    figures = run.figures

    quantiles = [(figures.wait_p50, 0.5), (figures.wait_p95, 0.05), (figures.wait_p99, 0.01)]
    assert points == [[each, pytest.approx(share)] for each, share in quantiles if each]
    assert legend(ax)[-2:] == [
        f'wait = 1 s: {figures.timed_out_share:.2%} of the attempts timed out',
        f'wait_within = 0.25 s: {figures.served_within:.2%} got a slot by then',
    ]
    assert '25.00% of 4 jobs did not wait at all, the others 3 s on average' in waiting.plot_waits(axes()).get_title()
    slow = replay(Trace([(0.0, 7200.0), (0.0, 1.0)]), max_size=1, wait=None)
    assert '50.00% of 2 jobs did not wait at all, the others 120 min on average' in slow.plot_waits(axes()).get_title()


def test_where_no_job_waited_the_picture_says_so() -> None:
    """There is no curve, and no logarithm of 0."""
    ax = drawn('plot_waits', replay(Trace([(0, 1), (2, 1)]), max_size=1, wait=5))

    assert 'none of 2 jobs waited' in ax.get_title()
    assert (ax.get_yscale(), ax.get_legend()) == ('linear', None)


def bars(ax: Axes) -> list[tuple[float, float, int, bool]]:
    """Return begin, end and row of each bar, and whether it is thin."""
    return [
        (bar.get_x(), bar.get_x() + bar.get_width(), round(bar.get_y() + bar.get_height() / 2), bar.get_height() < 0.5)
        for bar in ax.patches
        if isinstance(bar, Rectangle)
    ]


def test_a_thin_bar_shows_who_waits_until_its_slot_or_its_time_out(waiting: Result) -> None:
    """A job that waited in vain has a row too, with a symbol where its wait timed out."""
    ax = waiting.plot_slots(axes(), window=(0, 10))
    marks = {str(line.get_label()): np.asarray(line.get_xydata()).tolist() for line in ax.get_lines()}

    assert [label.get_text() for label in ax.get_yticklabels()] == ['job 0', 'job 1', 'job 2', 'job 3']
    assert [bar for bar in bars(ax) if bar[3]] == [(1, 4, 1, True), (2, 5, 2, True), (3, 6, 3, True)]
    assert [bar for bar in bars(ax) if not bar[3]] == [(0, 4, 0, False), (4, 9, 1, False)]
    assert marks['wait timed out'] == [[5, 2], [6, 3]]
    assert legend(ax) == ['waiting in the queue', 'wait timed out', 'slot held', 'released', 'job refused']
    assert ax.get_ylabel() == 'jobs'


def test_a_job_that_waits_twice_has_one_row(waiting: Result) -> None:
    """After a time-out it asks again, and the next wait leads to its slot."""
    jobs = Trace([(0, 6), (1, 1)])
    ax = replay(jobs, max_size=1, wait=2, on_refusal=Retry('const:1')).plot_slots(axes(), window=(0, 9))

    assert [bar for bar in bars(ax) if bar[3]] == [(1, 3, 1, True), (4, 6, 1, True)]
    assert ax.get_ylabel() == 'holders'
    assert 'attempt refused' in legend(ax)
    assert 'a sample of 2 of the 4 jobs' in waiting.plot_slots(axes(), most=2).get_title()


def test_a_wait_of_a_job_that_had_a_slot_before_is_in_its_row() -> None:
    """The row of a wait is that of the next grant, else that of the last, else one of its own."""
    holders = nobody()._replace(jobs=np.array([4, 7, 7]), granted=np.array([1.0, 2.0, 6.0]))
    since = np.array([0.5, 3.0, 8.0, 1.0, 5.0])
    jobs = np.array([4, 7, 7, 5, 4])
    waits = Waiting(jobs, since, since + 1, np.full(5, TIMED_OUT))

    assert row_of_waits(holders, waits).tolist() == [0, 2, 2, -1, 0]


def test_the_window_is_where_the_queue_is_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pool that is only full is not chosen, neither of what was kept nor of the entire run."""
    monkeypatch.setattr('simulations.engine.immediate.BLOCK', 20)
    early = [(2.0 * number, 1.0) for number in range(200)]
    late = [(1000.0 + 2 * number, 1.0) for number in range(200)]
    jobs = Trace([*early, *((600.0, 1.0) for _ in range(10)), *late])
    run = replay(jobs, max_size=1, wait=None)
    ax = run.plot_slots(axes())
    names = [label.get_text() for label in ax.get_yticklabels()]

    assert {f'job {number}' for number in range(200, 210)} < set(names)
    assert len(names) <= 30
    assert run.part.queue().max() == run.figures.queue_peak == 9


def test_the_part_of_a_long_run_knows_who_waited_before_it() -> None:
    """Its waits are those of the history, although they began before the part that was kept."""
    how = {'max_size': 5, 'wait': 'exp:2', 'on_refusal': Retry('exp:1', tries=2)}
    part, entire = (
        replay(Poisson(6, 'exp:1', jobs=20_000, seed=2), history=history, **how)  # type: ignore[arg-type]
        for history in (False, True)
    )
    first, last = (float(part.part.block.times[place]) for place in (0, -1))
    known, found = entire.known_part.waits(), part.known_part.waits()
    there = known.select(~(known.until < first) & (known.since <= last))

    assert len(part.part.waiting.jobs) > 0
    assert first > part.figures.first
    assert {*zip(found.jobs.tolist(), found.since.tolist(), strict=True)} == {
        *zip(there.jobs.tolist(), there.since.tolist(), strict=True)
    }
    assert np.count_nonzero(entire.history.block().whats == QUEUED) == len(known.jobs)
    assert np.count_nonzero(known.ended_by == TIMED_OUT) == entire.figures.timed_out
    assert len(part.plot_slots(axes()).get_yticklabels()) == 30
    assert 'wait timed out' in legend(part.plot_slots(axes(), most=60))


def test_what_waits_differs_in_grey() -> None:
    """Its colour has another lightness than slots, bodies and limits."""
    shown = (colours.LIMIT, colours.WAITING, colours.OCCUPANCY, colours.RUNNING, colours.HELD, colours.DEAD)
    lightness = [float(np.dot(to_rgb(colour), (0.299, 0.587, 0.114))) for colour in shown]

    assert min(np.diff(lightness)) > 0.08
    ax = steady(slot_exp=0.5).plot_occupancy(axes())
    hatches = {str(area.get_label()): area.get_hatch() for area in ax.collections}
    assert hatches == {'waiting jobs (on top), maximum': '....', 'occupancy (live slots), minimum to maximum': None}


def drawn(picture: str, result: Result, size: tuple[float, float] = (9, 4)) -> Axes:
    """Return the picture on a figure of this size, laid out."""
    figure = Figure(figsize=size, layout='constrained')
    ax: Axes = getattr(result, picture)(figure.add_subplot())
    FigureCanvasAgg(figure).draw()  # type: ignore[no-untyped-call]
    return ax


@pytest.mark.parametrize('picture', PICTURES)
@pytest.mark.parametrize(
    'how',
    [{'wait_within': 0.5}, {'wait': 1.0, 'slot_exp': 0.8}, {'wait': 'exp:1', 'slot_exp': 2, 'crash_probability': 0.1}],
    ids=['steady', 'timing out', 'crashing'],
)
def test_nothing_is_wider_than_the_picture_and_no_words_overlap(picture: str, how: dict[str, object]) -> None:
    """Neither title, legend nor words are cut off."""
    ax = drawn(picture, steady(**how))
    figure = ax.get_figure(root=True)
    shown = ax.get_legend()
    assert figure is not None
    assert shown is not None
    texts = [text.get_window_extent() for text in ax.texts]

    for box in [ax.title.get_window_extent(), shown.get_window_extent()]:
        assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1
    for box in texts:
        assert ax.bbox.x0 <= box.x0 < box.x1 <= ax.bbox.x1
        assert ax.bbox.y0 <= box.y0 < box.y1 <= ax.bbox.y1
    assert not any(one.overlaps(other) for one, other in itertools.combinations(texts, 2))
    assert ax.get_window_extent().width > 0.75 * figure.bbox.width
