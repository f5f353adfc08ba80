"""The plots that only a live run has."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from simulations.drawing.axes import MIDDLE, cells, legend_below, new_axes, whole_numbers
from simulations.drawing.colours import HELD, LIMIT, OCCUPANCY, THEORY
from simulations.live.outcome.compare import Comparison
from simulations.live.outcome.measured import Measured
from simulations.results.facts import Facts
from simulations.results.plots.titles import set_title
from simulations.units import count


_BINS = 50
_WIDTH = 0.4


def plot_recovery(facts: Facts, measured: Measured, ax: Axes | None = None) -> Axes:
    """Plot how long after the death of their holders, and after their expiry, slots were freed."""
    recoveries = measured.recoveries
    if not len(recoveries.took):
        raise ValueError(
            'there is nothing to draw, because no slot of a killed holder was freed in this run:'
            ' run a scenario with a crash fault'
        )
    ax = new_axes((10, 4.5)) if ax is None else ax
    longest = (facts.slot_exp or 0.0) / measured.speed
    edges = np.linspace(0, max(longest, float(recoveries.took.max())), _BINS + 1)
    ax.hist(recoveries.took, edges.tolist(), facecolor=HELD, edgecolor=OCCUPANCY, linewidth=0.8, label='slots freed')
    ax.axvline(longest, color=LIMIT, linestyle='--', linewidth=1.2, label=f'slot_exp = {longest:.4g} s')
    beyond = 1000 * np.maximum(0.0, recoveries.took - recoveries.left)
    ax.set_xlabel('seconds from the death of the holder until its slot was seen free')
    ax.set_ylabel('slots')
    whole_numbers(ax.yaxis)
    killed = f'{count(measured.killed, "worker", "workers")} killed'
    line = f'{killed}, {count(len(recoveries.took), "slot", "slots")} freed by expiry'
    note = f'seen free {np.median(beyond):.3g} ms after the expiry (median), {np.quantile(beyond, 0.99):.3g} ms (99 %)'
    set_title(ax, facts, line, note)
    legend_below(ax)
    return ax


def plot_comparison(facts: Facts, comparison: Comparison | None, ax: Axes | None = None) -> Axes:
    """Plot the share of the time for each number of live slots, simulated and live."""
    if comparison is None:
        raise ValueError('this run has no simulation to compare with: use live(..., compare=True)')
    ax = new_axes((8, 4)) if ax is None else ax
    styles = ((comparison.simulated, THEORY, 'white', 'simulated'), (comparison.live, OCCUPANCY, HELD, 'live'))
    for place, (side, edge, face, name) in enumerate(styles):
        slots = np.arange(len(side.occupancy_shares)) - MIDDLE + (place - 0.5) * _WIDTH
        style = {'facecolor': face, 'edgecolor': edge, 'linewidth': 0.8}
        ax.bar(slots, side.occupancy_shares, _WIDTH, label=name, **style)  # type: ignore[arg-type]
    ax.set_xlabel('occupancy (live slots)')
    ax.set_ylabel('share of the time')
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=None))
    cells(ax.xaxis, max(len(side.occupancy_shares) for side, *_ in styles) - 1)
    refused = f'{comparison.live.refusal_share:.2%} of {comparison.of} refused live'
    set_title(ax, facts, f'{refused}, {comparison.simulated.refusal_share:.2%} simulated')
    legend_below(ax)
    return ax
