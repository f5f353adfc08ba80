"""A picture follows its sliders: what is drawn, when, and which figures stay open."""

import asyncio
import struct
from collections.abc import Callable
from io import BytesIO
from typing import Any, cast

import IPython
import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.pylabtools import print_figure, select_figure_formats
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from simulations import Poisson, replay
from simulations.jupyter.laboratory import picture as laboratory_picture
from simulations.jupyter.sliders import PAUSE, follow, picture_of


@pytest.fixture
def drawn() -> list[dict[str, Any]]:
    """The arguments of each drawing, in order."""
    return []


@pytest.fixture
def picture(drawn: list[dict[str, Any]]) -> Any:
    """A picture whose width is the value of a slider."""

    def picture(width: int = 3, height: float = 2.0, store: str = 'memory', faults: bool = False) -> Axes:
        drawn.append({'width': width, 'height': height, 'store': store, 'faults': faults})
        _, axes = plt.subplots(figsize=(width, height))
        if width == 9:
            raise ValueError('too wide')
        return axes

    return picture


def width_of(value: bytes | memoryview) -> int:
    """Return the width of a PNG image in pixels, after a check of its first bytes."""
    png = bytes(value)
    assert png.startswith(b'\x89PNG')
    return int(struct.unpack('>I', png[16:20])[0])


def in_another_cell(width: int) -> bytes:
    """Return the image that IPython makes of the picture's figure."""
    figure, _ = plt.subplots(figsize=(width, 2))
    png: bytes = print_figure(figure)  # type: ignore[no-untyped-call]
    plt.close(figure)
    return png


def test_the_controls_begin_at_the_defaults_of_the_function(picture: Any, drawn: list[dict[str, Any]]) -> None:
    """An integer slider, a float slider, a choice and a checkbox begin at the defaults."""
    shown = follow(picture, width=(1, 8), height=(1, 4, 0.5), store=['valkey', 'memory'], faults=bool)

    assert shown.values == {'width': 3, 'height': 2.0, 'store': 'memory', 'faults': False}
    assert drawn == [shown.values]
    kinds = [ipywidgets.IntSlider, ipywidgets.FloatSlider, ipywidgets.Dropdown, ipywidgets.Checkbox]
    assert [type(control) for control in shown.controls.values()] == kinds
    assert (shown.controls['height'].min, shown.controls['height'].max, shown.controls['height'].step) == (1, 4, 0.5)


def test_a_choice_of_numbers_is_a_slider_and_a_widget_is_taken_as_it_is(picture: Any) -> None:
    """A list of numbers makes a slider over them, and a widget is used as it is."""
    widget = ipywidgets.IntText(value=5)
    shown = follow(picture, height=[1.0, 2.0, 8.0], width=widget)

    assert isinstance(shown.controls['height'], ipywidgets.SelectionSlider)
    assert shown.controls['width'] is widget
    assert shown.values == {'height': 2.0, 'width': 5}


def test_the_picture_changes_when_a_slider_is_moved(picture: Any) -> None:
    """A wider figure makes a wider image."""
    shown = follow(picture, width=(1, 8))
    before = width_of(shown.picture.value)

    shown.controls['width'].value = 6

    assert width_of(shown.picture.value) == int(shown.picture.width) > 1.7 * before


def test_of_many_moves_the_last_is_drawn(picture: Any, drawn: list[dict[str, Any]]) -> None:
    """In an event loop, as in a notebook, dragging a slider draws only the last value."""

    async def drag() -> int:
        shown = follow(picture, width=(1, 8))
        for width in 4, 5, 6, 7:
            shown.controls['width'].value = width
        await asyncio.sleep(3 * PAUSE)
        return width_of(shown.picture.value)

    width = asyncio.run(drag())

    assert [call['width'] for call in drawn] == [3, 7]
    assert width == width_of(in_another_cell(7))


def test_a_picture_that_is_wanted_now_is_not_drawn_again_later(picture: Any, drawn: list[dict[str, Any]]) -> None:
    """``update()`` replaces the pending redraw."""

    async def move_and_update() -> None:
        shown = follow(picture, width=(1, 8))
        shown.controls['width'].value = 4
        shown.update()
        await asyncio.sleep(3 * PAUSE)
        shown.controls['width'].value = 5
        await asyncio.sleep(3 * PAUSE)

    asyncio.run(move_and_update())

    assert [call['width'] for call in drawn] == [3, 4, 5]


def test_no_figure_stays_open(picture: Any) -> None:
    """Figures of pictures are closed, even if the function fails; other figures stay open."""
    other = plt.figure()
    # Other tests may have left figures open.
    before = plt.get_fignums()
    try:
        shown = follow(picture, width=(1, 9))
        shown.controls['width'].value = 5
        shown.controls['width'].value = 9
        assert plt.get_fignums() == before
    finally:
        plt.close(other)


def test_an_error_is_shown_below_the_last_picture_until_the_next_one(picture: Any) -> None:
    """A value that cannot be drawn leaves the picture as it was and shows the reason."""
    shown = follow(picture, width=(1, 9))
    before = shown.picture.value

    shown.controls['width'].value = 9
    assert shown.complaint.value == 'ValueError: too wide'
    assert shown.picture.value == before

    shown.controls['width'].value = 4
    assert shown.complaint.value == ''


def test_a_saved_notebook_shows_the_picture_of_the_defaults(picture: Any) -> None:
    """The widget carries its first picture, for front ends that cannot show widgets."""
    shown = follow(picture, width=(1, 8))
    shown.controls['width'].value = 6

    bundle, sizes = shown._repr_mimebundle_()

    assert width_of(bundle['image/png']) == sizes['image/png']['width'] == width_of(in_another_cell(3))
    assert 'application/vnd.jupyter.widget-view+json' in bundle


def test_a_figure_is_a_picture_too() -> None:
    """Even a figure that pyplot does not know."""
    shown = follow(lambda width=2: Figure(figsize=(width, 1)), width=(1, 8))

    assert width_of(shown.picture.value) > 20


def figures() -> dict[str, Callable[[], Figure]]:
    """Return figures of all kinds of layout, by name."""
    run = replay(Poisson(6, 'exp:1', jobs=200, seed=1), max_size=5, slot_exp=0.5)

    def with_a_legend_outside() -> Figure:
        figure, axes = plt.subplots(figsize=(6, 2.8))
        axes.plot([1, 2], label='a curve')
        axes.legend(loc='upper left', bbox_to_anchor=(1, 1))
        return figure

    def of_the_run() -> Figure:
        axes: Axes = run.plot_occupancy()
        return cast('Figure', axes.get_figure(root=True))

    return {
        'constrained': of_the_run,
        'outside': with_a_legend_outside,
        'laboratory': laboratory_picture,
        'plain': lambda: plt.subplots(figsize=(5, 2))[0],
        'of another resolution': lambda: plt.subplots(figsize=(5, 2), dpi=144)[0],
    }


def edges(image: Image.Image) -> float:
    """Return the mean contrast of neighbouring pixels; blur lowers it."""
    return float(np.abs(np.diff(np.asarray(image, float), axis=1)).mean())


@pytest.mark.parametrize('density', [1, 2])
@pytest.mark.parametrize('name', figures())
def test_a_picture_is_as_large_and_as_sharp_as_in_another_cell(name: str, density: int) -> None:
    """It has the size and the pixels that IPython gives the figure, and is shown as wide."""
    make = figures()[name]
    png = print_figure(make(), 'retina' if density == 2 else 'png')  # type: ignore[no-untyped-call]
    theirs = Image.open(BytesIO(png)).convert('RGB')
    ours, width, height = picture_of(make(), density)
    image = Image.open(BytesIO(ours))
    plt.close('all')

    assert image.size == pytest.approx(theirs.size, abs=1)
    assert (width, height) == (image.width // density, image.height // density)
    # A cut in the middle of a pixel lets edges fall on other pixels, but not more or fewer of them.
    assert edges(image) == pytest.approx(edges(theirs), rel=0.1)
    small = (image.width // (12 * density), image.height // (12 * density))
    blurred, expected = (np.asarray(each.resize(small), float) for each in (image, theirs))
    assert np.abs(blurred - expected).max() < 35


def test_retina_figures_make_retina_sliders(picture: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice as many pixels are shown at the same width."""
    usual = follow(picture, width=(1, 8))
    shell: Any = InteractiveShell()  # type: ignore[no-untyped-call]
    monkeypatch.setattr(IPython, 'get_ipython', lambda: shell)
    select_figure_formats(shell, 'retina')  # type: ignore[no-untyped-call]
    dense = follow(picture, width=(1, 8))

    assert width_of(dense.picture.value) == pytest.approx(2 * width_of(usual.picture.value), abs=1)
    assert dense.picture.width == usual.picture.width


def no_default(width: int) -> Figure:
    raise AssertionError('must not be drawn')


def no_picture(width: int = 1) -> Figure:
    return width  # type: ignore[return-value]


@pytest.mark.parametrize(
    ('draw', 'controls', 'error', 'words'),
    [
        (no_picture, {}, ValueError, 'at least one control'),
        (no_picture, {'length': (1, 2)}, TypeError, r"named after a parameter of no_picture \(width\), got 'length'"),
        (no_default, {'width': (1, 2)}, ValueError, "'width' must have a default"),
        (no_picture, {'width': (2, 3)}, ValueError, 'must be between 2 and 3, got 1'),
        (no_picture, {'width': [2, 3]}, ValueError, r'must be one of \[2, 3\], got 1'),
        (no_picture, {'width': []}, TypeError, r'width must be .* got \[\]'),
        (no_picture, {'width': (1, 2, 3, 4)}, TypeError, 'width must be'),
        (no_picture, {'width': 7}, TypeError, 'width must be .* got 7'),
        (no_picture, {'width': (1, 3)}, TypeError, 'no_picture must return Matplotlib axes or a figure, got 1'),
    ],
)
def test_an_invalid_control_is_refused_at_once(
    draw: Any, controls: dict[str, Any], error: type[Exception], words: str
) -> None:
    """The error names the control, before anything is shown."""
    with pytest.raises(error, match=words):
        follow(draw, **controls)
