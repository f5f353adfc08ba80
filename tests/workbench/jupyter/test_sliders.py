"""A picture follows its sliders: what is drawn, when, and which figures stay open."""

import asyncio
import struct
from typing import Any

import ipywidgets
import matplotlib.pyplot as plt
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simulations.jupyter.sliders import PAUSE, follow


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
    """A figure twice as wide makes an image twice as wide."""
    shown = follow(picture, width=(1, 8))
    before = width_of(shown.picture.value)

    shown.controls['width'].value = 6

    assert width_of(shown.picture.value) == 2 * before


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
    assert width == 7 * 110


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

    bundle = shown._repr_mimebundle_()

    assert width_of(bundle['image/png']) == 3 * 110
    assert 'application/vnd.jupyter.widget-view+json' in bundle


def test_a_figure_is_a_picture_too() -> None:
    """Even a figure that pyplot does not know."""
    shown = follow(lambda width=2: Figure(figsize=(width, 1)), width=(1, 8))

    assert width_of(shown.picture.value) == 220


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
