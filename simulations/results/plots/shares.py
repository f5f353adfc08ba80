"""The share of the time at each occupancy and overrun, alongside theory."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from simulations.drawing.axes import MIDDLE, cells, legend_below, new_axes, whole_numbers
from simulations.drawing.colours import HELD, LIMIT, OCCUPANCY, RUNNING, RUNNING_BAND, THEORY
from simulations.measuring.time_shares import mean
from simulations.results.facts import Facts
from simulations.results.plots.titles import limit_name, set_title


MOST_BARS = 60
_FAR = 2
_MARGIN = 0.02
"""The space on both sides of the bars, as a share of their width."""


def plot_occupancy_shares(facts: Facts, ax: Axes | None = None) -> Axes:
    """Draw the share of the time at each occupancy, and return the axes.

    If theory has a distribution, it is drawn on top; if not, a note says why. ``max_size`` is a
    dashed line, or part of the axis label if it is far beyond everything that was measured. The bar
    of n slots ends at n, so only an occupancy above ``max_size`` is drawn right of that line. With
    several pools, which are counted together, the line is at their slots in total.
    """
    ax = new_axes((8, 4)) if ax is None else ax
    shares = facts.occupancy_shares
    theory = None if facts.theory is None else facts.theory.occupancy_distribution
    # Even a pool of a million slots is drawn only as far as there is something to see.
    expected = None if theory is None else _seen(np.asarray(theory))
    pools = max(1, facts.figures.pools)
    slots = facts.max_size * pools
    handles = _bars(ax, shares, expected, slots, facecolor=HELD, edgecolor=OCCUPANCY)
    what, limit = 'live slots', f'{limit_name(facts)} = {facts.max_size:,}'
    if pools > 1:
        what += f' in {pools:,} pools'
        limit = f'{pools:,} pools x {limit_name(facts)} {facts.max_size:,} = {slots:,}'
    longest = max(len(shares), 0 if expected is None else len(expected))
    last = longest - 1
    if slots <= _FAR * longest:
        handles.append(ax.axvline(slots, color=LIMIT, linestyle='--', linewidth=1.2, label=limit))
        last = max(last, slots)
    else:
        what += f', of {limit}'
    cells(ax.xaxis, last)
    ax.set_xlim(-1 - _MARGIN * (last + 1), last + _MARGIN * (last + 1))
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
    handles = _bars(ax, shares, None, None, facecolor=RUNNING_BAND, edgecolor=RUNNING, hatch='////')
    whole_numbers(ax.xaxis)
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


def _bars(
    ax: Axes, shares: NDArray[np.float64], expected: NDArray[np.float64] | None, limit: int | None, **style: Any
) -> list[Any]:
    """Draw bars for single values or groups of values, and theory's; return the legend entries.

    With a ``limit``, no group has values on both sides of it, and each value is the cell that ends
    there, see :func:`simulations.drawing.axes.cells`. Otherwise bars are centred at their values.
    """
    longest = max(len(shares), 0 if expected is None else len(expected))
    together = -(-longest // MOST_BARS)
    edges = _edges(longest, together, 0 if limit is None else limit + 1)
    heights, widths = _binned(shares, edges), np.diff(edges)
    places = (edges[:-1] + edges[1:] - 1) / 2 - (0 if limit is None else MIDDLE)
    drawn: Any = ax.bar(places, heights, width=0.85 * widths, linewidth=0.8, label='measured', **style)
    handles = [drawn]
    if expected is not None:
        # A curve if bars are narrow, because symbols would cover them.
        look: dict[str, Any] = {'drawstyle': 'steps-mid', 'linewidth': 1.4}
        if together == 1:
            look = {'linestyle': '', 'marker': 'D', 'markersize': 5, 'markerfacecolor': 'white', 'zorder': 3}
        handles += ax.plot(places, _binned(expected, edges), color=THEORY, label='theory', **look)
    each = 'share of the time' if together == 1 else f'share of the time, {together:,} values per bar'
    ax.set_ylabel(each)
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=None))
    ax.set_ylim(bottom=0)
    return handles


def _edges(longest: int, together: int, border: int) -> NDArray[np.int64]:
    """Return the first value of each group, and the value after the last group.

    Each group has ``together`` values, and one of them begins at ``border``; so the first may have
    fewer.
    """
    first = border % together
    edges = np.arange(first, first + together * -(-(longest - first) // together) + 1, together)
    return edges if first == 0 else np.concatenate([[0], edges])


def _binned(shares: NDArray[np.float64], edges: NDArray[np.int64]) -> NDArray[np.float64]:
    padded = np.zeros(edges[-1])
    padded[: len(shares)] = shares
    binned: NDArray[np.float64] = np.add.reduceat(padded, edges[:-1])
    return binned
