"""What the pictures have in common: axes, titles, legends."""

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
from matplotlib.ticker import MaxNLocator, StrMethodFormatter


TITLE_WIDTH = 90
"""Letters in a line of a title that fit the width of a figure."""
_EM = 0.55
"""How wide a letter is on average, as a share of the size of its font."""
_HANDLE = 9
"""Letters that would fit in the place of a symbol in a legend, and the space about it."""
_ROOM_OF_SUBPLOT = 0.775
"""The width of a lone subplot as a share of its figure's, before a layout is made."""


def new_axes(size: tuple[float, float]) -> Axes:
    """Axes on a new figure."""
    # Only here: it chooses a window system, which a command has no use for.
    import matplotlib.pyplot as plt

    _, axes = plt.subplots(figsize=size, layout='constrained')
    return axes


def head(text: str, width: int = TITLE_WIDTH) -> str:
    """A line of a title, cut to what fits."""
    return textwrap.shorten(text, width, placeholder=' …')


def plain_title(ax: Axes, text: str, size: float | None = None) -> None:
    """A title as it stands: names come from users, and a dollar in them begins no formula."""
    ax.set_title(text, fontsize=size).set_parse_math(False)


def whole_numbers(axis: Axis) -> None:
    """Ticks at round whole numbers, as one writes them."""
    axis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(StrMethodFormatter('{x:,.0f}'))


def legend_below(ax: Axes, handles: Sequence[Any] | None = None) -> None:
    """A legend under the axis, in as many columns as fit."""
    entries: Any = ax.get_legend_handles_labels()[0] if handles is None else handles
    if not entries:
        return
    widths = [len(str(entry.get_label())) + _HANDLE for entry in entries]
    room = letters(ax, FontProperties(size=rcParams['legend.fontsize']).get_size_in_points())
    # The distance is in letters, not in parts of the axes: room for the label of the axis at any size.
    ax.legend(
        handles=entries,
        loc='upper center',
        bbox_to_anchor=(0.5, 0),
        borderaxespad=4,
        ncols=_columns(widths, room),
        frameon=False,
    )


def letters(ax: Axes, size: float) -> int:
    """How many letters of this size, in points, about fit the width of the axes and of the labels beside it."""
    figure = ax.get_figure(root=True)
    inches = 1.0 if figure is None else float(figure.get_figwidth())
    inches *= min(1.0, ax.get_position(original=True).width / _ROOM_OF_SUBPLOT)
    return max(20, int(inches * 72 / (_EM * size)))


def _columns(widths: Sequence[int], room: int) -> int:
    """The most columns, which are filled one after the other, that are not wider than the room."""
    for columns in range(len(widths), 1, -1):
        # As matplotlib parts them: the first columns may have one more.
        if sum(int(column.max()) for column in np.array_split(widths, columns)) <= room:
            return columns
    return 1


def html_image(figure: Figure, words: str) -> str:
    """A figure as an HTML image, with words for those who do not see it."""
    image = io.BytesIO()
    figure.savefig(image, format='png', dpi=110, facecolor='white')
    data = base64.b64encode(image.getvalue()).decode()
    return f'<img alt="{words}" style="max-width:100%" src="data:image/png;base64,{data}">'
