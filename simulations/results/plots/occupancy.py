"""Occupancy, running bodies and the queue over time."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from numpy.typing import NDArray

from simulations.drawing.axes import legend_below, new_axes, whole_numbers
from simulations.drawing.colours import (
    LIMIT,
    OCCUPANCY,
    OCCUPANCY_BAND,
    RUNNING,
    RUNNING_BAND,
    THEORY,
    WAITING,
    WAITING_BAND,
)
from simulations.measuring.timeline import Band, Envelope, Steps
from simulations.results.facts import Facts
from simulations.results.plots.bands import OVER_AREAS, draw_bands
from simulations.results.plots.titles import refused, set_title, theory_name
from simulations.units import count, time_unit
from simulations.workloads.sizes import Sizes


Floats = NDArray[np.float64]

SPANS_DRAWN = 256
"""The largest number of spans drawn: more would be narrower than a line."""
_MUCH, _LITTLE = 0.05, 0.01
_DASHED = (0, (6, 1.5))
_HATCHES = {RUNNING: '////', WAITING: '....'}
"""The hatches of areas, by the colour of their lines."""
_NEAR_EDGE = 0.1
_SMALL = 8
_ROOM = 1.15
"""The height of the axes as a multiple of the highest stack, so that words fit above it."""
_STACKED = 'waiting jobs (on top)'


def plot_occupancy(facts: Facts, ax: Axes | None = None) -> Axes:
    """Draw occupancy and running bodies over time, with ``max_size``, and return the axes.

    A short run is drawn step by step. A long run is drawn as an envelope: the range from minimum to
    maximum in each of a few hundred spans of time, with the mean as a line. Where more bodies run
    than slots are live, the area is hatched and the line of the bodies is dashed, so that they can
    be distinguished without colour.

    If jobs waited, the queue is stacked on the occupancy in a dotted area, so that its upper edge
    shows how many jobs held a slot or waited. It is no occupancy: the line at ``max_size`` is
    between the two.
    """
    ax = new_axes((9, 4)) if ax is None else ax
    figures = facts.figures
    _, length = time_unit(figures.last - figures.first)
    # If bodies overrun, or crash and leave their slot, running gets a separate curve, provided it
    # is visible.
    little = _LITTLE * figures.running_mean if facts.timeline.steps() is None else 0
    apart = figures.overrun_mean > little or figures.crashed > 0
    # If running is mostly below the occupancy, a second area would cover the first.
    fill = RUNNING_BAND if figures.overrun_mean > _MUCH * figures.running_mean else None
    waited = figures.queue_peak > 0
    steps = facts.timeline.steps()
    if waited:
        # Nor may an area of the bodies cover the queue.
        fill, steps = None, _lasting(steps)
    areas: dict[object, Patch] = {}
    if steps is not None:
        elapsed = (steps.times - figures.first) / length
        if waited:
            areas |= _stack_steps(ax, elapsed, steps)
        if apart:
            areas |= _draw_steps(ax, elapsed, steps.running, fill, RUNNING, 'running (bodies)')
        areas |= _draw_steps(ax, elapsed, steps.occupancy, OCCUPANCY_BAND, OCCUPANCY, 'occupancy (live slots)')
    else:
        envelope = facts.timeline.envelope()
        edges = np.minimum(envelope.edges, figures.last)
        elapsed, occupancy, running, queue, present = _fewer(Envelope((edges - figures.first) / length, *envelope[1:]))
        if waited:
            _stack_band(ax, elapsed, occupancy, queue, present)
        if apart:
            _draw_band(ax, elapsed, running, fill, RUNNING, 'running (bodies)')
        _draw_band(ax, elapsed, occupancy, OCCUPANCY_BAND, OCCUPANCY, 'occupancy (live slots)')
    if figures.pools <= 1:
        _draw_limit(ax, facts, length)
    counted = 'slots, bodies, waiting jobs' if waited else 'slots, bodies'
    ax.set_ylabel(counted if figures.pools <= 1 else f'{counted} in {figures.pools:,} pools')
    _finish(ax, facts, f'{refused(facts)}, {_longest(facts)}' if waited else refused(facts), areas)
    return ax


def _finish(ax: Axes, facts: Facts, words: str, areas: Mapping[object, Patch]) -> None:
    """Set what the pictures over time share: axes, faults, title, and legend."""
    figures = facts.figures
    unit, length = time_unit(figures.last - figures.first)
    ax.set_xlabel(f'{unit} since the first arrival')
    ax.set_ylim(bottom=0)
    whole_numbers(ax.yaxis)
    ax.margins(x=0.01)
    if not figures.jobs:
        ax.set_xlim(0, 1)
    bands = draw_bands(ax, facts.episodes, (figures.first, figures.last), figures.first, length, OVER_AREAS)
    set_title(ax, facts, words)
    legend_below(ax, [*(areas.get(each.get_label(), each) for each in ax.get_legend_handles_labels()[0]), *bands])


def _draw_limit(ax: Axes, facts: Facts, length: float) -> None:
    sizes = facts.max_size
    if not isinstance(sizes, Sizes):
        ax.axhline(sizes, color=LIMIT, linestyle='--', linewidth=1.2, label=f'max_size = {sizes:,}')
        return
    over = facts.figures.last - facts.figures.first
    # The first and the last process; in between, processes disagree.
    for worker, label in ((0, 'max_size'), (1, 'max_size of the last process to change')):
        if worker and (facts.workers == 1 or not any(step.over for step in sizes.steps)):
            continue
        instants = [step.at + step.over * worker for step in sizes.steps]
        shown = [(each, step.size) for each, step in zip(instants, sizes.steps, strict=True) if each <= over]
        times = [each / length for each, _ in shown] + [over / length]
        levels = [size for _, size in shown] + [shown[-1][1]]
        style = ':' if worker else '--'
        ax.step(times, levels, where='post', color=LIMIT, linestyle=style, linewidth=1.2, label=label)


def plot_queue(facts: Facts, ax: Axes | None = None) -> Axes:
    """Draw the number of waiting jobs over time, with its mean, and return the axes.

    A short run is drawn step by step, a long run as an envelope, as in :func:`plot_occupancy`. The
    mean is that of the figures, without warm-up and drain; theory's is drawn if it has one.
    """
    ax = new_axes((9, 4)) if ax is None else ax
    figures = facts.figures
    _, length = time_unit(figures.last - figures.first)
    steps = _lasting(facts.timeline.steps())
    areas: dict[object, Patch] = {}
    if steps is not None:
        elapsed = (steps.times - figures.first) / length
        areas = _draw_steps(ax, elapsed, steps.queue, WAITING_BAND, WAITING, 'queue (waiting jobs)')
    else:
        envelope = facts.timeline.envelope()
        edges = np.minimum(envelope.edges, figures.last)
        elapsed, _, _, queue, _ = _fewer(Envelope((edges - figures.first) / length, *envelope[1:]))
        _draw_band(ax, elapsed, queue, WAITING_BAND, WAITING, 'queue (waiting jobs)')
    of = 'overall mean' if facts.replications == 1 else f'mean of {facts.replications:,} runs'
    ax.axhline(figures.queue_mean, color=LIMIT, linewidth=1.4, linestyle='-.', label=f'{of} {figures.queue_mean:.4g}')
    theory = facts.theory
    if theory is not None and (expected := theory.queue_mean) is not None:
        words = f'{theory_name(theory)} {expected:.4g}'
        ax.axhline(expected, color=THEORY, linestyle='--', linewidth=1.2, label=words)
    if facts.max_waiting is not None and figures.pools <= 1:
        words = f'max_waiting = {facts.max_waiting:,}'
        ax.axhline(facts.max_waiting, color=LIMIT, linestyle=':', linewidth=1.4, label=words)
    ax.set_ylabel('waiting jobs' if figures.pools <= 1 else f'waiting jobs at {figures.pools:,} pools')
    words = f'{figures.waited_share:.2%} of the jobs waited, {_longest(facts)}' if figures.jobs else refused(facts)
    _finish(ax, facts, words, areas)
    return ax


def _lasting(steps: Steps | None) -> Steps | None:
    """Return the counts after the last event of each instant.

    A slot that goes to the next job in the queue is free between two events of one instant; at each
    of these instants, a line down and up again would be drawn.
    """
    if steps is None:
        return None
    last = np.append(steps.times[1:] != steps.times[:-1], np.ones(min(1, len(steps.times)), np.bool_))
    return Steps(*(column[last] for column in steps))


def _longest(facts: Facts) -> str:
    peak = facts.figures.queue_peak
    return f'at most {count(peak, "job", "jobs")} in the queue' if peak else 'no job in a queue'


def _stack_steps(ax: Axes, elapsed: Floats, steps: Steps) -> dict[object, Patch]:
    """Draw the queue on top of the occupancy; return the legend entry."""
    top = steps.present.astype(float)
    _area(ax, elapsed, steps.occupancy.astype(float), top, WAITING_BAND, WAITING)
    # Only where jobs wait: elsewhere the upper edge is that of the occupancy.
    edge = np.where(steps.queue > 0, top, np.nan)
    ax.step(elapsed, edge, where='post', color=WAITING, linewidth=1.0, label=_STACKED)
    _say_peak(ax, elapsed, steps.queue.astype(float), top)
    return {_STACKED: _entry(_STACKED, WAITING_BAND, WAITING)}


def _stack_band(ax: Axes, edges: Floats, occupancy: Band, queue: Band, present: Band) -> None:
    """Draw the queue of a long run on top of the occupancy."""
    base, top = (np.append(band.maximum, band.maximum[-1:]) for band in (occupancy, present))
    _area(ax, edges, base, top, WAITING_BAND, WAITING, f'{_STACKED}, maximum')
    ax.step(edges, np.where(top > base, top, np.nan), where='post', color=WAITING, linewidth=0.4)
    mean = np.append(present.mean, present.mean[-1:])
    label = 'occupancy and waiting jobs, mean'
    ax.step(edges, mean, where='post', color=WAITING, linewidth=1.4, linestyle='-.', label=label, zorder=3)
    _say_peak(ax, edges, np.append(queue.maximum, queue.maximum[-1:]), top)


def _say_peak(ax: Axes, elapsed: Floats, queue: Floats, top: Floats) -> None:
    """Write above the stack how many jobs wait where most do, as in the figures."""
    place = int(np.argmax(queue))
    share = (elapsed[place] - elapsed[0]) / (elapsed[-1] - elapsed[0] or 1.0)
    side = 'left' if share < _NEAR_EDGE else 'right' if share > 1 - _NEAR_EDGE else 'center'
    ax.annotate(
        f'{queue[place]:,.0f} waiting',
        (elapsed[place], top[place]),
        xytext=(0, 2),
        textcoords='offset points',
        ha=side,
        va='bottom',
        color=WAITING,
        fontsize=_SMALL,
        zorder=4,
    )
    ax.set_ylim(top=_ROOM * top.max())


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

    return Envelope(np.append(edges[firsts], edges[-1]), *map(fewer, envelope[1:]))


def _area(ax: Axes, times: Floats, least: Floats | float, most: Floats, fill: str, line: str, label: str = '') -> None:
    hatch = _HATCHES.get(line)
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
    return {label: _entry(label, fill, line)}


def _entry(label: str, fill: str, line: str) -> Patch:
    return Patch(label=label, facecolor=fill, edgecolor=line, hatch=_HATCHES.get(line))


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
