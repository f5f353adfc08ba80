"""Occupancy and running bodies over time."""

from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from numpy.typing import NDArray

from simulations.drawing.axes import legend_below, new_axes, whole_numbers
from simulations.drawing.colours import LIMIT, OCCUPANCY, OCCUPANCY_BAND, RUNNING, RUNNING_BAND
from simulations.measuring.timeline import Band, Envelope
from simulations.results.facts import Facts
from simulations.results.plots.bands import OVER_AREAS, draw_bands
from simulations.results.plots.titles import refused, set_title
from simulations.units import time_unit


Floats = NDArray[np.float64]

SPANS_DRAWN = 256
"""The largest number of spans drawn: more would be narrower than a line."""
_MUCH, _LITTLE = 0.05, 0.01
_DASHED = (0, (6, 1.5))


def plot_occupancy(facts: Facts, ax: Axes | None = None) -> Axes:
    """Draw occupancy and running bodies over time, with ``max_size``, and return the axes.

    A short run is drawn step by step. A long run is drawn as an envelope: the range from minimum to
    maximum in each of a few hundred spans of time, with the mean as a line. Where more bodies run
    than slots are live, the area is hatched and the line of the bodies is dashed, so that they can
    be distinguished without colour.
    """
    ax = new_axes((9, 4)) if ax is None else ax
    figures = facts.figures
    unit, length = time_unit(figures.last - figures.first)
    # If bodies overrun, or crash and leave their slot, running gets a separate curve, provided it
    # is visible.
    little = _LITTLE * figures.running_mean if facts.timeline.steps() is None else 0
    apart = figures.overrun_mean > little or figures.crashed > 0
    # If running is mostly below the occupancy, a second area would cover the first.
    fill = RUNNING_BAND if figures.overrun_mean > _MUCH * figures.running_mean else None
    steps = facts.timeline.steps()
    areas: dict[object, Patch] = {}
    if steps is not None:
        elapsed = (steps.times - figures.first) / length
        if apart:
            areas |= _draw_steps(ax, elapsed, steps.running, fill, RUNNING, 'running (bodies)')
        areas |= _draw_steps(ax, elapsed, steps.occupancy, OCCUPANCY_BAND, OCCUPANCY, 'occupancy (live slots)')
    else:
        envelope = facts.timeline.envelope()
        edges = np.minimum(envelope.edges, figures.last)
        elapsed, occupancy, running = _fewer(Envelope((edges - figures.first) / length, *envelope[1:]))
        if apart:
            _draw_band(ax, elapsed, running, fill, RUNNING, 'running (bodies)')
        _draw_band(ax, elapsed, occupancy, OCCUPANCY_BAND, OCCUPANCY, 'occupancy (live slots)')
    if figures.pools <= 1:
        limit = f'max_size = {facts.max_size:,}'
        ax.axhline(facts.max_size, color=LIMIT, linestyle='--', linewidth=1.2, label=limit)
    ax.set_xlabel(f'{unit} since the first arrival')
    ax.set_ylabel('slots, bodies' if figures.pools <= 1 else f'slots, bodies in {figures.pools:,} pools')
    ax.set_ylim(bottom=0)
    whole_numbers(ax.yaxis)
    ax.margins(x=0.01)
    if not figures.jobs:
        ax.set_xlim(0, 1)
    bands = draw_bands(ax, facts.episodes, (figures.first, figures.last), figures.first, length, OVER_AREAS)
    set_title(ax, facts, refused(facts))
    legend_below(ax, [*(areas.get(each.get_label(), each) for each in ax.get_legend_handles_labels()[0]), *bands])
    return ax


def _fewer(envelope: Envelope) -> Envelope:
    """Merge neighbouring spans down to ``SPANS_DRAWN`` at most; no extreme is lost."""
    edges = envelope.edges
    firsts = np.arange(0, len(edges) - 1, max(1, -(-(len(edges) - 1) // SPANS_DRAWN)))
    lengths = np.diff(edges)
    sums = np.add.reduceat(lengths, firsts)

    def fewer(band: Band) -> Band:
        most = np.maximum.reduceat(band.maximum, firsts)
        mean = np.add.reduceat(band.mean * lengths, firsts) / np.where(sums > 0, sums, 1.0)
        return Band(np.minimum.reduceat(band.minimum, firsts), np.where(sums > 0, mean, most), most)

    return Envelope(np.append(edges[firsts], edges[-1]), fewer(envelope.occupancy), fewer(envelope.running))


def _area(ax: Axes, times: Floats, least: Floats | float, most: Floats, fill: str, line: str, label: str = '') -> None:
    hatch = '////' if line == RUNNING else None
    # Thin, so that the lines in the area stay visible.
    with rc_context({'hatch.linewidth': 0.4}):
        ax.fill_between(
            times, least, most, step='post', facecolor=fill, edgecolor=line, hatch=hatch, linewidth=0, label=label
        )


def _draw_steps(
    ax: Axes, elapsed: Floats, level: NDArray[np.int64], fill: str | None, line: str, label: str
) -> dict[object, Patch]:
    """Draw the area, if any, and its edge; return the legend entry of the area.

    The legend shows the area because edges look alike in grey.
    """
    if fill is not None:
        _area(ax, elapsed, 0.0, level.astype(float), fill, line)
    # Dashes help where two lines cross; around a hatched area they would only flicker.
    style: Any = _DASHED if line == RUNNING and fill is None else '-'
    order = 2 if fill else 3
    ax.step(elapsed, level, where='post', color=line, linewidth=1.0, linestyle=style, label=label, zorder=order)
    if fill is None:
        return {}
    return {label: Patch(label=label, facecolor=fill, edgecolor=line, hatch='////' if line == RUNNING else None)}


def _draw_band(ax: Axes, edges: Floats, band: Band, fill: str | None, line: str, label: str) -> None:
    least, mean, most = (np.append(values, values[-1:]) for values in band)
    style: Any = _DASHED if line == RUNNING else '-'
    if fill is not None:
        _area(ax, edges, least, most, fill, line, f'{label}, minimum to maximum')
        ax.step(edges, most, where='post', color=line, linewidth=0.4)
    order = 2 if fill else 3
    ax.step(
        edges,
        mean,
        where='post',
        color=line,
        linewidth=1.8 if line == RUNNING else 1.4,
        linestyle=style,
        label=f'{label}, mean',
        zorder=order,
    )
