"""Who held a slot and when, as a Gantt chart."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from simulations.drawing.axes import legend_below, new_axes
from simulations.drawing.colours import DEAD, HELD, LIMIT, OCCUPANCY, RUNNING
from simulations.faults import LOSING
from simulations.measuring.holders import Holders
from simulations.results.facts import Facts
from simulations.results.plots.bands import draw_bands
from simulations.results.plots.titles import set_title
from simulations.units import count, duration, time_unit
from simulations.workloads.refusals import Leave


Floats = NDArray[np.float64]

HOLDERS_SHOWN = 30
_CLOSE = 12
"""Up to this many rows have room for names in larger letters."""
_SEEN = 0.01
"""Shorter bars, as a share of the width of the picture, are hardly visible."""
_LATE = 10_000
"""A window further from the first arrival than this many times its length gets its own origin.

Otherwise the labels would need too many digits.
"""


def plot_slots(
    facts: Facts, ax: Axes | None = None, window: tuple[float, float] | None = None, most: int = HOLDERS_SHOWN
) -> Axes:
    """Draw who held a slot and when, one bar for each holder, and return the axes.

    A bar is hatched from the expiry of the slot to the end of the body. It is dotted while no body
    uses the slot, as between a crash and the expiry.
    """
    if most < 1:
        raise ValueError(f'most must be at least 1 holder, got {most!r}')
    if window is not None and not window[0] < window[1]:
        raise ValueError(f'window must be (first, last) with first < last, in seconds, got {window!r}')
    holders = facts.known_part.holders()
    if window is not None:
        _check_kept(facts, window)
    first, last = _telling_window(facts, holders) if window is None else window
    visible = (holders.granted < last) & ~(np.fmax(holders.body_until, holders.slot_until) < first)
    if not first < last:
        # Everything happened at one instant; leave some width to show it.
        last = first + 1.0
        visible |= holders.granted == first
    within = holders.select(visible)
    shown = _sample(within, (first + last) / 2, most, _SEEN * (last - first))
    rows = len(shown.jobs)
    ax = new_axes((9, 2 + max(0.12 * rows, 0.25 * min(8, rows), 0.5))) if ax is None else ax
    unit, length = time_unit(last - first)
    origin, since = facts.figures.first, 'the first arrival'
    if first - origin >= _LATE * (last - first):
        origin, since = first, f'{duration(first - origin)} after the first arrival'
    refusals = facts.known_part.refusals()
    refusals = refusals[(first <= refusals) & (refusals <= last)]
    entries = [
        *_draw_holders(ax, shown, (first, last), (origin, length), _gone(facts)),
        *_mark(ax, (refusals - origin) / length, np.full(len(refusals), rows), *_refusal(facts)),
    ]
    ax.set_xlim((first - origin) / length, (last - origin) / length)
    ax.set_ylim(rows + 0.8, -0.8)
    entries += draw_bands(ax, facts.episodes, (first, last), origin, length)
    ax.ticklabel_format(axis='x', style='plain', useOffset=False)
    ax.set_yticks(range(rows), [f'job {job}' for job in shown.jobs.tolist()], fontsize=7 if rows > _CLOSE else 9)
    ax.set_xlabel(f'{unit} since {since}')
    ax.set_ylabel('holders')
    which = count(rows, 'holder', 'holders')
    if rows < len(within.jobs):
        which = f'a sample of {rows} of the {len(within.jobs):,} holders in this window,'
    pools = f' of {facts.figures.pools:,} pools of {facts.max_size:,}' if facts.figures.pools > 1 else ''
    set_title(ax, facts, f'{which}{pools or f" of a pool of {facts.max_size:,}"}')
    legend_below(ax, entries)
    return ax


def _draw_holders(
    ax: Axes, shown: Holders, window: tuple[float, float], scale: tuple[float, float], gone: str
) -> list[Patch | Line2D]:
    """Draw bars and symbols, and return the legend entries."""
    (first, last), (origin, length) = window, scale
    rows = np.arange(len(shown.jobs))
    # What still runs when the events end continues beyond the window.
    beyond = max([last, *shown.granted])
    slot_end, body_end = (np.where(np.isnan(end), beyond, end) for end in (shown.slot_until, shown.body_until))
    overran, crashed = shown.overran, shown.crashed
    # A slot whose release is under way counts as unused only if that time is long enough to see.
    abandoned = shown.abandoned & (crashed | (slot_end - body_end > _SEEN * (last - first)))
    ended = ~np.isnan(shown.body_until) & ~crashed

    def bars(which: NDArray[np.bool_], begins: Floats, ends: Floats, label: str, **style: str) -> list[Patch]:
        which = which & (begins <= last) & (ends >= first)
        left = (begins[which] - origin) / length
        width = np.maximum(ends[which] - begins[which], 0) / length
        ax.barh(rows[which], width, left=left, height=0.7, **style)  # type: ignore[arg-type]
        return [Patch(label=label, **style)] if which.any() else []  # type: ignore[arg-type]

    def marks(which: NDArray[np.bool_], instants: Floats, label: str, marker: str, face: str = LIMIT) -> list[Line2D]:
        seen = which & (first <= instants) & (instants <= last)
        return _mark(ax, (instants[seen] - origin) / length, rows[seen], label, marker, face)

    everyone = np.ones(len(rows), np.bool_)
    unused = 'slot of a crashed holder' if (crashed | ~abandoned).all() else 'slot taken, no body'
    held, released = 'slot held', marks(ended & ~overran, body_end, 'released', 'o')
    return [
        *bars(everyone, shown.granted, np.minimum(slot_end, body_end), held, facecolor=HELD, edgecolor=OCCUPANCY),
        *released,
        *marks(overran, slot_end, gone, 'X'),
        *bars(overran, slot_end, body_end, 'still running', facecolor='white', edgecolor=RUNNING, hatch='////'),
        *marks(ended & overran, body_end, 'released late', 'o', 'white'),
        *marks(crashed, body_end, 'crashed', '*'),
        *bars(abandoned, body_end, slot_end, unused, facecolor=DEAD, edgecolor=OCCUPANCY, hatch='..'),
    ]


_SIZES = {'o': 4, 'X': 6, '*': 8, 'v': 5}


def _mark(
    ax: Axes, places: Floats, rows: NDArray[np.int64], label: str, marker: str, face: str = LIMIT
) -> list[Line2D]:
    """Draw symbols, unclipped at the edge of the axes."""
    # An empty set of symbols would lie in the corner of the figure, and the layout would leave room
    # for it.
    if not len(places):
        return []
    edge = RUNNING if face == RUNNING else LIMIT
    return ax.plot(
        places,
        rows,
        linestyle='',
        marker=marker,
        markersize=_SIZES[marker],
        markerfacecolor=face,
        markeredgecolor=edge,
        label=label,
        clip_on=False,
        zorder=4,
    )


def _refusal(facts: Facts) -> tuple[str, str, str]:
    return 'job refused' if isinstance(facts.on_refusal, Leave) else 'attempt refused', 'v', RUNNING


def _gone(facts: Facts) -> str:
    """Return what happened to a slot whose body still ran."""
    lost = any(episode.kind in LOSING for episode in facts.episodes)
    return 'slot expired, or lost by the store' if lost else 'slot expired'


def _kept(facts: Facts) -> tuple[float, float]:
    """Return the first and the last instant between which all events are known, in seconds."""
    times = facts.known_part.block.times
    if facts.kept is not None or not len(times):
        return -np.inf, np.inf
    # Before the first event of the run, and after its last, nothing happened.
    first = -np.inf if times[0] <= facts.figures.first else float(times[0])
    return first, np.inf if times[-1] >= facts.figures.last else float(times[-1])


def _check_kept(facts: Facts, window: tuple[float, float]) -> None:
    first, last = _kept(facts)
    if not first <= window[0] < window[1] <= last:
        times = facts.known_part.block.times
        # With all digits, so that the user can request exactly this window.
        raise ValueError(
            f'window must be within the part of the run that was kept, {float(times[0])!r} to {float(times[-1])!r} s,'
            f' got {window[0]!r} to {window[1]!r} s: replay(..., history=True) keeps the entire run'
        )


def _telling_window(facts: Facts, holders: Holders) -> tuple[float, float]:
    """Return the most instructive window, in seconds.

    It lies around an expiry under a running body, else around a crash, else where the pool is
    fullest.
    """
    if not len(holders.jobs):
        return 0.0, 1.0
    if len(holders.jobs) <= HOLDERS_SHOWN:
        return float(holders.granted[0]), float(np.nanmax([facts.figures.last, *holders.body_until]))
    earliest, latest = _kept(facts)
    moments = holders.slot_until[holders.overran]
    if not len(moments):
        unused = holders.slot_until - holders.body_until
        moments = holders.body_until[holders.crashed | (unused > _SEEN * (facts.slot_exp or np.inf))]
    moments = np.sort(moments[(earliest <= moments) & (moments <= latest)])
    if len(moments) and facts.slot_exp is not None:
        centre = float(moments[len(moments) // 2])
        first = max(float(holders.granted[0]), earliest, centre - 1.5 * facts.slot_exp)
        return first, min(latest, centre + 1.5 * facts.slot_exp)
    block = facts.known_part.block
    fullest = float(block.times[int(np.argmax(block.occupancy))])
    middle = int((holders.granted <= fullest).sum())
    around = holders.select(
        np.arange(max(0, middle - HOLDERS_SHOWN // 2), min(len(holders.jobs), middle + HOLDERS_SHOWN // 2))
    )
    return max(earliest, float(around.granted[0])), min(latest, float(np.nanmax([fullest, *around.body_until])))


def _sample(holders: Holders, centre: float, limit: int, seen: float) -> Holders:
    """Return at most ``limit`` holders: some that overran or crashed, and others of all lengths.

    Holders that overran, crashed or left their slot unused are chosen by their distance from
    ``centre``.
    """
    if len(holders.jobs) <= limit:
        return holders
    special = holders.overran | holders.crashed | (holders.slot_until - holders.body_until > seen)
    near = np.flatnonzero(special)
    near = near[np.argsort(np.abs(holders.slot_until[near] - centre), kind='stable')][: limit // 3]
    others = np.flatnonzero(~special)
    lengths = np.where(np.isnan(holders.body_until), centre, holders.body_until)[others] - holders.granted[others]
    others = others[np.argsort(lengths, kind='stable')]
    number = min(limit - len(near), len(others))
    evenly: NDArray[np.int64] = others[np.arange(number) * max(len(others) - 1, 0) // max(1, number - 1)]
    return holders.select(np.sort(np.concatenate([near, evenly])))
