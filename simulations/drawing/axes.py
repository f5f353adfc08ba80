"""Axes, titles and legends, as all pictures use them."""

import base64
import io
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.ticker import FuncFormatter, MaxNLocator, StrMethodFormatter


TITLE_WIDTH = 90
"""The number of letters that fit in one line of a title."""
_EM = 0.55
"""The average width of a letter, as a share of the font size."""
_HANDLE = 9
"""The width of a symbol in a legend, with the space around it, in letters."""
_ROOM_OF_SUBPLOT = 0.775
"""The width of a lone subplot as a share of its figure's, before a layout is made."""


def new_axes(size: tuple[float, float]) -> Axes:
    """Return axes on a new figure."""
    # Imported here because pyplot chooses a window system, which commands do not need.
    import matplotlib.pyplot as plt

    _, axes = plt.subplots(figsize=size, layout='constrained')
    return axes


def head(text: str, width: int = TITLE_WIDTH) -> str:
    """Return the text shortened to one line of a title."""
    return textwrap.shorten(text, width, placeholder=' …')


def plain_title(ax: Axes, text: str, size: float | None = None) -> None:
    """Set a title literally: names come from users, and a dollar sign must not begin a formula."""
    ax.set_title(text, fontsize=size).set_parse_math(False)


def whole_numbers(axis: Axis) -> None:
    """Put ticks at round whole numbers, with a comma for thousands."""
    axis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(StrMethodFormatter('{x:,.0f}'))


MIDDLE = 0.5
"""How far left of a whole number the middle of its cell is, see :func:`cells`."""


class _CellLocator(MaxNLocator):
    """Ticks in the middle of the cells of round whole numbers from 0 to ``last``."""

    def __init__(self, last: int) -> None:
        super().__init__(integer=True, min_n_ticks=1, steps=[1, 2, 2.5, 5, 10])
        self._last = last

    def tick_values(self, vmin: float, vmax: float) -> Any:
        numbers = np.asarray(super().tick_values(vmin + MIDDLE, vmax + MIDDLE))
        return numbers[(numbers >= 0) & (numbers <= self._last)] - MIDDLE


def cells(axis: Axis, last: int) -> None:
    """Let each whole number n from 0 to ``last`` be the cell from n-1 to n, its tick in the middle.

    So a bar for n ends at n, and a line at a limit has every allowed value on its left.
    """
    axis.set_major_locator(_CellLocator(last))
    axis.set_major_formatter(FuncFormatter(lambda place, _: f'{place + MIDDLE:,.0f}'))


def legend_below(ax: Axes, handles: Sequence[Any] | None = None) -> None:
    """Draw a legend below the axes, in as many columns as fit."""
    entries: Any = ax.get_legend_handles_labels()[0] if handles is None else handles
    if not entries:
        return
    widths = [len(str(entry.get_label())) + _HANDLE for entry in entries]
    room = letters(ax, FontProperties(size=rcParams['legend.fontsize']).get_size_in_points())
    # The distance is in letters, not a share of the axes, so the axis label has room at any size.
    ax.legend(
        handles=entries,
        loc='upper center',
        bbox_to_anchor=(0.5, 0),
        borderaxespad=4,
        ncols=_columns(widths, room),
        frameon=False,
    )


def letters(ax: Axes, size: float) -> int:
    """Return how many letters of ``size`` points fit the width of the axes and their labels."""
    figure = ax.get_figure(root=True)
    inches = 1.0 if figure is None else float(figure.get_figwidth())
    inches *= min(1.0, ax.get_position(original=True).width / _ROOM_OF_SUBPLOT)
    return max(20, int(inches * 72 / (_EM * size)))


def _columns(widths: Sequence[int], room: int) -> int:
    """Return the largest number of columns, filled in turn, that fit into ``room`` letters."""
    for columns in range(len(widths), 1, -1):
        # Split as matplotlib does: the first columns may have one entry more.
        if sum(int(column.max()) for column in np.array_split(widths, columns)) <= room:
            return columns
    return 1


def html_image(figure: Figure, words: str) -> str:
    """Return a figure as an HTML image; ``words`` are its alternative text."""
    image = io.BytesIO()
    figure.savefig(image, format='png', dpi=110, facecolor='white')
    data = base64.b64encode(image.getvalue()).decode()
    return f'<img alt="{words}" style="max-width:100%" src="data:image/png;base64,{data}">'
