"""The distribution of waiting times, alongside theory."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator
from numpy.typing import NDArray

from simulations.drawing.axes import legend_below, new_axes
from simulations.drawing.colours import LIMIT, THEORY, WAITING
from simulations.measuring.waits import QUANTILES, WaitTimes
from simulations.results.facts import Facts
from simulations.results.plots.titles import set_title, theory_name
from simulations.units import time_unit


Floats = NDArray[np.float64]

_POINTS = 400
"""The number of points of theory's curve."""
_MARGIN = 1.05
_UNITS = {'seconds': 's', 'minutes': 'min', 'hours': 'h', 'days': 'days'}
_NAMES = {'wait_p50': 'median', 'wait_p95': '95% wait at most', 'wait_p99': '99% wait at most'}
_LATE = 0.6
"""A point further right than this share of the axis has its words on its left."""


def plot_waits(facts: Facts, ax: Axes | None = None) -> Axes:
    """Draw the share of the jobs that waited longer than each time, and return the axes.

    The curve begins at the share of the jobs that waited at all; the title says how many did not.
    It ends at the longest waiting time after the warm-up. A line marks the time after which every
    wait times out.
    """
    ax = new_axes((8, 4)) if ax is None else ax
    waits = facts.observed.waits
    longest = max((float(waits.means[-1]) if len(waits.means) else 0.0), facts.wait_within or 0.0)
    unit, length = time_unit(longest or 1.0)
    instants, shares = _beyond(waits)
    handles: list[Any] = []
    if len(waits.counts):
        handles += ax.step(instants / length, shares, where='post', color=WAITING, linewidth=1.8, label='measured')
        handles += _draw_theory(ax, facts, longest, length)
        _draw_quantiles(ax, waits, longest, (length, _UNITS[unit]))
        ax.set_yscale('log')
        ax.set_ylim(0.5 / waits.jobs, 1.3)
        ax.yaxis.set_major_locator(LogLocator())
        ax.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f'{100 * share:g}%'))
        ax.yaxis.set_minor_formatter(NullFormatter())
    else:
        ax.set_ylim(0, 1)
        ax.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f'{100 * share:g}%'))
        ax.yaxis.set_minor_locator(NullLocator())
    if isinstance(facts.wait, float) and 0 < facts.wait <= _MARGIN * longest:
        words = f'wait = {facts.wait:g} s: {facts.figures.timed_out_share:.2%} of the attempts timed out'
        handles.append(ax.axvline(facts.wait / length, label=words, color=LIMIT, linestyle='-.', linewidth=1.2))
    if facts.wait_within is not None:
        style: Any = {'color': LIMIT, 'linestyle': ':', 'linewidth': 1.4}
        words = f'wait_within = {facts.wait_within:g} s'
        if facts.figures.served_within is not None:
            words += f': {facts.figures.served_within:.2%} got a slot by then'
        handles.append(ax.axvline(facts.wait_within / length, label=words, **style))
    ax.set_xlim(0, _MARGIN * (longest or 1.0) / length)
    ax.set_xlabel(f'waiting time ({unit}), from arrival to grant or leaving')
    ax.set_ylabel('share of the jobs that wait longer')
    set_title(ax, facts, _who_waited(waits), _why_no_curve(facts))
    legend_below(ax, handles)
    return ax


def _beyond(waits: WaitTimes) -> tuple[Floats, Floats]:
    """Return instants, and the share of the jobs that wait longer, from each to the next."""
    longer = waits.counts.sum() - np.concatenate([[0.0], np.cumsum(waits.counts)])
    shares = np.maximum(longer, 0.0) / (waits.jobs or 1.0)
    # Without the rounding of the sums; on a logarithmic axis the curve ends in a vertical line.
    shares[-1] = 0.0
    return np.concatenate([[0.0], waits.means]), shares


def _draw_theory(ax: Axes, facts: Facts, longest: float, length: float) -> list[Any]:
    theory = facts.theory
    if theory is None or (expected := theory.wait_distribution) is None:
        return []
    instants = np.linspace(0.0, _MARGIN * longest, _POINTS)
    shares = np.array([expected.beyond(float(instant)) for instant in instants])
    # Beyond the longest patience nothing is left, which a logarithmic axis cannot show.
    shares = np.where(shares > 0, shares, np.nan)
    return ax.plot(instants / length, shares, color=THEORY, linestyle='--', linewidth=1.2, label=theory_name(theory))


def _draw_quantiles(ax: Axes, waits: WaitTimes, longest: float, scale: tuple[float, str]) -> None:
    """Draw and label a point for each quantile above 0."""
    length, unit = scale
    for name, share in QUANTILES.items():
        instant = waits.quantile(share)
        if not instant:
            continue
        late = instant > _LATE * longest
        words = f'{_NAMES[name]} {instant / length:.3g} {unit}'
        ax.plot([instant / length], [1 - share], 'o', color=WAITING, markersize=5, zorder=4)
        ax.annotate(
            words,
            (instant / length, 1 - share),
            xytext=(-7, -3) if late else (7, 3),
            textcoords='offset points',
            ha='right' if late else 'left',
            va='top' if late else 'bottom',
            fontsize=8,
            zorder=5,
            bbox={'facecolor': 'white', 'edgecolor': 'none', 'pad': 0.5, 'alpha': 0.8},
        )


def _who_waited(waits: WaitTimes) -> str:
    if not waits.jobs:
        return 'no job arrived'
    waited = float(waits.counts.sum())
    if not waited:
        return f'none of {waits.jobs:,.0f} jobs waited'
    words = f'{(waits.jobs - waited) / waits.jobs:.2%} of {waits.jobs:,.0f} jobs did not wait at all'
    mean = float(waits.counts @ waits.means) / waited
    unit, length = time_unit(mean)
    return f'{words}, the others {mean / length:.3g} {_UNITS[unit]} on average'


def _why_no_curve(facts: Facts) -> str:
    if facts.why_no_theory:
        return f'no theory: {facts.why_no_theory}'
    if facts.theory is not None and facts.theory.wait_distribution is None:
        return f'theory provides no distribution of waiting times: {facts.theory.formula}'
    return ''
