"""The pictures of a comparison: the difference of each figure, or of one figure along a value.

Each function draws on ``ax``, or on a new figure, and returns the axes.
"""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from simulations.comparing.facts import ComparisonFacts, pictured
from simulations.comparing.figures import is_share, is_time, label, value_text
from simulations.comparing.words import level_text, names
from simulations.drawing.axes import head, html_image, new_axes, plain_title
from simulations.drawing.colours import LIMIT, OCCUPANCY, OCCUPANCY_BAND, QUIET
from simulations.sweeps.plots import NAMES


WIDTH = 9.0
_ROW = 0.32


def plot_differences(facts: ComparisonFacts, ax: Axes | None = None) -> Axes:
    """Draw the difference of each figure with its interval, as a share of the larger value.

    All share one axis, from -100 % (only A has any of it) to 100 % (only B has). A hollow mark has
    an interval that holds 0. The values of both designs stand on the right.
    """
    shown = pictured(facts.differences)
    ax = new_axes((WIDTH, height(facts))) if ax is None else ax
    ax.axvline(0, color=LIMIT, linewidth=1)
    for place, each in enumerate(shown):
        mean, low, high = each.relative
        if place % 2:
            ax.axhspan(place - 0.5, place + 0.5, color=QUIET, alpha=0.12, linewidth=0)
        ax.errorbar(
            mean,
            place,
            xerr=[[max(0.0, mean - low)], [max(0.0, high - mean)]],
            fmt='o',
            color=OCCUPANCY if each.seen else QUIET,
            markerfacecolor=OCCUPANCY if each.seen else 'white',
            markersize=5,
            capsize=3,
        )
        values = ' → '.join(value_text(each.figure, value) for value in (each.a, each.b))
        ax.annotate(values, (1.01, place), xycoords=('axes fraction', 'data'), va='center', fontsize=8)
    ax.annotate('A → B', (1.01, 1.01), xycoords='axes fraction', fontsize=8)
    ax.set_yticks(range(len(shown)), [label(each.figure) for each in shown])
    ax.set_ylim(len(shown) - 0.5, -0.5)
    ax.set_xlim(*_limits([bound for each in shown for bound in each.relative[1:]]))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f'{100 * share:+.4g}%' if share else '0'))
    sure = 'exact' if facts.exact else f'with its {level_text(facts)} interval; hollow: the interval holds 0'
    ax.set_xlabel(f'B - A as a share of the larger of the two, {sure}')
    first, second = names(facts)
    plain_title(ax, f'A: {head(first)}\nB: {head(second)}')
    return ax


def _limits(bounds: list[float]) -> tuple[float, float]:
    low, high = min([0.0, *bounds]), max([0.0, *bounds])
    # A very wide interval would press all others into a line.
    low, high = max(low, -1.3), min(high, 1.3)
    margin = 0.06 * (high - low or 1.0)
    return low - margin, high + margin


def height(facts: ComparisonFacts) -> float:
    """Return the height in inches that the picture needs."""
    return 4.5 if len(facts.points) > 1 else max(3.0, 1.5 + _ROW * len(pictured(facts.differences)))


def plot_curve(facts: ComparisonFacts, ax: Axes | None = None, figure: str | None = None) -> Axes:
    """Draw the difference in one figure along the varied value.

    Raises:
        ValueError: there is no such figure, or several names were varied.
    """
    figure = facts.figure if figure is None else figure
    found = [point.differences.get(figure) for point in facts.points]
    there = [each for each in found if each is not None]
    if len(there) < len(found):
        raise ValueError(f'unknown figure {figure!r}: choose from {", ".join(facts.differences)}')
    varied = facts.varied
    if len(varied) != 1:
        raise ValueError(
            f'a curve shows one varied name, but this comparison varied {", ".join(varied)}: use points as a table'
        )
    [name] = varied
    ax = new_axes((WIDTH, height(facts))) if ax is None else ax
    values = [point.values[name] for point in facts.points]
    numbers = [value for value in values if value is not None]
    evenly = len(numbers) < len(values)
    places = list(map(float, range(len(values)) if evenly else numbers))
    means, low, high = np.array([each.interval for each in there]).T
    ax.axhline(0, color=LIMIT, linewidth=1)
    if not facts.exact:
        ax.fill_between(places, low, high, color=OCCUPANCY_BAND, linewidth=0, label=f'{level_text(facts)} interval')
    ax.plot(places, means, color=OCCUPANCY, marker='o', markersize=4, label='B - A')
    if evenly:
        ax.set_xticks(places, ['none' if value is None else f'{value:g}' for value in values])
    ax.set_xlabel(NAMES.get(name, name))
    unit = ' (seconds)' if is_time(figure) else ''
    ax.set_ylabel(f'{label(figure)}{unit}: B - A')
    if is_share(figure):
        ax.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f'{100 * share:+.4g}%' if share else '0'))
    first, second = names(facts)
    plain_title(ax, f'A: {head(first)}\nB: {head(second)}')
    ax.legend(frameon=False)
    return ax


def plot_comparison(facts: ComparisonFacts, ax: Axes | None = None, figure: str | None = None) -> Axes:
    """Draw a curve if there are several points, and otherwise the difference of each figure.

    Raises:
        ValueError: as :func:`plot_curve`; or ``figure`` is given although there is one point.
    """
    if len(facts.points) > 1:
        return plot_curve(facts, ax, figure)
    if figure is not None:
        raise ValueError(f'figure is for a comparison at several values; this one shows all figures, got {figure!r}')
    return plot_differences(facts, ax)


def save_picture(facts: ComparisonFacts, path: Path) -> list[Path]:
    """Write the picture, unless several names were varied, and return its path in a list."""
    if len(facts.points) > 1 and len(facts.varied) != 1:
        return []
    _drawn(facts).savefig(path, dpi=150)
    return [path]


def comparison_picture(facts: ComparisonFacts) -> str:
    """Return the picture as an HTML image; empty if several names were varied."""
    if len(facts.points) > 1 and len(facts.varied) != 1:
        return ''
    return html_image(_drawn(facts), 'the differences between the two designs')


def _drawn(facts: ComparisonFacts) -> Figure:
    figure = Figure(figsize=(WIDTH, height(facts)), layout='constrained')
    plot_comparison(facts, figure.add_subplot())
    return figure
