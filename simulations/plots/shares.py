"""For what share of the time a count had each value, against theory."""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from simulations.colours import HELD, LIMIT, OCCUPANCY, RUNNING, RUNNING_BAND, THEORY
from simulations.plots.frame import TITLE_WIDTH, legend_below, name_of, new_axes
from simulations.shares import mean


if TYPE_CHECKING:
    from simulations.results import Result

MOST_BARS = 60


def plot_occupancy_shares(result: 'Result', ax: Axes | None = None) -> Axes:
    """For what share of the time each number of slots was live; theory's distribution on top, where there is one."""
    ax = new_axes((8, 4)) if ax is None else ax
    shares = result.occupancy_shares
    theory = None if result.theory is None else result.theory.occupancy_distribution
    # A pool of a million slots is drawn as far as anything is to be seen in it.
    expected = None if theory is None else _seen(np.asarray(theory))
    width = _bars(ax, shares, expected, HELD, OCCUPANCY, 'measured')
    one = result.figures.pools <= 1
    if one and result.max_size <= 2 * max(len(shares), 0 if expected is None else len(expected)):
        limit = f'max_size = {result.max_size:,}'
        ax.axvline(result.max_size + width / 2, color=LIMIT, linestyle='--', linewidth=1.2, label=limit)
    ax.set_xlabel('occupancy (live slots)' if one else f'occupancy (live slots in {result.figures.pools:,} pools)')
    where = f'{mean(shares):.4g} slots on average'
    if expected is not None and result.theory is not None:
        where += f', theory {result.theory.occupancy_mean:.4g}'
    lines = [name_of(result), where]
    if result.why_no_theory:
        lines += textwrap.wrap(f'no theory: {result.why_no_theory}', TITLE_WIDTH)[:2]
    ax.set_title('\n'.join(lines), fontsize=None if len(lines) < 3 else 10)
    legend_below(ax)
    return ax


def plot_overrun_shares(result: 'Result', ax: Axes | None = None) -> Axes:
    """For what share of the time so many bodies ran beyond their slot; the mean beside theory's, where there is one."""
    ax = new_axes((8, 4)) if ax is None else ax
    shares = result.overrun_shares
    _bars(ax, shares, None, RUNNING_BAND, RUNNING, 'measured')
    measured = mean(shares)
    ax.axvline(measured, color=RUNNING, linewidth=1.2, label=f'mean {measured:.4g}')
    if result.theory is not None and result.theory.overrun_mean is not None:
        expected = result.theory.overrun_mean
        ax.axvline(expected, color=THEORY, linestyle='--', linewidth=1.2, label=f'mean by theory {expected:.4g}')
    ax.set_xlabel('overrun (bodies beyond their slot)')
    peak = result.figures.overrun_peak
    ax.set_title(f'{name_of(result)}\n{peak:,} {"body" if peak == 1 else "bodies"} beyond their slot at most')
    legend_below(ax)
    return ax


def _seen(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    seen = np.flatnonzero(shares > 1e-6)
    return shares[: int(seen[-1]) + 1] if len(seen) else shares[:1]


def _bars(
    ax: Axes, shares: NDArray[np.float64], expected: NDArray[np.float64] | None, fill: str, edge: str, label: str
) -> int:
    """A bar for each value, or for some together where there are many; returns for how many."""
    longest = max(len(shares), 0 if expected is None else len(expected))
    together = -(-longest // MOST_BARS)
    heights = _binned(shares, together, longest)
    places = np.arange(len(heights)) * together + (together - 1) / 2
    ax.bar(places, heights, width=0.85 * together, color=fill, edgecolor=edge, linewidth=0.8, label=label)
    if expected is not None:
        ax.plot(
            places,
            _binned(expected, together, longest),
            linestyle='',
            marker='D',
            markersize=5,
            markerfacecolor='white',
            color=THEORY,
            label='theory',
        )
    each = 'share of the time' if together == 1 else f'share of the time, {together:,} values to a bar'
    ax.set_ylabel(each)
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=None))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_ylim(bottom=0)
    return together


def _binned(shares: Sequence[float] | NDArray[np.float64], together: int, longest: int) -> NDArray[np.float64]:
    padded = np.zeros(-(-longest // together) * together)
    padded[: len(shares)] = shares
    binned: NDArray[np.float64] = padded.reshape(-1, together).sum(axis=1)
    return binned
