"""What the pictures have in common: axes, titles, legends."""

import base64
import io
import textwrap
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simulations.refusals import Leave


if TYPE_CHECKING:
    from simulations.results import Result

TITLE_WIDTH = 90
"""Letters in a line of a title that fit the width of a figure."""


def new_axes(size: tuple[float, float]) -> Axes:
    """Axes on a new figure."""
    # Only here: it chooses a window system, which a command has no use for.
    import matplotlib.pyplot as plt

    _, axes = plt.subplots(figsize=size, layout='constrained')
    return axes


def head(text: str) -> str:
    """A line of a title, cut to what fits."""
    return textwrap.shorten(text, TITLE_WIDTH, placeholder=' …')


def name_of(result: 'Result') -> str:
    """The first line of the title of a run."""
    return head(result.title or result.workload)


def refused(result: 'Result') -> str:
    """How much was refused, for a title."""
    figures = result.figures
    if isinstance(result.on_refusal, Leave):
        return f'{figures.refusal_share:.2%} of {figures.jobs:,} jobs refused'
    return f'{figures.attempts_refusal_share:.2%} of {figures.attempts:,} attempts refused'


def legend_below(ax: Axes, handles: list[Any] | None = None, columns: int | None = None) -> None:
    """A legend under the axis, in as many columns as fit."""
    entries: Any = handles or ax.get_legend_handles_labels()[0]
    if columns is None:
        columns = 3 if len(entries) == 5 and handles is None else 5
    # The distance is in letters, not in parts of the axes: room for the label of the axis at any size.
    ax.legend(
        handles=entries,
        loc='upper center',
        bbox_to_anchor=(0.5, 0),
        borderaxespad=4,
        ncols=columns,
        frameon=False,
    )


def html_image(figure: Figure, words: str) -> str:
    """A figure as an HTML image, with words for those who do not see it."""
    image = io.BytesIO()
    figure.savefig(image, format='png', dpi=110, facecolor='white')
    data = base64.b64encode(image.getvalue()).decode()
    return f'<img alt="{words}" style="max-width:100%" src="data:image/png;base64,{data}">'
