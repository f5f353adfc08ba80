"""A picture that follows sliders, in a notebook.

::

    def picture(slot_exp=0.5, max_size=5):
        return replay(jobs, max_size=max_size, slot_exp=slot_exp).plot_occupancy()

    follow(picture, slot_exp=(0.25, 6.0, 0.25), max_size=(1, 20))

The controls begin at the function's own defaults.  Where no kernel runs, in a file that was saved or exported, the
picture of the defaults stands in their place.
"""

import asyncio
import inspect
import io
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image


try:
    import ipywidgets
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "sliders need what the extra `lab` installs, ipywidgets: pip install 'py-cachify-lab[lab]'", name='ipywidgets'
    ) from error


PAUSE = 0.03
"""In seconds: what is moved within so short a time is drawn once, as it stands at the end."""
_DPI = 110
_LAYOUT = {'max_width': '100%', 'max_height': '72vh', 'object_fit': 'contain'}
"""On a screen the picture fits below its controls: whoever moves one sees all of it."""


class Followed(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """Controls and the picture that follows them; what :func:`follow` gives.

    Attributes:
        controls: the widgets, by the names of the function's parameters.
        picture: the widget that shows the picture.
        complaint: the widget that says in a line why there is no picture of these values; empty where there is one.
    """

    def __init__(self, draw: Callable[..., Axes | Figure], controls: Mapping[str, Any]) -> None:
        self._draw = draw
        self._waiting: asyncio.TimerHandle | None = None
        self.controls = dict(controls)
        self._first = self._drawn()
        self.picture = ipywidgets.Image(value=self._first, format='png', layout=_LAYOUT)
        self.complaint = ipywidgets.Label()
        row = ipywidgets.Box(list(self.controls.values()), layout={'flex_flow': 'row wrap'})
        super().__init__([row, self.picture, self.complaint])
        for control in self.controls.values():
            control.observe(self._moved, names='value')

    @property
    def values(self) -> dict[str, Any]:
        """Where the controls stand."""
        return {name: control.value for name, control in self.controls.items()}

    def update(self) -> None:
        """Draw now, for where the controls stand.  An error of the function becomes the complaint."""
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
        try:
            self.picture.value = self._drawn()
        except Exception as error:
            self.complaint.value = f'{type(error).__name__}: {error}'
        else:
            self.complaint.value = ''

    def _moved(self, _change: Any) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.update()
            return
        # The values are read when the pause is over: of many requests the last is drawn, and none is drawn late.
        if self._waiting is None:
            self._waiting = loop.call_later(PAUSE, self.update)

    def _drawn(self) -> bytes:
        import matplotlib.pyplot as plt

        before = set(plt.get_fignums())
        try:
            drawn = self._draw(**self.values)
            figure = drawn.get_figure(root=True) if isinstance(drawn, Axes) else drawn
            if not isinstance(figure, Figure):
                raise TypeError(f'{self._draw.__name__} must return axes or a figure of matplotlib, not {drawn!r}')
            return _png(figure)
        finally:
            # Else a notebook would show each of them once more below its cell, and keep them all.
            for number in set(plt.get_fignums()) - before:
                plt.close(number)

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        # A front end shows the richest that it can: the picture where there are no widgets.
        return {**super()._repr_mimebundle_(**options), 'image/png': self._first}


def _png(figure: Figure) -> bytes:
    """The same pixels as ``savefig()`` makes, which would go through the figure once more for its layout."""
    figure.set_dpi(_DPI)
    figure.set_facecolor('white')
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    png = io.BytesIO()
    # Without transparency, and packed with less pains: a third of the time for a twentieth more bytes.
    Image.fromarray(np.asarray(canvas.buffer_rgba())).convert('RGB').save(png, 'png', compress_level=3)
    return png.getvalue()


def follow(draw: Callable[..., Axes | Figure], **controls: Any) -> Followed:
    """Show controls, and the picture that ``draw`` makes of their values, anew whenever one is moved.

    Args:
        draw: makes the picture from keyword arguments; returns axes or a figure, which is closed once it is shown.
            Its defaults are where the controls begin.
        controls: one for each parameter that is to be moved: ``(low, high)`` or ``(low, high, step)`` for a slider, a
            list for a choice, ``bool`` for a box to tick, or any widget of ipywidgets, which begins where it
            stands.

    Returns:
        A widget, to be the last line of a cell.

    Raises:
        TypeError: a control is none of these, or ``draw`` has no such parameter or returns no picture.
        ValueError: there is no control, or a parameter has no default, or one that the control cannot take.

    Example::

        follow(picture, slot_exp=(0.25, 6.0, 0.25), holding=['exp:1', 'const:1'])
    """
    if not controls:
        raise ValueError('nothing to move: name a control, such as max_size=(1, 20)')
    parameters = inspect.signature(draw).parameters
    made = {}
    for name, control in controls.items():
        if name not in parameters:
            raise TypeError(f'{draw.__name__} has no parameter {name!r}: it has {", ".join(parameters)}')
        made[name] = _control(name, control, parameters[name].default)
    return Followed(draw, made)


def _control(name: str, control: Any, default: Any) -> Any:
    """The widget for one parameter."""
    if isinstance(control, ipywidgets.Widget):
        return control
    if default is inspect.Parameter.empty:
        raise ValueError(f'the parameter {name!r} needs a default, where its control begins')
    about = {'description': name, 'style': {'description_width': 'initial'}}
    match control:
        case type() if control is bool:
            return ipywidgets.Checkbox(bool(default), indent=False, **about)
        case [*choices] if isinstance(control, list) and choices:
            if default not in choices:
                raise ValueError(f'the default of {name!r}, {default!r}, is not one of {choices!r}')
            numbers = all(isinstance(choice, int | float) for choice in choices)
            kind = ipywidgets.SelectionSlider if numbers else ipywidgets.Dropdown
            return kind(options=choices, value=default, **about)
        case (low, high, *rest) if isinstance(control, tuple) and len(rest) <= 1:
            whole = all(isinstance(number, int) for number in (*control, default))
            if not low <= default <= high:
                raise ValueError(f'the default of {name!r}, {default!r}, is not between {low!r} and {high!r}')
            step = rest[0] if rest else (1 if whole else (high - low) / 20)
            kind = ipywidgets.IntSlider if whole else ipywidgets.FloatSlider
            return kind(default, min=low, max=high, step=step, **about)
    raise TypeError(
        f'{name} must be (low, high), (low, high, step), a list of choices, bool or a widget, not {control!r}'
    )
