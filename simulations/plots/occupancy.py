"""Occupancy over time, and the bodies running beside it."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from simulations.colours import LIMIT, OCCUPANCY, OCCUPANCY_BAND, RUNNING, RUNNING_BAND
from simulations.plots.frame import legend_below, name_of, new_axes, refused
from simulations.report import time_unit
from simulations.timeline import Band


if TYPE_CHECKING:
    from simulations.results import Result

Floats = NDArray[np.float64]

_MUCH, _LITTLE = 0.05, 0.01
"""Of the running bodies, those beyond their slot."""


def plot_occupancy(result: 'Result', ax: Axes | None = None) -> Axes:
    """Occupancy over time, the bodies running beside it, and ``max_size``.

    A short run is drawn step by step; a long one as an envelope, from the least to the most in each of some hundred
    spans of time, with the mean as a line.
    """
    ax = new_axes((9, 4)) if ax is None else ax
    figures = result.figures
    unit, length = time_unit(figures.last - figures.first)
    # Where bodies run beyond their slot, or crash and leave it, running is a curve of its own, if one can see it.
    little = _LITTLE * figures.running_mean if result.timeline.steps() is None else 0
    apart = figures.overrun_mean > little or figures.crashed > 0
    # Where it is below the occupancy for the most part, a second area would cover the first.
    fill = RUNNING_BAND if figures.overrun_mean > _MUCH * figures.running_mean else None
    steps = result.timeline.steps()
    if steps is not None:
        elapsed = (steps.times - figures.first) / length
        if apart:
            _draw_steps(ax, elapsed, steps.running, fill, RUNNING, 'running (bodies)')
        _draw_steps(ax, elapsed, steps.occupancy, OCCUPANCY_BAND, OCCUPANCY, 'occupancy (live slots)')
    else:
        edges, occupancy, running = result.timeline.envelope()
        elapsed = (np.minimum(edges, figures.last) - figures.first) / length
        if apart:
            _draw_band(ax, elapsed, running, fill, RUNNING, 'running (bodies)')
        _draw_band(ax, elapsed, occupancy, OCCUPANCY_BAND, OCCUPANCY, 'occupancy (live slots)')
    if figures.pools <= 1:
        limit = f'max_size = {result.max_size:,}'
        ax.axhline(result.max_size, color=LIMIT, linestyle='--', linewidth=1.2, label=limit)
    ax.set_xlabel(f'{unit} since the first arrival')
    ax.set_ylabel('slots, bodies' if figures.pools <= 1 else f'slots, bodies in {figures.pools:,} pools')
    ax.set_ylim(bottom=0)
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    ax.margins(x=0.01)
    ax.set_title(f'{name_of(result)}\n{refused(result)}')
    legend_below(ax)
    return ax


def _draw_steps(ax: Axes, elapsed: Floats, level: 'NDArray[np.int64]', fill: str | None, line: str, label: str) -> None:
    if fill is not None:
        ax.fill_between(elapsed, level, step='post', color=fill, linewidth=0)
    ax.step(elapsed, level, where='post', color=line, linewidth=1.0, label=label, zorder=2 if fill else 3)


def _draw_band(ax: Axes, edges: Floats, band: Band, fill: str | None, line: str, label: str) -> None:
    least, mean, most = (np.append(values, values[-1:]) for values in band)
    if fill is not None:
        ax.fill_between(edges, least, most, step='post', color=fill, linewidth=0, label=f'{label}, least to most')
        ax.step(edges, most, where='post', color=line, linewidth=0.4)
    ax.step(edges, mean, where='post', color=line, linewidth=1.2, label=f'{label}, mean', zorder=2 if fill else 3)
