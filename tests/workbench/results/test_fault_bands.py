"""Faults are drawn as bands on every picture over time, and named."""

from typing import Any

import matplotlib as mpl
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from simulations import Result, Scenario, Trace, replay
from simulations.faults import Crash, FlushScripts, LoseReplies, Pause
from simulations.faults.episodes import Episode
from simulations.faults.network import Network


mpl.use('agg')

PICTURES = ('plot_occupancy', 'plot_slots', 'plot_expiry')


@pytest.fixture(scope='module')
def paused() -> Result:
    """Return a run in which a worker pauses, its slot expires, and another job takes it."""
    return replay(
        Trace([(0, 6), (11, 3), (12, 3)]),
        max_size=1,
        slot_exp=10,
        workers=2,
        network=Network(latency=0.001),
        faults=[Pause(at=5, lasting=15, workers=0), FlushScripts(at=7)],
    )


def drawn(result: Result, picture: str, **how: Any) -> Axes:
    """Return the axes of a picture."""
    axes: Axes = getattr(result, picture)(Figure(figsize=(10, 4.5), layout='constrained').add_subplot(), **how)
    return axes


def words(axes: Axes) -> list[str]:
    """Return the texts in the picture."""
    return [text.get_text().strip() for text in axes.texts]


def legend(axes: Axes) -> list[str]:
    """Return the labels of the legend."""
    found = axes.get_legend()
    return [] if found is None else [text.get_text() for text in found.get_texts()]


@pytest.mark.parametrize('picture', PICTURES)
def test_a_fault_is_a_band_with_its_name(paused: Result, picture: str) -> None:
    """It spans the fault in the unit of the axis; a fault without duration is a line."""
    axes = drawn(paused, picture)
    origin = 0.001 if picture == 'plot_expiry' else paused.figures.first

    assert 'pause of worker 0' in words(axes)
    assert 'flush scripts' in words(axes)
    [band] = [patch for patch in axes.patches if patch.get_alpha() is not None]
    left, right = band.get_extents().transformed(axes.transData.inverted()).intervalx
    assert left == pytest.approx(5 - origin, abs=0.01)
    assert right == pytest.approx(min(20.0, axes.get_xlim()[1]) - origin, abs=0.1)


def test_the_legend_names_each_kind_once() -> None:
    """If there are many bands, only the legend names them."""
    result = Scenario.load('flaky-network').replay(history=False)
    axes = drawn(result, 'plot_occupancy')

    assert [name for name in legend(axes) if name.startswith('fault')] == ['fault: lose replies', 'fault: partition']
    assert words(axes) == []


def test_only_what_is_in_the_window_is_drawn(paused: Result) -> None:
    """A fault that ends before the window or begins after it is not drawn."""
    axes = drawn(paused, 'plot_slots', window=(0, 4))

    assert words(axes) == []
    assert not [name for name in legend(axes) if name.startswith('fault')]


def test_a_kind_has_one_colour_in_all_pictures_of_a_run(paused: Result) -> None:
    """The colour does not depend on which other kinds are in the window."""
    narrow, wide = drawn(paused, 'plot_slots', window=(10, 20)), drawn(paused, 'plot_slots')

    colours = {
        next(patch.get_facecolor() for patch in axes.patches if patch.get_alpha() is not None)
        for axes in (narrow, wide)
    }
    assert len(colours) == 1


def test_a_slot_that_nobody_uses_is_drawn_as_such() -> None:
    """This holds for a lost release, and from the start for a grant whose reply was lost."""
    result = replay(
        Trace([(0, 2), (3, 2)]),
        max_size=2,
        slot_exp=10,
        network=Network(latency=0.001, timeout=0.5),
        faults=[LoseReplies(at=3, lasting=3), Crash(at=3.2), LoseReplies(at=1.5, lasting=1)],
    )
    axes = drawn(result, 'plot_slots')
    bars = [patch for patch in axes.patches if isinstance(patch, Rectangle) and patch.get_hatch() == '..']
    bars = [bar for bar in bars if bar.get_height() == pytest.approx(0.7)]

    assert 'slot taken, no body' in legend(axes)
    assert len(bars) == 1
    assert bars[0].get_width() == pytest.approx(10, abs=0.01)


def test_who_lost_a_slot_is_not_said_to_have_outlived_it() -> None:
    """If the store lost writes, the legend says so."""
    result = Scenario.load('failover').replay()

    assert 'slot expired, or lost by the store' in legend(drawn(result, 'plot_slots'))


def test_an_episode_is_told_in_words() -> None:
    """The text names the affected workers, if there are few."""
    assert str(Episode('restart', (), 1, 2)) == 'restart'
    assert str(Episode('pause', (3,), 1, 2)) == 'pause of worker 3'
    assert str(Episode('pause', (0, 3), 1, 2)) == 'pause of worker 0 and 3'
    assert str(Episode('pause', (0, 1, 2), 1, 2)) == 'pause of 3 workers'
