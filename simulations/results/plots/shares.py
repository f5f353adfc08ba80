"""The share of the time at each occupancy and overrun, alongside theory."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from simulations.drawing.axes import legend_below, new_axes, whole_numbers
from simulations.drawing.colours import HELD, LIMIT, OCCUPANCY, RUNNING, RUNNING_BAND, THEORY
from simulations.measuring.time_shares import mean
from simulations.results.facts import Facts
from simulations.results.plots.titles import set_title


MOST_BARS = 60
_FAR = 2


def plot_occupancy_shares(facts: Facts, ax: Axes | None = None) -> Axes:
    """Draw the share of the time at each occupancy, and return the axes.

    If theory has a distribution, it is drawn on top; if not, a note says why. ``max_size`` is a
    dashed line, or part of the axis label if it is far beyond everything that was measured.
    """
    ax = new_axes((8, 4)) if ax is None else ax
    shares = facts.occupancy_shares
    theory = None if facts.theory is None else facts.theory.occupancy_distribution
    # Even a pool of a million slots is drawn only as far as there is something to see.
    expected = None if theory is None else _seen(np.asarray(theory))
    handles = _bars(ax, shares, expected, facecolor=HELD, edgecolor=OCCUPANCY)
    what = 'live slots'
    if facts.figures.pools > 1:
        what += f' in {facts.figures.pools:,} pools'
    elif facts.max_size <= _FAR * max(len(shares), 0 if expected is None else len(expected)):
        limit = f'max_size = {facts.max_size:,}'
        handles.append(ax.axvline(facts.max_size, color=LIMIT, linestyle='--', linewidth=1.2, label=limit))
    else:
        what += f', of max_size = {facts.max_size:,}'
    ax.set_xlabel(f'occupancy ({what})')
    where = f'{mean(shares):.4g} slots on average'
    if facts.theory is not None and facts.theory.occupancy_mean is not None:
        where += f', theory {facts.theory.occupancy_mean:.4g}'
    set_title(ax, facts, where, _why_no_distribution(facts))
    legend_below(ax, handles)
    return ax


def plot_overrun_shares(facts: Facts, ax: Axes | None = None) -> Axes:
    """Draw for what share of the time a given number of bodies overrun, and return the axes."""
    ax = new_axes((8, 4)) if ax is None else ax
    shares = facts.overrun_shares
    handles = _bars(ax, shares, None, facecolor=RUNNING_BAND, edgecolor=RUNNING, hatch='////')
    measured = mean(shares)
    handles.append(ax.axvline(measured, color=RUNNING, linewidth=2.4, label=f'mean {measured:.4g}'))
    if facts.theory is not None and facts.theory.overrun_mean is not None:
        expected = facts.theory.overrun_mean
        words = f'theoretical mean {expected:.4g}'
        handles.append(ax.axvline(expected, color=THEORY, linestyle='--', linewidth=1.2, label=words))
    ax.set_xlabel('overrun (bodies beyond their slot)')
    peak = facts.figures.overrun_peak
    at_most = f'at most {peak:,} {"body" if peak == 1 else "bodies"} beyond their slot at once'
    set_title(ax, facts, at_most if peak else 'no body ran beyond its slot')
    legend_below(ax, handles)
    return ax


def _why_no_distribution(facts: Facts) -> str:
    if facts.why_no_theory:
        return f'no theory: {facts.why_no_theory}'
    if facts.theory is not None and facts.theory.occupancy_distribution is None:
        return f'theory provides only means, no distribution: {facts.theory.formula}'
    return ''


def _seen(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    seen = np.flatnonzero(shares > 1e-6)
    return shares[: int(seen[-1]) + 1] if len(seen) else shares[:1]


def _bars(ax: Axes, shares: NDArray[np.float64], expected: NDArray[np.float64] | None, **style: Any) -> list[Any]:
    """Draw bars for single values or groups of values, and theory's; return the legend entries."""
    longest = max(len(shares), 0 if expected is None else len(expected))
    together = -(-longest // MOST_BARS)
    heights = _binned(shares, together, longest)
    places = np.arange(len(heights)) * together + (together - 1) / 2
    drawn: Any = ax.bar(places, heights, width=0.85 * together, linewidth=0.8, label='measured', **style)
    handles = [drawn]
    if expected is not None:
        # A curve if bars are narrow, because symbols would cover them.
        look: dict[str, Any] = {'drawstyle': 'steps-mid', 'linewidth': 1.4}
        if together == 1:
            look = {'linestyle': '', 'marker': 'D', 'markersize': 5, 'markerfacecolor': 'white', 'zorder': 3}
        handles += ax.plot(places, _binned(expected, together, longest), color=THEORY, label='theory', **look)
    each = 'share of the time' if together == 1 else f'share of the time, {together:,} values per bar'
    ax.set_ylabel(each)
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=None))
    whole_numbers(ax.xaxis)
    ax.set_ylim(bottom=0)
    return handles


def _binned(shares: Sequence[float] | NDArray[np.float64], together: int, longest: int) -> NDArray[np.float64]:
    padded = np.zeros(-(-longest // together) * together)
    padded[: len(shares)] = shares
    binned: NDArray[np.float64] = padded.reshape(-1, together).sum(axis=1)
    return binned
