"""The pictures of a run show what happened: each is drawn on given axes, labelled, and returned."""

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from simulations import Poisson, Result, Trace, parse_holding, plots, replay


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


@pytest.mark.parametrize('picture', ['plot_occupancy', 'plot_slots'])
def test_a_picture_is_drawn_where_it_is_wanted(expiring: Result, picture: str) -> None:
    """On the axes given, or on new ones; both axes are labelled, with the unit of time."""
    ax = axes()
    draw = getattr(expiring, picture)

    assert draw(ax) is ax
    assert draw() is not ax
    assert ax.get_xlabel() == 'seconds since the first arrival'
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

    assert len(most) == len(mean) == plots.ENVELOPE_BINS
    assert most.max() == run.figures.occupancy_peak == 8
    assert mean.mean() == pytest.approx(run.figures.occupancy_mean, rel=1e-9)


def test_the_colours_differ_in_grey() -> None:
    """Printed without colour, the bands, the lines and the limit still have different lightness."""
    lightness = sorted(
        float(np.dot(to_rgb(colour), (0.299, 0.587, 0.114)))
        for colour in (plots.LIMIT, plots.OCCUPANCY, plots.RUNNING, plots.HELD)
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
