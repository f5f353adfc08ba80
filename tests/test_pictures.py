"""The pictures of a run show what happened: each is drawn on given axes, labelled, and returned."""

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from simulations import Poisson, Result, Scenario, Trace, colours, parse_holding, replay
from simulations.refusals import Retry
from simulations.timeline import SPANS


mpl.use('agg')


def axes() -> Axes:
    return Figure().add_subplot()


def legend(ax: Axes) -> list[str]:
    shown = ax.get_legend()
    assert shown is not None
    return [text.get_text() for text in shown.get_texts()]


@pytest.fixture
def expiring() -> Result:
    """A body that outlives its slot, another that takes the slot, a third that is refused."""
    return replay(Trace([(0, 10), (4, 3), (5, 1)]), max_size=1, slot_exp=4)


PICTURES = ['plot_occupancy', 'plot_slots', 'plot_occupancy_shares', 'plot_overrun_shares', 'plot_expiry']


@pytest.mark.parametrize('picture', PICTURES)
def test_a_picture_is_drawn_where_it_is_wanted(expiring: Result, picture: str) -> None:
    """On the axes given, or on new ones; both axes are labelled, with the unit of time."""
    ax = axes()
    draw = getattr(expiring, picture)

    assert draw(ax) is ax
    assert draw() is not ax
    assert ax.get_xlabel() == {
        'plot_expiry': 'seconds since job 0 acquired its slot',
        'plot_occupancy_shares': 'occupancy (live slots)',
        'plot_overrun_shares': 'overrun (bodies beyond their slot)',
    }.get(picture, 'seconds since the first arrival')
    assert ax.get_ylabel()
    assert ax.get_title()


def test_occupancy_stays_below_the_line_and_running_is_drawn_beside_it(expiring: Result) -> None:
    """The step curve is the history's, and the number running exceeds ``max_size`` where it did."""
    ax = expiring.plot_occupancy(axes())
    curves = {str(line.get_label()): line for line in ax.get_lines()}

    assert legend(ax) == ['running (bodies)', 'occupancy (live slots)', 'max_size = 1']
    assert np.asarray(curves['occupancy (live slots)'].get_ydata()).tolist() == [1, 0, 1, 1, 0, 0]
    assert np.asarray(curves['running (bodies)'].get_ydata()).tolist() == [1, 1, 2, 2, 1, 0]
    assert np.asarray(curves['occupancy (live slots)'].get_xdata()).tolist() == [0, 4, 4, 5, 7, 10]


def test_running_is_left_out_where_it_is_the_occupancy() -> None:
    """Without an expiry under a running body the two are one curve."""
    assert legend(replay(Trace([(0, 1)]), max_size=1).plot_occupancy(axes())) == [
        'occupancy (live slots)',
        'max_size = 1',
    ]


def test_a_gantt_bar_is_hatched_from_expiry_to_end(expiring: Result) -> None:
    """Held from grant to expiry, running without a slot from there to the end; the next holder is a row of its own."""
    ax = expiring.plot_slots(axes(), window=(0, 10))
    drawn = [bar for bar in ax.patches if isinstance(bar, Rectangle)]
    bars = [(bar.get_x(), bar.get_x() + bar.get_width(), bar.get_hatch() is not None) for bar in drawn]

    assert bars == [(0, 4, False), (4, 10, True), (4, 7, False)]
    assert [label.get_text() for label in ax.get_yticklabels()] == ['job 0', 'job 1']
    assert legend(ax) == ['slot held', 'released', 'slot expired', 'still running', 'job refused']


def test_a_gantt_shows_a_sample_where_there_are_too_many_holders() -> None:
    """At most thirty rows, some of them expired; the title says of how many."""
    run = replay(Poisson(rate=60, holding=parse_holding('exp:1'), jobs=3000, seed=1), max_size=60, slot_exp=2)
    ax = run.plot_slots(axes())

    assert len(ax.get_yticklabels()) == 30
    assert '30 of' in ax.get_title()
    assert any(bar.get_hatch() for bar in ax.patches)


@pytest.mark.parametrize(('span', 'unit'), [(100, 'seconds'), (1000, 'minutes'), (30_000, 'hours'), (1e6, 'days')])
def test_time_is_shown_in_the_unit_one_would_choose(span: float, unit: str) -> None:
    """A trace of months is not drawn in seconds."""
    run = replay(Trace([(7, 1), (7 + span, 0)]), max_size=1)

    assert run.plot_occupancy(axes()).get_xlabel() == f'{unit} since the first arrival'


def test_a_long_run_is_drawn_as_an_envelope_that_touches_every_extreme() -> None:
    """However many events there are, the picture has as many points, and the peak is not smoothed away."""
    run = replay(Poisson(rate=6, holding=parse_holding('exp:1'), jobs=20_000, seed=1), max_size=8, slot_exp=1.5)
    ax = run.plot_occupancy(axes())
    most, mean = (np.asarray(line.get_ydata()) for line in ax.get_lines()[2:4])
    edges = np.asarray(ax.get_lines()[3].get_xdata())

    assert SPANS // 2 < len(most) == len(mean) <= SPANS + 1
    assert most.max() == run.figures.occupancy_peak == 8
    lengths = np.diff(edges)
    assert mean[:-1] @ lengths / lengths.sum() == pytest.approx(run.figures.occupancy_mean, rel=1e-9)


def test_the_colours_differ_in_grey() -> None:
    """Printed without colour, the bands, the lines and the limit still have different lightness."""
    lightness = sorted(
        float(np.dot(to_rgb(colour), (0.299, 0.587, 0.114)))
        for colour in (colours.LIMIT, colours.OCCUPANCY, colours.RUNNING, colours.HELD, colours.DEAD)
    )

    assert min(np.diff(lightness)) > 0.08


def test_a_result_shows_itself_in_a_notebook(expiring: Result) -> None:
    """A card with the figures and the picture; the workload's name cannot break it."""
    page = replay(Trace([(0, 1)], name='<b>mine</b>'), max_size=1)._repr_html_()

    assert '&lt;b&gt;mine' in page
    assert 'data:image/png;base64,' in page
    assert 'occupancy never exceeded max_size 1' in expiring._repr_html_()


@pytest.mark.parametrize('jobs', [1, 3000])
def test_what_happened_in_one_instant_can_be_drawn(jobs: int) -> None:
    """Without a warning, however much it was."""
    run = replay(Trace([(5, 0)] * jobs), max_size=1)

    run.plot_occupancy(axes())
    run.plot_slots(axes())
    assert run.figures.granted == jobs


def bars(ax: Axes) -> list[Rectangle]:
    return [bar for bar in ax.patches if isinstance(bar, Rectangle)]


def test_the_histogram_stands_beside_the_distribution_of_theory() -> None:
    """A bar for each number of slots, as high as its share of the time; theory's probabilities on top of them."""
    run = replay(Poisson(6, 'exp:1', jobs=20_000, seed=1), max_size=5, slot_exp=0.5)
    ax = run.plot_occupancy_shares(axes())
    [theory] = [line for line in ax.get_lines() if line.get_label() == 'theory']

    assert [bar.get_height() for bar in bars(ax)] == pytest.approx(run.occupancy_shares.tolist())
    assert sum(bar.get_height() for bar in bars(ax)) == pytest.approx(1)
    assert run.theory is not None
    assert np.asarray(theory.get_ydata()).tolist() == pytest.approx(run.theory.occupancy_distribution)
    assert np.asarray(theory.get_ydata()) == pytest.approx(run.occupancy_shares, abs=0.02)
    assert 'max_size = 5' in legend(ax)


def test_a_histogram_of_many_values_has_few_bars() -> None:
    """Neighbours share one, measured and theory alike, and nothing is lost."""
    run = replay(Poisson(300, 'exp:1', jobs=20_000, seed=1), max_size=330)
    ax = run.plot_occupancy_shares(axes())
    [theory] = [line for line in ax.get_lines() if line.get_label() == 'theory']

    assert 20 < len(bars(ax)) <= 60
    assert sum(bar.get_height() for bar in bars(ax)) == pytest.approx(1)
    assert float(np.sum(theory.get_ydata())) == pytest.approx(1, abs=1e-4)
    assert 'values to a bar' in ax.get_ylabel()


def test_where_theory_has_no_distribution_the_picture_says_why(expiring: Result) -> None:
    """Instead of the points that one looks for."""
    ax = expiring.plot_occupancy_shares(axes())

    assert 'theory' not in legend(ax)
    assert 'no theory: Recorded arrivals follow no law' in ax.get_title().replace('\n', ' ')


def test_overrun_stands_beside_its_mean_by_theory() -> None:
    """A bar for each number of bodies beyond their slot."""
    run = replay(Poisson(6, 'exp:1', jobs=5000, seed=1), max_size=5, slot_exp=0.5)
    ax = run.plot_overrun_shares(axes())

    assert [bar.get_height() for bar in bars(ax)] == pytest.approx(run.overrun_shares.tolist())
    assert f'mean {run.figures.overrun_mean:.4g}' in legend(ax)
    assert 'mean by theory 3.422' in legend(ax)


def words(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.texts]


def test_an_expiry_in_close_up_tells_its_story(expiring: Result) -> None:
    """Acquired, expired, still running, slot taken by another, released late; occupancy and running under it."""
    ax = expiring.plot_expiry(axes())

    assert words(ax) == [
        'acquired',
        'slot expired',
        'released late',
        'still running, without a slot',
        'slot taken by job 1',
        'running 0',
        'occupancy 0',
    ]
    drawn = [(bar.get_x(), bar.get_x() + bar.get_width(), bar.get_hatch() is not None) for bar in bars(ax)]
    assert drawn == [(0, 4, False), (4, 10, True), (4, 7, False)]


def test_the_close_up_is_of_the_holder_one_asks_for() -> None:
    """Or says that this one did not outlive its slot, or that none did."""
    run = replay(Trace([(0, 6), (1, 7), (20, 1)]), max_size=5, slot_exp=4)

    assert 'since job 1 acquired its slot' in run.plot_expiry(axes(), job=1).get_xlabel()
    with pytest.raises(ValueError, match='job 2 did not outlive its slot'):
        run.plot_expiry(axes(), job=2)
    with pytest.raises(ValueError, match='slots live 40 s, longer than all bodies'):
        replay(Trace([(0, 6)]), max_size=5, slot_exp=40).plot_expiry(axes())
    with pytest.raises(ValueError, match='slots never expire'):
        replay(Trace([(0, 6)]), max_size=5).plot_expiry(axes())


def test_a_crashed_holder_leaves_a_slot_that_waits_for_its_expiry() -> None:
    """Its bar goes on in another style from the crash until the slot is recovered."""
    run = replay(Trace([(0, 4)]), max_size=1, slot_exp=10, crash_probability=1)
    ax = run.plot_slots(axes())
    crash = run.history[1].time

    ends = [end for bar in bars(ax) for end in (bar.get_x(), bar.get_x() + bar.get_width())]
    assert ends == pytest.approx([0, crash, crash, 10])
    assert [bar.get_hatch() for bar in bars(ax)] == [None, '..']
    assert legend(ax) == ['slot held', 'released', 'crashed', 'slot waits for its expiry']


def test_a_window_that_was_not_kept_is_refused_in_words() -> None:
    """Without a history there is a part of a long run; the message says which."""
    run = replay(Poisson(6, 'exp:1', jobs=60_000, seed=1), max_size=5, slot_exp=0.5, history=False)
    first, last = (float(run.part.block.times[place]) for place in (0, -1))

    assert 'job' in run.plot_slots(axes(), window=(first + 1, first + 3)).get_yticklabels()[0].get_text()
    assert first > 100
    assert last < run.figures.last
    with pytest.raises(ValueError, match=r'were kept, and the window is 0 to 10 s: replay\(\.\.\., history=True\)'):
        run.plot_slots(axes(), window=(0, 10))


@pytest.mark.parametrize('picture', PICTURES)
@pytest.mark.parametrize('history', [True, False], ids=['with a history', 'without one'])
def test_a_long_run_has_all_its_pictures(picture: str, history: bool) -> None:
    """Of many pools, with retries and crashes, at times like those of a real log, its history kept or not."""
    jobs = [(1.4e9 + job.arrival, job.holding, job.key) for job in Scenario.load('worker-per-customer').workload()][
        :9000
    ]
    run = replay(
        Trace(jobs), max_size=2, slot_exp=1, crash_probability=0.05, on_refusal=Retry(tries=2), history=history
    )
    ax = getattr(run, picture)(axes())

    low, high = ax.get_xlim()
    assert np.isfinite([low, high]).all()
    assert high < 1e6


def test_a_long_title_is_cut_to_what_fits() -> None:
    """Not drawn beyond the edges of the picture."""
    run = replay(Trace([(0, 1)], name='a name of many words ' * 20), max_size=1)

    assert len(run.plot_occupancy(axes()).get_title().splitlines()[0]) <= 90
