"""The pictures of a sweep: a curve if one name was varied, a heat map if two were.

Each function draws on ``ax``, or on a new figure, and returns the axes.
"""

from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, PercentFormatter

from simulations.drawing.axes import head, html_image, new_axes, plain_title
from simulations.drawing.colours import LIMIT, OCCUPANCY, OCCUPANCY_BAND, RECOVERY, RUNNING, THEORY
from simulations.statistics.intervals import Interval
from simulations.sweeps.grid import Grid, Point
from simulations.sweeps.vary import Value, value_text


class _Shown(NamedTuple):
    label: str
    share: bool = False
    theory: str | None = None


FIGURES = {
    'refusal_share': _Shown('share of jobs refused', share=True, theory='refusal_share_theory'),
    'attempts_refusal_share': _Shown('share of attempts refused', share=True),
    'occupancy_mean': _Shown('mean occupancy (live slots)'),
    'overrun_mean': _Shown('mean overrun (bodies beyond their slot)', theory='overrun_theory'),
    'overrun_share': _Shown('share of granted jobs that outlived their slot', share=True),
    'recovery_mean': _Shown("mean time until a crashed holder's slot was freed (seconds)"),
    'recovery_longest': _Shown("longest time until a crashed holder's slot was freed (seconds)"),
    'wait_mean': _Shown('mean waiting time of all jobs (seconds)'),
    'wait_p95': _Shown('waiting time that 95% of the jobs do not exceed (seconds)'),
    'waited_share': _Shown('share of jobs that waited', share=True),
    'timed_out_share': _Shown('share of attempts that timed out', share=True),
    'served_within': _Shown('share of jobs that got a slot within wait_within', share=True),
    'queue_mean': _Shown('mean queue (waiting jobs)'),
    'wait_mean_granted': _Shown('mean time from arrival to grant (seconds)'),
    'utilisation': _Shown('share of slots in use', share=True),
}
NAMES = {
    'max_size': 'max_size (slots)',
    'slot_exp': 'slot_exp (seconds)',
    'load': 'load (multiple of the scenario)',
    'crash_probability': 'crash probability',
    'wait': 'wait (seconds that a job waits at most)',
    'max_waiting': 'max_waiting (jobs)',
}
_CELLS_WITH_NUMBERS = 150


def plot_sweep(grid: Grid, ax: Axes | None = None, figure: str = 'refusal_share') -> Axes:
    """Draw a figure against the varied values."""
    if figure not in FIGURES:
        raise ValueError(f'unknown figure {figure!r}: choose from {", ".join(FIGURES)}')
    names = [name for name, values in grid.vary.items() if len(values) > 1] or list(grid.vary)[:1]
    if len(names) > 2:
        raise ValueError(
            f'a picture shows at most two varied names, but this sweep varied {len(names)}, {", ".join(names)}:'
            ' use rows() as a table'
        )
    ax = new_axes((8, 4.5)) if ax is None else ax
    if len(names) == 2:
        _heat_map(grid, ax, figure, names)
    else:
        _curve(grid, ax, figure, names[0])
    return ax


def plot_trade_off(grid: Grid, ax: Axes | None = None) -> Axes:
    """Draw the trade-off of a longer ``slot_exp``, and return the axes.

    Fewer jobs outlive their slot, but the slots of crashed holders are freed later. The sweep must
    have varied ``slot_exp`` alone. The longest possible recovery, ``slot_exp`` itself, is always
    drawn; the measured mean is drawn if holders crashed.

    Raises:
        ValueError: the sweep varied something else.
    """
    if [name for name, values in grid.vary.items() if len(values) > 1] != ['slot_exp']:
        raise ValueError(f'the trade-off needs a sweep over slot_exp alone, but this one varied {", ".join(grid.vary)}')
    ax = new_axes((8, 4.5)) if ax is None else ax
    points = [point for point in grid.points if point.values['slot_exp'] is not None]
    lives = np.array([point.values['slot_exp'] for point in points], float)
    left = ax.plot(
        lives,
        [point.overrun_share for point in points],
        color=RUNNING,
        marker='o',
        markersize=4,
        label='outlived their slot (left)',
    )
    ax.set_xscale('log')
    ax.set_xlabel(NAMES['slot_exp'])
    ax.set_ylabel('share of granted jobs that outlived their slot')
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=None))
    ax.set_ylim(bottom=0)
    right = ax.twinx()
    crashed = any(point.recovery_longest for point in points)
    lines = right.plot(lives, lives, color=RECOVERY, linestyle='--', label='slot freed after a crash, at most (right)')
    if crashed:
        lines += right.plot(
            lives,
            [point.recovery_mean for point in points],
            color=RECOVERY,
            marker='s',
            markersize=4,
            label='slot freed after a crash, mean (right)',
        )
    right.set_yscale('log')
    for axis in (ax.xaxis, right.yaxis):
        # Over a few powers of ten, ticks at the powers alone would be too few.
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f'{value:,g}'))
        axis.set_minor_formatter(NullFormatter())
    right.set_ylabel('seconds from a crash until the slot is freed')
    plain_title(ax, _title(grid, 'A longer expiry: fewer jobs outlive their slot, crashed slots are freed later'))
    ax.legend(
        handles=[*left, *lines], loc='upper center', bbox_to_anchor=(0.5, 0), borderaxespad=4, ncols=2, frameon=False
    )
    return ax


def save_pictures(grid: Grid, folder: Path) -> list[Path]:
    """Write the pictures of a sweep into ``folder``, and return their paths."""
    varied = [name for name, values in grid.vary.items() if len(values) > 1]
    if len(varied) > 2:
        return []
    drawn: list[tuple[str, Any]] = [('sweep.png', plot_sweep)]
    if varied == ['slot_exp']:
        drawn.append(('trade-off.png', plot_trade_off))
    if any(point.queues for point in grid.points):
        drawn.append(('sweep-wait.png', partial(plot_sweep, figure='wait_mean')))
    written = []
    for name, draw in drawn:
        figure = Figure(figsize=(9, 5), layout='constrained')
        draw(grid, figure.add_subplot())
        figure.savefig(folder / name, dpi=150)
        written.append(folder / name)
    return written


def sweep_picture(grid: Grid) -> str:
    """Return the picture of a sweep as an HTML image, empty if more than two names varied."""
    if len([name for name, values in grid.vary.items() if len(values) > 1]) > 2:
        return ''
    figure = Figure(figsize=(8, 4), layout='constrained')
    plot_sweep(grid, figure.add_subplot())
    return html_image(figure, 'share of refusals by the varied values')


def _curve(grid: Grid, ax: Axes, figure: str, name: str) -> None:
    shown = FIGURES[figure]
    places, ticks = _places([point.values[name] for point in grid.points])
    found = [_value(point, figure) for point in grid.points]
    low = [value.low if isinstance(value, Interval) else value for value in found]
    high = [value.high if isinstance(value, Interval) else value for value in found]
    means = [value.mean if isinstance(value, Interval) else value for value in found]
    # A distribution has no place among numbers, so no line leads to it.
    numbers = not any(isinstance(point.values[name], str) for point in grid.points)
    if any(isinstance(value, Interval) for value in found):
        words: dict[str, Any] = {'color': OCCUPANCY_BAND, 'label': '99 % interval'}
        if numbers:
            ax.fill_between(places, _floats(low), _floats(high), linewidth=0, **words)
        else:
            ax.vlines(places, _floats(low), _floats(high), linewidth=8, **words)
    line = '-' if numbers else ''
    ax.plot(places, _floats(means), color=OCCUPANCY, marker='o', markersize=4, linestyle=line, label='measured')
    theory = [_theory(point, figure) for point in grid.points]
    if any(value is not None for value in theory):
        look: dict[str, Any] = {'linestyle': '--'} if numbers else {'linestyle': '', 'marker': '_', 'markersize': 14}
        ax.plot(places, _floats(theory), color=THEORY, linewidth=1.2, label='theory', **look)
    if ticks is not None:
        ax.set_xticks(places, ticks)
    ax.set_xlabel(NAMES[name])
    ax.set_ylabel(shown.label)
    ax.set_ylim(bottom=0)
    if shown.share:
        ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=None))
    plain_title(ax, _title(grid, f'{shown.label}, by {name}'))
    ax.legend(frameon=False)


def _heat_map(grid: Grid, ax: Axes, figure: str, names: list[str]) -> None:
    shown = FIGURES[figure]
    across, up = (grid.vary[name] for name in names)
    cells = np.full((len(up), len(across)), np.nan)
    for point in grid.points:
        value = _value(point, figure)
        mean = value.mean if isinstance(value, Interval) else value
        if mean is not None:
            cells[up.index(point.values[names[1]]), across.index(point.values[names[0]])] = mean
    # Lightness changes monotonically, so that the map reads in grey as well.
    image = ax.imshow(cells, aspect='auto', origin='lower', cmap='cividis_r')
    if cells.size <= _CELLS_WITH_NUMBERS:
        middle = (np.nanmin(cells) + np.nanmax(cells)) / 2
        for (row, column), value in np.ndenumerate(cells):
            text = f'{value:.1%}' if shown.share else f'{value:.3g}'
            colour = 'white' if value > middle else LIMIT
            ax.text(column, row, text, ha='center', va='center', fontsize=8, color=colour)
    ax.set_xticks(*_ticks(across))
    ax.set_yticks(*_ticks(up))
    ax.set_xlabel(NAMES[names[0]])
    ax.set_ylabel(NAMES[names[1]])
    bar = ax.figure.colorbar(image, ax=ax, label=shown.label)
    if shown.share:
        bar.ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=None))
    plain_title(ax, _title(grid, f'{shown.label}, by {names[0]} and {names[1]}'))


_MOST_TICKS = 16


def _ticks(values: 'tuple[Value, ...]') -> tuple[list[int], list[str]]:
    step = -(-len(values) // _MOST_TICKS)
    places = list(range(0, len(values), step))
    return places, [value_text(values[place]) for place in places]


def _places(values: 'list[Value]') -> 'tuple[list[float], list[str] | None]':
    """Return the positions of the values on an axis, and tick labels.

    The values are their own positions. If one of them is no number, all are spaced evenly and
    labelled.
    """
    numbers = [float(value) for value in values if isinstance(value, int | float)]
    if len(numbers) < len(values):
        return [float(place) for place in range(len(values))], [value_text(value) for value in values]
    return numbers, None


def _value(point: Point, figure: str) -> Any:
    return point.refusals if figure == 'refusal_share' else getattr(point, figure)


_OF_QUEUES = ('wait_mean', 'waited_share', 'timed_out_share', 'queue_mean')


def _theory(point: Point, figure: str) -> float | None:
    """Return what theory expects of a figure; ``None`` if it expects nothing."""
    if figure in _OF_QUEUES and point.queues and point.theory is not None:
        expected: float | None = getattr(point.theory, figure)
        return expected
    name = FIGURES[figure].theory
    found: float | None = None if name is None else getattr(point, name)
    return found


def _floats(values: list[Any]) -> 'np.ndarray[Any, np.dtype[np.float64]]':
    return np.array([np.nan if value is None else value for value in values], float)


def _title(grid: Grid, words: str) -> str:
    return f'{head(grid.scenario.title or grid.scenario.workload().name)}\n{words}'
