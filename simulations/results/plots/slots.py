"""Who held a slot, who waited for one, and when, as a Gantt chart."""

from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from simulations.drawing.axes import legend_below, new_axes
from simulations.drawing.colours import DEAD, HELD, LIMIT, OCCUPANCY, RUNNING, WAITING
from simulations.faults import LOSING
from simulations.history.events import RENEWED, TIMED_OUT, WITHDREW
from simulations.measuring.holders import Holders, Waiting
from simulations.results.facts import Facts
from simulations.results.plots.bands import draw_bands
from simulations.results.plots.titles import set_title, slots_words
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

    A thin bar in front of it is the time that the job waited in the queue. A job that waited in
    vain has a row with only such a bar; a symbol says how its wait ended.

    A bar is hatched from the expiry of the slot to the end of the body. It is dotted while no body
    uses the slot, as between a crash and the expiry. Small strokes are renewals, if they are few
    enough to be told apart.
    """
    if most < 1:
        raise ValueError(f'most must be at least 1 row, got {most!r}')
    if window is not None and not window[0] < window[1]:
        raise ValueError(f'window must be (first, last) with first < last, in seconds, got {window!r}')
    everyone = _rows(facts.known_part.holders(), facts.known_part.waits())
    if window is not None:
        _check_kept(facts, window)
    first, last = _telling_window(facts, everyone) if window is None else window
    visible = (everyone.begins < last) & ~(everyone.ends < first)
    if not first < last:
        # Everything happened at one instant; leave some width to show it.
        last = first + 1.0
        visible |= everyone.begins == first
    within = everyone.select(np.flatnonzero(visible))
    shown = _sample(within, (first + last) / 2, most, _SEEN * (last - first))
    rows = len(shown.begins)
    ax = new_axes((9, 2 + max(0.12 * rows, 0.25 * min(8, rows), 0.5))) if ax is None else ax
    unit, length = time_unit(last - first)
    origin, since = facts.figures.first, 'the first arrival'
    if first - origin >= _LATE * (last - first):
        origin, since = first, f'{duration(first - origin)} after the first arrival'
    refusals = facts.known_part.refusals()
    refusals = refusals[(first <= refusals) & (refusals <= last)]
    entries = [
        *_draw_waits(ax, shown, (first, last), (origin, length)),
        *_draw_holders(ax, shown.holders, (first, last), (origin, length), _gone(facts)),
        *_draw_renewals(ax, facts, shown.holders, (first, last), (origin, length)),
        *_mark(ax, (refusals - origin) / length, np.full(len(refusals), rows), *_refusal(facts)),
    ]
    ax.set_xlim((first - origin) / length, (last - origin) / length)
    ax.set_ylim(rows + 0.8, -0.8)
    entries += draw_bands(ax, facts.episodes, (first, last), origin, length)
    ax.ticklabel_format(axis='x', style='plain', useOffset=False)
    names = [f'job {job}' for job in shown.holders.jobs.tolist()]
    ax.set_yticks(range(rows), names, fontsize=7 if rows > _CLOSE else 9)
    ax.set_xlabel(f'{unit} since {since}')
    one, many = ('job', 'jobs') if np.isnan(within.holders.granted).any() else ('holder', 'holders')
    ax.set_ylabel(many)
    which = count(rows, one, many)
    if rows < len(within.begins):
        which = f'a sample of {rows} of the {len(within.begins):,} {many} in this window,'
    pools = f'{facts.figures.pools:,} pools' if facts.figures.pools > 1 else 'a pool'
    set_title(ax, facts, f'{which} of {pools} of {slots_words(facts)}')
    legend_below(ax, entries)
    return ax


class _Rows(NamedTuple):
    """The rows of the picture, in order of their beginnings.

    Attributes:
        holders: who has each row; for a job that waited in vain, all instants are NaN.
        begins: when the job of each row began to wait, or else got its slot, in seconds.
        ends: when it gave up its slot and its body had ended, or its last wait ended; NaN if that
            is still to come.
        waits: the waits of these jobs.
        places: the row of each wait.
    """

    holders: Holders
    begins: Floats
    ends: Floats
    waits: Waiting
    places: NDArray[np.int64]

    def select(self, which: NDArray[np.int64]) -> '_Rows':
        """Return some of the rows, by index, with their waits."""
        new = np.full(len(self.begins), _NONE)
        new[which] = np.arange(len(which))
        kept = new[self.places] != _NONE
        waits = self.waits.select(kept)
        return _Rows(self.holders.select(which), self.begins[which], self.ends[which], waits, new[self.places[kept]])


_NONE = -1


def _rows(holders: Holders, waits: Waiting) -> _Rows:
    """Return the rows: one for each holder, and one for each job that waited in vain."""
    places = row_of_waits(holders, waits)
    alone = places == _NONE
    vain, numbers = np.unique(waits.jobs[alone], return_inverse=True)
    places[alone] = len(holders.jobs) + numbers
    never = np.full(len(vain), np.nan)
    jobs, crashed = np.concatenate([holders.jobs, vain]), np.concatenate([holders.crashed, np.zeros(len(vain), bool)])
    instants = (holders.granted, holders.slot_until, holders.body_until)
    granted, slot_until, body_until = (np.concatenate([each, never]) for each in instants)
    everyone = Holders(jobs, granted, slot_until, body_until, crashed)
    begins = everyone.granted.copy()
    np.fmin.at(begins, places, waits.since)
    last_wait = np.full(len(vain), -np.inf)
    np.maximum.at(last_wait, numbers, np.nan_to_num(waits.until[alone], nan=np.inf))
    last_wait[np.isinf(last_wait)] = np.nan
    ends = np.concatenate([np.fmax(holders.body_until, holders.slot_until), last_wait])
    return _Rows(everyone, begins, ends, waits, places).select(np.lexsort((everyone.jobs, begins)))


def row_of_waits(holders: Holders, waits: Waiting) -> NDArray[np.int64]:
    """Return the index of the holder that each wait led to, or came after; -1 if there is none."""
    instants, ranks = np.unique(np.concatenate([holders.granted, waits.since]), return_inverse=True)
    # One number for job and instant, because a job that asked again may have more than one of each.
    keys = np.concatenate([holders.jobs, waits.jobs]) * len(instants) + ranks
    own, wanted = keys[: len(holders.jobs)], keys[len(holders.jobs) :]
    order = np.argsort(own)
    jobs = np.concatenate([holders.jobs[order], [_NONE]])
    following = np.searchsorted(own[order], wanted)
    earlier = np.maximum(following - 1, 0)
    which = np.where(jobs[following] == waits.jobs, following, np.where(jobs[earlier] == waits.jobs, earlier, len(own)))
    found: NDArray[np.int64] = np.append(order, _NONE)[which]
    return found


def _draw_waits(
    ax: Axes, shown: _Rows, window: tuple[float, float], scale: tuple[float, float]
) -> list[Patch | Line2D]:
    """Draw a thin bar for each wait, and a symbol where it ended in vain; return the entries."""
    (first, last), (origin, length), waits = window, scale, shown.waits
    until = np.where(np.isnan(waits.until), last, waits.until)
    seen = (waits.since <= last) & (until >= first)
    if not seen.any():
        return []
    style: Any = {'facecolor': WAITING, 'edgecolor': WAITING}
    width = (until - waits.since)[seen] / length
    ax.barh(shown.places[seen], width, left=(waits.since[seen] - origin) / length, height=_THIN, **style)
    entries: list[Patch | Line2D] = [Patch(label='waiting in the queue', **style)]
    for ending, label, marker in _IN_VAIN:
        ended = (waits.ended_by == ending) & (first <= until) & (until <= last)
        entries += _mark(ax, (until[ended] - origin) / length, shown.places[ended], label, marker, 'white')
    return entries


_THIN = 0.2
_IN_VAIN = (
    (TIMED_OUT, 'wait timed out', 'D'),
    (WITHDREW, 'left the queue: worker died, or no answer', 'P'),
)


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


def _draw_renewals(
    ax: Axes, facts: Facts, shown: Holders, window: tuple[float, float], scale: tuple[float, float]
) -> list[Patch | Line2D]:
    """Draw a stroke for each renewal, and return the legend entry."""
    (first, last), (origin, length) = window, scale
    block = facts.known_part.block
    seen = (block.whats == RENEWED) & (first <= block.times) & (block.times <= last) & np.isin(block.jobs, shown.jobs)
    jobs, times = block.jobs[seen], block.times[seen]
    if len(jobs) and np.bincount(np.unique(jobs, return_inverse=True)[1]).max() > _STROKES:
        return []
    # A job that asked again after it lost its slot has more than one row: the last that began.
    order = np.lexsort((shown.granted, shown.jobs))
    rows = order[np.searchsorted(shown.jobs[order], jobs, side='right') - 1] if len(jobs) else jobs
    return [*_mark(ax, (times - origin) / length, rows, 'renewed', '|')]


_STROKES = 60
"""The most renewals of one holder that are drawn."""
_SIZES = {'o': 4, 'X': 6, '*': 8, 'v': 5, '|': 7, 'D': 5, 'P': 6}


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


def _telling_window(facts: Facts, rows: _Rows) -> tuple[float, float]:
    """Return the most instructive window, in seconds.

    It lies around an expiry under a running body, else around a crash, else where the pool is
    fullest and its queue is longest.
    """
    holders = rows.holders
    if not len(rows.begins):
        return 0.0, 1.0
    if len(rows.begins) <= HOLDERS_SHOWN:
        return float(rows.begins[0]), float(np.nanmax([facts.figures.last, *holders.body_until]))
    earliest, latest = _kept(facts)
    moments = holders.slot_until[holders.overran]
    if not len(moments):
        unused = holders.slot_until - holders.body_until
        moments = holders.body_until[holders.crashed | (unused > _SEEN * (facts.slot_exp or np.inf))]
    moments = np.sort(moments[(earliest <= moments) & (moments <= latest)])
    if len(moments) and facts.slot_exp is not None:
        centre = float(moments[len(moments) // 2])
        first = max(float(rows.begins[0]), earliest, centre - 1.5 * facts.slot_exp)
        return first, min(latest, centre + 1.5 * facts.slot_exp)
    block = facts.known_part.block
    fullest = float(block.times[int(np.argmax(block.occupancy + facts.known_part.queue()))])
    middle = int((rows.begins <= fullest).sum())
    around = rows.select(
        np.arange(max(0, middle - HOLDERS_SHOWN // 2), min(len(rows.begins), middle + HOLDERS_SHOWN // 2))
    )
    ends = around.holders.body_until
    return max(earliest, float(around.begins[0])), min(latest, float(np.nanmax([fullest, *ends])))


def _sample(rows: _Rows, centre: float, limit: int, seen: float) -> _Rows:
    """Return at most ``limit`` rows: some that overran or crashed, and others of all lengths.

    Holders that overran, crashed or left their slot unused are chosen by their distance from
    ``centre``.
    """
    holders = rows.holders
    if len(holders.jobs) <= limit:
        return rows
    special = holders.overran | holders.crashed | (holders.slot_until - holders.body_until > seen)
    near = np.flatnonzero(special)
    near = near[np.argsort(np.abs(holders.slot_until[near] - centre), kind='stable')][: limit // 3]
    others = np.flatnonzero(~special)
    vain = np.isnan(holders.granted)
    begins, ends = np.where(vain, rows.begins, holders.granted), np.where(vain, rows.ends, holders.body_until)
    lengths = np.where(np.isnan(ends), centre, ends)[others] - begins[others]
    others = others[np.argsort(lengths, kind='stable')]
    number = min(limit - len(near), len(others))
    evenly: NDArray[np.int64] = others[np.arange(number) * max(len(others) - 1, 0) // max(1, number - 1)]
    return rows.select(np.sort(np.concatenate([near, evenly])))
