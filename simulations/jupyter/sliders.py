"""A picture in a notebook that is redrawn when you move a slider.

::

    def picture(slot_exp=0.5, max_size=5):
        return replay(jobs, max_size=max_size, slot_exp=slot_exp).plot_occupancy()

    follow(picture, slot_exp=(0.25, 6.0, 0.25), max_size=(1, 20))

The controls begin at the defaults of the function.  A saved or exported file has no kernel to
redraw the picture; there the picture of the defaults is shown in place of the controls.

The picture is as large and as sharp as the same figure in the output of another cell.
"""

import asyncio
import inspect
import io
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import IPython
import numpy as np
from IPython.core.pylabtools import retina_figure
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image


try:
    import ipywidgets
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "sliders need ipywidgets, which the extra `lab` installs: pip install 'py-cachify-lab[lab]'", name='ipywidgets'
    ) from error


PAUSE = 0.03
"""In seconds: all moves within this time are drawn once, with the last values."""
_LAYOUT = {'max_width': '100%', 'max_height': '72vh', 'object_fit': 'contain', 'margin': '0'}
"""The picture fits on the screen below its controls, so all of it is visible while one is moved."""


class Picture(NamedTuple):
    """A picture as PNG, with the width in pixels at which it is shown."""

    png: bytes
    width: int
    height: int


class Followed(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """The controls and the picture that follows them, as :func:`follow` returns them.

    Attributes:
        controls: the widgets, by the names of the function's parameters.
        picture: the widget that shows the picture.
        complaint: the widget that says why these values could not be drawn; empty if they could.
    """

    def __init__(self, draw: Callable[..., Axes | Figure], controls: Mapping[str, Any]) -> None:
        self._draw = draw
        self._waiting: asyncio.TimerHandle | None = None
        self.controls = dict(controls)
        self._first = self._render()
        self.picture = ipywidgets.Image(
            value=self._first.png, format='png', width=str(self._first.width), layout=_LAYOUT
        )
        self.complaint = ipywidgets.Label()
        row = ipywidgets.Box(list(self.controls.values()), layout={'flex_flow': 'row wrap'})
        super().__init__([row, self.picture, self.complaint])
        for control in self.controls.values():
            control.observe(self._on_move, names='value')

    @property
    def values(self) -> dict[str, Any]:
        """The present values of the controls, by the names of the function's parameters."""
        return {name: _value(control) for name, control in self.controls.items()}

    def update(self) -> None:
        """Redraw now with the present values.  An error of the function becomes the complaint."""
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
        try:
            png, width, _ = self._render()
        except Exception as error:
            self.complaint.value = f'{type(error).__name__}: {error}'
        else:
            with self.picture.hold_sync():
                self.picture.value, self.picture.width = png, str(width)
            self.complaint.value = ''

    def _on_move(self, _change: Any) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.update()
            return
        # Only one redraw is pending at a time.  It reads the values when the pause is over, so it
        # draws the last of them.
        if self._waiting is None:
            self._waiting = loop.call_later(PAUSE, self.update)

    def _render(self) -> Picture:
        import matplotlib.pyplot as plt

        before = set(plt.get_fignums())
        try:
            result = self._draw(**self.values)
            figure = result.get_figure(root=True) if isinstance(result, Axes) else result
            if not isinstance(figure, Figure):
                raise TypeError(f'{self._draw.__name__} must return Matplotlib axes or a figure, got {result!r}')
            return picture_of(figure, _density())
        finally:
            # Otherwise the notebook would show each figure again below the cell and keep it.
            for number in set(plt.get_fignums()) - before:
                plt.close(number)

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        # A front end shows the richest format that it supports: without widgets, the picture.
        png, width, height = self._first
        size = {'image/png': {'width': width, 'height': height}}
        return {**super()._repr_mimebundle_(**options), 'image/png': png}, size


def _density() -> int:
    """Return how many pixels the figures of other cells have for each one of their resolution.

    There are two if IPython was told to show them for retina displays.
    """
    shell: Any = IPython.get_ipython()
    printer = None if shell is None else shell.display_formatter.formatters['image/png'].type_printers.get(Figure)
    return 2 if getattr(printer, 'func', None) is retina_figure else 1


def picture_of(figure: Figure, density: int = 1) -> Picture:
    """Return the picture that IPython makes of a figure, without its second pass over the layout.

    It is cut to what is drawn, plus a margin.

    Args:
        figure: the figure, whose resolution counts.
        density: how many pixels there are for each one of the resolution.
    """
    dpi = figure.dpi * density
    figure.set_dpi(dpi)
    figure.set_facecolor('white')
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    drawn = figure.get_tightbbox(canvas.get_renderer())
    cut = drawn.padded(rcParams['savefig.pad_inches'])
    pixels = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert('RGB')
    if min(drawn.x0, drawn.y0) < 0 or drawn.x1 * dpi > pixels.width or drawn.y1 * dpi > pixels.height:
        # Something is outside of the figure, such as a legend.
        whole = io.BytesIO()
        figure.savefig(whole, format='png', dpi=dpi, bbox_inches='tight')
        pixels = Image.open(whole).convert('RGB')
    else:
        page = Image.new('RGB', (int(cut.width * dpi), int(cut.height * dpi)), 'white')
        page.paste(pixels, (-round(cut.x0 * dpi), page.height + round(cut.y0 * dpi) - pixels.height))
        pixels = page
    png = io.BytesIO()
    # No transparency and less compression: a third of the time for a twentieth more bytes.
    pixels.save(png, 'png', compress_level=3)
    return Picture(png.getvalue(), pixels.width // density, pixels.height // density)


def follow(draw: Callable[..., Axes | Figure], **controls: Any) -> Followed:
    """Show controls and the picture of their values, which is redrawn when you move a control.

    Args:
        draw: a function that makes the picture from keyword arguments and returns axes or a figure.
            The figure is closed after it is shown.  The controls begin at the parameters' defaults.
        controls: one control for each parameter that can be moved: ``(low, high)`` or
            ``(low, high, step)`` for a slider, a list for a choice, ``bool`` for a checkbox, or any
            widget of ipywidgets, which begins at its own value.

    Returns:
        A widget; make it the last line of a cell.

    Raises:
        TypeError: a control is none of these, ``draw`` has no such parameter, or ``draw`` does not
            return a picture.
        ValueError: there are no controls, a parameter has no default, or its default does not suit
            the control.

    Example::

        follow(picture, slot_exp=(0.25, 6.0, 0.25), holding=['exp:1', 'const:1'])
    """
    if not controls:
        raise ValueError('follow() needs at least one control, such as max_size=(1, 20), got none')
    parameters = inspect.signature(draw).parameters
    widgets = {}
    for name, control in controls.items():
        if name not in parameters:
            raise TypeError(
                f'a control must be named after a parameter of {draw.__name__} ({", ".join(parameters)}), got {name!r}'
            )
        widgets[name] = _control(name, control, parameters[name].default)
    return Followed(draw, widgets)


def float_slider(value: float, low: float, high: float, step: float, **options: Any) -> Any:
    """Return a slider of numbers that begins exactly where the browser puts it.

    The browser computes the position of a slider from its bounds and its step, with roundings.  If
    it came to another number, such as 5.000000000000001 instead of 5, it would send that while the
    cells still run.  JupyterLab may then wait forever for the answer, and send no later move.
    """
    share, stride = (value - low) * 100 / (high - low), step * 100 / (high - low)
    shown = round(share / stride) * stride * (high - low) / 100 + low
    return ipywidgets.FloatSlider(min(high, max(low, shown)), min=low, max=high, step=step, **options)


def _value(control: Any) -> Any:
    """Return the value of a control, without the roundings of :func:`float_slider`."""
    return round(control.value, 10) if isinstance(control, ipywidgets.FloatSlider) else control.value


def _control(name: str, control: Any, default: Any) -> Any:
    """Return the widget for one parameter."""
    if isinstance(control, ipywidgets.Widget):
        return control
    if default is inspect.Parameter.empty:
        raise ValueError(f'the parameter {name!r} must have a default, at which its control begins')
    labels = {'description': name, 'style': {'description_width': 'initial'}}
    match control:
        case type() if control is bool:
            return ipywidgets.Checkbox(bool(default), indent=False, **labels)
        case [*choices] if isinstance(control, list) and choices:
            if default not in choices:
                raise ValueError(f'the default of {name!r} must be one of {choices!r}, got {default!r}')
            numbers = all(isinstance(choice, int | float) for choice in choices)
            kind = ipywidgets.SelectionSlider if numbers else ipywidgets.Dropdown
            return kind(options=choices, value=default, **labels)
        case (low, high, *rest) if isinstance(control, tuple) and len(rest) <= 1:
            integers = all(isinstance(number, int) for number in (*control, default))
            if not low <= default <= high:
                raise ValueError(f'the default of {name!r} must be between {low!r} and {high!r}, got {default!r}')
            step = rest[0] if rest else (1 if integers else (high - low) / 20)
            if integers:
                return ipywidgets.IntSlider(default, min=low, max=high, step=step, **labels)
            return float_slider(default, low, high, step, **labels)
    raise TypeError(
        f'{name} must be (low, high), (low, high, step), a list of choices, bool or a widget, got {control!r}'
    )
