"""Who held a slot when, as a Gantt chart."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from simulations.colours import DEAD, HELD, LIMIT, OCCUPANCY, RUNNING
from simulations.holders import Holders
from simulations.plots.frame import legend_below, name_of, new_axes
from simulations.report import time_unit


if TYPE_CHECKING:
    from simulations.results import Result

HOLDERS_SHOWN = 30


def plot_slots(
    result: 'Result', ax: Axes | None = None, window: tuple[float, float] | None = None, most: int = HOLDERS_SHOWN
) -> Axes:
    """Who held a slot when: a bar for each holder, hatched from the expiry of its slot to the end of its body."""
    if most < 1:
        raise ValueError(f'most must be at least 1 holder, got {most!r}')
    if window is not None and not window[0] < window[1]:
        raise ValueError(f'window must be (first, last) with first < last, in seconds, got {window!r}')
    holders = result.whole.holders()
    if window is not None:
        _check_kept(result, window)
    first, last = _telling_window(result, holders) if window is None else window
    there = (holders.granted < last) & ~(np.fmax(holders.body_until, holders.slot_until) < first)
    within = holders.select(there)
    shown = _sample(within, (first + last) / 2, most)
    ax = new_axes((9, 2 + 0.12 * max(4, len(shown.jobs)))) if ax is None else ax
    unit, length = time_unit(last - first)
    origin = result.figures.first
    # Where all happened in one instant there is still something to see.
    last = last if last > first else first + 1.0

    def at(instant: float) -> float:
        return (instant - origin) / length

    rows = zip(*(column.tolist() for column in shown[1:]), strict=True)
    for row, (granted, slot_until, body_until, crashed) in enumerate(rows):
        slot_end, body_end = (last if np.isnan(end) else end for end in (slot_until, body_until))
        held = min(slot_end, body_end)
        ax.barh(row, at(held) - at(granted), left=at(granted), height=0.7, color=HELD, edgecolor=OCCUPANCY)
        if body_end > slot_end:
            width = at(body_end) - at(slot_end)
            ax.barh(row, width, left=at(slot_end), height=0.7, color='white', edgecolor=RUNNING, hatch='////')
            ax.plot(at(slot_end), row, marker='X', color=LIMIT, markersize=6)
        if crashed:
            width = at(slot_end) - at(body_end)
            ax.barh(row, width, left=at(body_end), height=0.7, color=DEAD, edgecolor=OCCUPANCY, hatch='..')
            ax.plot(at(body_end), row, marker='*', color=LIMIT, markersize=7)
        elif not np.isnan(body_until):
            ax.plot(at(body_end), row, marker='o' if body_end <= slot_end else '|', color=LIMIT, markersize=4)
    refusals = result.whole.refusals()
    refusals = refusals[(first <= refusals) & (refusals <= last)]
    count = len(shown.jobs)
    ax.plot(
        (refusals - origin) / length, [count] * len(refusals), linestyle='', marker='v', color=RUNNING, markersize=5
    )
    ax.set_xlim(at(first), at(last))
    ax.set_ylim(count + 0.8, -0.8)
    ax.set_yticks(range(count), [f'job {job}' for job in shown.jobs.tolist()], fontsize=7)
    ax.set_xlabel(f'{unit} since the first arrival')
    ax.set_ylabel('holders')
    which = f'{count} holders'
    if count < len(within.jobs):
        which = f'a sample of {count} of the {len(within.jobs):,} holders in this window,'
    pools = f' of {result.figures.pools:,} pools of {result.max_size:,}' if result.figures.pools > 1 else ''
    ax.set_title(f'{name_of(result)}\n{which}{pools or f" of a pool of {result.max_size:,}"}')
    legend_below(ax, _legend(shown, bool(len(refusals))))
    return ax


def _check_kept(result: 'Result', window: tuple[float, float]) -> None:
    times = result.whole.block.times
    if result.kept is None and len(times) and not (window[0] < times[-1] and window[1] > times[0]):
        raise ValueError(
            f'of this run {times[0]:g} to {times[-1]:g} s were kept, and the window is {window[0]:g} to'
            f' {window[1]:g} s: replay(..., history=True) keeps all'
        )


def _legend(shown: Holders, refusals: bool) -> list[Patch | Line2D]:
    entries: list[Patch | Line2D] = [
        Patch(facecolor=HELD, edgecolor=OCCUPANCY, label='slot held'),
        Line2D([], [], linestyle='', marker='o', color=LIMIT, markersize=5, label='released'),
    ]
    if shown.overran.any():
        entries += [
            Line2D([], [], linestyle='', marker='X', color=LIMIT, markersize=6, label='slot expired'),
            Patch(facecolor='white', edgecolor=RUNNING, hatch='////', label='still running'),
        ]
    if shown.crashed.any():
        entries += [
            Line2D([], [], linestyle='', marker='*', color=LIMIT, markersize=7, label='crashed'),
            Patch(facecolor=DEAD, edgecolor=OCCUPANCY, hatch='..', label='slot waits for its expiry'),
        ]
    if refusals:
        entries.append(Line2D([], [], linestyle='', marker='v', color=RUNNING, markersize=5, label='job refused'))
    return entries


def _telling_window(result: 'Result', holders: Holders) -> tuple[float, float]:
    """Where there is most to see: about an expiry under a running body or a crash, else where the pool is fullest."""
    if not len(holders.jobs):
        return 0.0, 1.0
    if len(holders.jobs) <= HOLDERS_SHOWN:
        return float(holders.granted[0]), float(np.nanmax([result.figures.last, *holders.body_until]))
    moments = np.sort(holders.slot_until[holders.overran])
    if not len(moments):
        moments = np.sort(holders.body_until[holders.crashed])
    if len(moments) and result.slot_exp is not None:
        centre = float(moments[len(moments) // 2])
        return max(float(holders.granted[0]), centre - 1.5 * result.slot_exp), centre + 1.5 * result.slot_exp
    block = result.whole.block
    fullest = float(block.times[int(np.argmax(block.occupancy))])
    middle = int((holders.granted <= fullest).sum())
    around = holders.select(
        np.arange(max(0, middle - HOLDERS_SHOWN // 2), min(len(holders.jobs), middle + HOLDERS_SHOWN // 2))
    )
    return float(around.granted[0]), float(np.nanmax([fullest, *around.body_until]))


def _sample(holders: Holders, centre: float, most: int) -> Holders:
    """At most so many holders: some that overran or crashed near the middle, and of the others every length."""
    if len(holders.jobs) <= most:
        return holders
    special = holders.overran | holders.crashed
    near = np.flatnonzero(special)
    near = near[np.argsort(np.abs(holders.slot_until[near] - centre), kind='stable')][: most // 3]
    others = np.flatnonzero(~special)
    lengths = np.where(np.isnan(holders.body_until), centre, holders.body_until)[others] - holders.granted[others]
    others = others[np.argsort(lengths, kind='stable')]
    wanted = min(most - len(near), len(others))
    evenly: NDArray[np.int64] = others[np.arange(wanted) * max(len(others) - 1, 0) // max(1, wanted - 1)]
    return holders.select(np.sort(np.concatenate([near, evenly])))
