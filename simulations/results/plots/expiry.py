"""One expiry in close-up."""

from typing import NamedTuple

import numpy as np
from matplotlib import rcParams
from matplotlib.axes import Axes

from simulations.drawing.axes import letters, new_axes
from simulations.drawing.colours import HELD, LIMIT, OCCUPANCY, RUNNING
from simulations.measuring.holders import Holders
from simulations.results.facts import Facts
from simulations.results.plots.bands import draw_bands
from simulations.results.plots.close_up import CloseUp, Counts, PoolCounts, choose, counts
from simulations.results.plots.titles import limit_name, set_title, slots_words
from simulations.units import time_unit


_WITHOUT_LABELS = 0.8
"""The share of the width that the row labels leave free."""
_NEAR = 16
"""Texts at marks closer than this many letters would overlap."""
_HEIGHT = 1.6
_FAR_ABOVE = 1.5
_APART = 0.25
_PAPER = {'facecolor': 'white', 'edgecolor': 'none', 'pad': 0.5}
"""The background of a text, which hides the lines behind it."""


def plot_expiry(facts: Facts, ax: Axes | None = None, job: int | None = None) -> Axes:
    """Draw one slot that expired under a running body, and return the axes.

    The upper part shows the slot acquired, expired, and the body that still runs and releases
    late. If the pool was full until then, it also shows the next holder: as the one that took the
    slot, if no other slot had become free meanwhile. The lower part shows the occupancy and the
    running bodies of that pool during this time.
    """
    part = facts.known_part
    holders = part.holders()
    close = choose(part, holders, facts.max_size, job)
    if close is None:
        raise ValueError(_why_none(facts, job))
    granted, _, ended = _instants(holders, close.late)
    last = ended
    if close.following is not None:
        last = max(last, float(np.fmin(holders.slot_until[close.following], ended + (ended - granted))))
    ax = new_axes((10, 4.5)) if ax is None else ax
    unit, length = time_unit(last - granted)
    scaled = holders._replace(
        granted=(holders.granted - granted) / length,
        slot_until=(holders.slot_until - granted) / length,
        body_until=(holders.body_until - granted) / length,
    )
    width = (last - granted) / length
    moments = counts(part, close.pool, granted, last)
    # Leave room for the names of the curves.
    beside = max(len(_name(name, level)) for name, level in moments._asdict().items() if name != 'times') + 2
    wide = max(beside, int(letters(ax, rcParams['font.size']) * _WITHOUT_LABELS) - beside)
    rows = _draw_holders(ax, scaled, close, _Width(width, wide, beside))
    moments = moments._replace(times=(moments.times - granted) / length)
    _, at_expiry, at_end = _instants(scaled, close.late)
    bottom, ticks = _draw_counts(ax, moments, facts, len(rows) + 0.9)
    ax.vlines([at_expiry, at_end], -0.25, bottom, color=LIMIT, linestyle=':', linewidth=0.8, zorder=0)
    ax.set_ylim(bottom + 0.35, -1.25)
    ax.set_xlim(-0.03 * width, width * (1 + beside / wide))
    # Between the holders and the counts, where there is no other text.
    lowest, highest = ax.get_ylim()
    between = (lowest - len(rows)) / (lowest - highest)
    draw_bands(ax, facts.episodes, (granted, last), granted, length, across=between)
    ax.set_yticks([*range(len(rows)), *ticks], [*rows, *ticks.values()])
    ax.set_ylabel('slots, bodies (below); holders (above)')
    ax.set_xlabel(f'{unit} since job {holders.jobs[close.late]} acquired its slot')
    what = 'is lost' if close.lost else 'expires'
    set_title(ax, facts, f'a slot that {what} under a running body, in a pool of {slots_words(facts)}')
    return ax


class _Width(NamedTuple):
    """The width of the close-up in the unit of time and in letters, and the letters next to it."""

    time: float
    letters: int
    beside: int

    def holds(self, begin: float, length: int) -> bool:
        """Return whether a text of ``length`` letters that starts at ``begin`` fits."""
        return begin / self.time * self.letters + length <= self.letters + self.beside

    def near(self, one: float, other: float) -> bool:
        """Return whether texts at two instants would overlap."""
        return abs(other - one) / self.time * self.letters < _NEAR


def _name(name: str, level: Counts) -> str:
    return f'{name} {int(level[-1]):,}'


def _instants(holders: Holders, place: int) -> tuple[float, float, float]:
    return float(holders.granted[place]), float(holders.slot_until[place]), float(holders.body_until[place])


def _why_none(facts: Facts, job: int | None) -> str:
    remedy = 'replay(..., history=True) keeps the entire run'
    if job is not None:
        missing = '' if facts.kept is not None else f', or not in the part of the run that was kept: {remedy}'
        return f'job {job} did not outlive its slot{missing}'
    if facts.figures.expired_while_running:
        return f'no body that outlived its slot ended in the part of the run that was kept: {remedy}'
    life = 'never expire' if facts.slot_exp is None else f'live {facts.slot_exp:g} s, longer than every body'
    return f'no slot expired while its body ran: slots {life}'


def _draw_holders(ax: Axes, holders: Holders, close: CloseUp, width: _Width) -> list[str]:
    """Draw a row for each of the two holders, and return the names of the rows."""

    def bar(row: float, begin: float, end: float, **style: str) -> None:
        ax.barh(row, end - begin, left=begin, height=0.5, **style)  # type: ignore[arg-type]

    def mark(row: float, instant: float, words: str, align: str, points: int) -> None:
        ax.plot(instant, row, marker='o', color=LIMIT, markersize=4)
        # Next to a dotted line, not on it.
        aside = {'left': 3, 'right': -3}.get(align, 0) if points < 0 else 0
        vertical = 'bottom' if points > 0 else 'top'
        ax.annotate(
            words, (instant, row), (aside, points), textcoords='offset points', ha=align, va=vertical, bbox=_PAPER
        )

    granted, expired, ended = _instants(holders, close.late)
    bar(0, granted, expired, facecolor=HELD, edgecolor=OCCUPANCY)
    bar(0, expired, ended, facecolor='white', edgecolor=RUNNING, hatch='////')
    mark(0, granted, 'acquired', 'left', 16)
    beside_first, beside_last = width.near(granted, expired), width.near(expired, ended)
    align = 'left' if beside_first else 'right' if beside_last else 'center'
    mark(0, expired, 'slot lost' if close.lost else 'slot expired', align, 30 if beside_first or beside_last else 16)
    mark(0, ended, 'released late', 'right', 16)
    ax.annotate(
        'still running, without a slot',
        ((expired + ended) / 2, 0),
        (0, -14),
        textcoords='offset points',
        ha='center',
        va='top',
        bbox=_PAPER,
    )
    rows = [f'job {holders.jobs[close.late]}']
    if close.following is not None:
        took, freed, _ = _instants(holders, close.following)
        bar(1, took, float(np.fmin(freed, width.time)), facecolor=HELD, edgecolor=OCCUPANCY)
        words = 'slot taken by' if close.same_slot else 'next holder:'
        words += f' job {holders.jobs[close.following]}'
        mark(1, took, words, 'left' if width.holds(took, len(words)) else 'right', -16)
        rows.append(f'job {holders.jobs[close.following]}')
    return rows


def _draw_counts(ax: Axes, moments: PoolCounts, facts: Facts, top: float) -> tuple[float, dict[float, str]]:
    """Draw occupancy and running bodies on one scale; return the position of 0 and the ticks."""
    peak = max(1, int(moments.running.max()), int(moments.occupancy.max()))
    max_size = int(facts.max_size)
    # A limit far above the curves would flatten them.
    limited = max_size <= _FAR_ABOVE * peak
    highest = max(peak, max_size) if limited else peak
    bottom = top + _HEIGHT

    def at(count: float) -> float:
        return bottom - _HEIGHT * count / highest

    end = float(moments.times[-1])
    curves = [
        (moments.running, 'running', RUNNING, '--', 1.6),
        (moments.occupancy, 'occupancy', OCCUPANCY, '-', 1.8),
    ]
    for level, _, colour, style, width in curves:
        places = bottom - _HEIGHT * level / highest
        ax.step(moments.times, places, where='post', color=colour, linewidth=width, linestyle=style)
    lower, upper = sorted(curves, key=lambda curve: (int(curve[0][-1]), curve[1] == 'running'))
    for (level, words, colour, *_), points, align in ((upper, 3, 'bottom'), (lower, -3, 'top')):
        ax.annotate(
            _name(words, level),
            (end, at(int(level[-1]))),
            (4, points),
            textcoords='offset points',
            color=colour,
            va=align,
        )
    ticks = {bottom: '0'}
    if limited:
        ax.hlines(at(max_size), 0, end, color=LIMIT, linestyle=(0, (5, 3)), linewidth=1.0, zorder=1)
        ticks[at(max_size)] = f'{limit_name(facts)} {max_size:,}'
    if not limited or abs(peak - max_size) > _APART * highest:
        ticks[at(peak)] = f'{peak:,}'
    return bottom, ticks
