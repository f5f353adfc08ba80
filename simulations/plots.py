"""The pictures of a run: labelled, readable in grey and by the colour-blind.

Each function draws on ``ax``, or on a new figure, and returns the axes.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from simulations import history
from simulations.history import REFUSED, WHATS, Event
from simulations.report import time_unit


if TYPE_CHECKING:
    from simulations.results import Result

# Okabe and Ito's palette: distinct for all kinds of colour vision, and of different lightness in grey.
HELD = '#56B4E9'
OCCUPANCY = '#0072B2'
RUNNING = '#D55E00'
LIMIT = '#000000'
# Not transparent: where two such overlap, a third colour would mean nothing.
OCCUPANCY_BAND = '#B5DCF3'
RUNNING_BAND = '#F2C9AA'

Floats = np.ndarray[tuple[int], np.dtype[np.float64]]
Counts = np.ndarray[tuple[int], np.dtype[np.int64]]

HOLDERS_SHOWN = 30
STEPS_DRAWN = 2000
ENVELOPE_BINS = 600


def plot_occupancy(result: 'Result', ax: Axes | None = None) -> Axes:
    """Occupancy over time, the bodies running beside it, and ``max_size``.

    A short run is drawn step by step; a long one as an envelope, from the least to the most in each of
    ``ENVELOPE_BINS`` spans of time, with the mean as a line.
    """
    ax = _axes(ax, (9, 4))
    figures = result.figures
    times = np.asarray(result.history.times)
    whats = np.asarray(result.history.whats)
    unit, length = time_unit(figures.last - figures.first if len(times) else 0.0)
    elapsed = (times - times[0]) / length if len(times) else times
    if figures.expired_while_running:
        _draw_level(ax, elapsed, _level(whats, history.RUNNING), RUNNING_BAND, RUNNING, 'running (bodies)')
    _draw_level(ax, elapsed, _level(whats, history.OCCUPANCY), OCCUPANCY_BAND, OCCUPANCY, 'occupancy (live slots)')
    if figures.pools <= 1:
        limit = f'max_size = {result.max_size:,}'
        ax.axhline(result.max_size, color=LIMIT, linestyle='--', linewidth=1.2, label=limit)
    ax.set_xlabel(f'{unit} since the first arrival')
    ax.set_ylabel('slots, bodies' if figures.pools <= 1 else f'slots, bodies in {figures.pools:,} pools')
    ax.set_ylim(bottom=0)
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    ax.margins(x=0.01)
    ax.set_title(f'{result.workload}\n{figures.refusal_share:.2%} of {figures.jobs:,} jobs refused')
    _legend_below(ax)
    return ax


def _draw_level(ax: Axes, elapsed: Floats, level: Counts, fill: str, line: str, label: str) -> None:
    if len(elapsed) <= STEPS_DRAWN or elapsed[0] == elapsed[-1]:
        ax.fill_between(elapsed, level, step='post', color=fill, linewidth=0)
        ax.step(elapsed, level, where='post', color=line, linewidth=1.0, label=label)
        return
    edges = np.linspace(elapsed[0], elapsed[-1], ENVELOPE_BINS + 1)
    least, mean, most = _envelope(elapsed, level, edges)
    ax.fill_between(edges[:-1], least, most, step='post', color=fill, linewidth=0, label=f'{label}, least to most')
    ax.step(edges[:-1], most, where='post', color=line, linewidth=0.4)
    ax.step(edges[:-1], mean, where='post', color=line, linewidth=1.2, label=f'{label}, mean')


def _envelope(elapsed: Floats, level: Counts, edges: Floats) -> tuple[Floats, Floats, Floats]:
    """The least, the mean over time and the most of a step curve between each edge and the next."""
    area = np.concatenate([[0.0], np.cumsum(level[:-1] * np.diff(elapsed))])
    mean = np.diff(np.interp(edges, elapsed, area)) / np.diff(edges)
    # The level at an edge is that of the last event before it.
    begins = np.maximum(np.searchsorted(elapsed, edges[:-1], side='right') - 1, 0)
    ends = np.searchsorted(elapsed, edges[1:], side='right')
    spans = [level[begin : max(end, begin + 1)] for begin, end in zip(begins, ends, strict=True)]
    least = np.array([span.min() for span in spans], dtype=float)
    most = np.array([span.max() for span in spans], dtype=float)
    return least, mean, most


class _Holder(NamedTuple):
    """From when to when a job held its slot and ran, in seconds; ``None``: not within the history."""

    job: int
    granted: float
    expired: float | None
    ended: float | None


def plot_slots(
    result: 'Result', ax: Axes | None = None, window: tuple[float, float] | None = None, most: int = HOLDERS_SHOWN
) -> Axes:
    """Who held a slot when: a bar for each holder, hatched from the expiry of its slot to the end of its body."""
    if most < 1:
        raise ValueError(f'most must be at least 1 holder, got {most!r}')
    if window is not None and not window[0] < window[1]:
        raise ValueError(f'window must be (first, last) with first < last, in seconds, got {window!r}')
    holders = _holders(result)
    first, last = _telling_window(result, holders) if window is None else window
    within = [holder for holder in holders if holder.granted < last and (holder.ended is None or holder.ended >= first)]
    shown = _sample(within, (first + last) / 2, most)
    ax = _axes(ax, (9, 2 + 0.12 * max(4, len(shown))))
    unit, length = time_unit(last - first)
    origin = result.figures.first
    # Where all happened in one instant there is still something to see.
    last = last if last > first else first + 1.0

    def at(instant: float) -> float:
        return (instant - origin) / length

    for row, (_, granted, expired, ended) in enumerate(shown):
        until = last if ended is None else ended
        held_until = until if expired is None else expired
        ax.barh(row, at(held_until) - at(granted), left=at(granted), height=0.7, color=HELD, edgecolor=OCCUPANCY)
        if expired is not None:
            width = at(until) - at(expired)
            ax.barh(row, width, left=at(expired), height=0.7, color='white', edgecolor=RUNNING, hatch='////')
            ax.plot(at(expired), row, marker='X', color=LIMIT, markersize=6)
        if ended is not None:
            ax.plot(at(ended), row, marker='o' if expired is None else '|', color=LIMIT, markersize=4)
    refusals = [at(event.time) for event in result.history if event.what == REFUSED and first <= event.time <= last]
    ax.plot(refusals, [len(shown)] * len(refusals), linestyle='', marker='v', color=RUNNING, markersize=5)
    ax.set_xlim(at(first), at(last))
    ax.set_ylim(len(shown) + 0.8, -0.8)
    ax.set_yticks(range(len(shown)), [f'job {holder.job}' for holder in shown], fontsize=7)
    ax.set_xlabel(f'{unit} since the first arrival')
    ax.set_ylabel('holders')
    which = f'{len(shown)} holders'
    if len(shown) < len(within):
        which = f'a sample of {len(shown)} of the {len(within):,} holders in this window,'
    ax.set_title(f'{result.workload}\n{which} of a pool of {result.max_size:,}')
    _legend_below(ax, _slot_legend(result, bool(refusals)))
    return ax


def _slot_legend(result: 'Result', refusals: bool) -> list[Patch | Line2D]:
    entries: list[Patch | Line2D] = [
        Patch(facecolor=HELD, edgecolor=OCCUPANCY, label='slot held'),
        Line2D([], [], linestyle='', marker='o', color=LIMIT, markersize=5, label='released'),
    ]
    if result.figures.expired_while_running:
        entries += [
            Line2D([], [], linestyle='', marker='X', color=LIMIT, markersize=6, label='slot expired'),
            Patch(facecolor='white', edgecolor=RUNNING, hatch='////', label='still running'),
        ]
    if refusals:
        entries.append(Line2D([], [], linestyle='', marker='v', color=RUNNING, markersize=5, label='job refused'))
    return entries


def _holders(result: 'Result') -> list[_Holder]:
    holders: dict[int, _Holder] = {}
    for event in result.history:
        _note(holders, event)
    return sorted(holders.values(), key=lambda holder: (holder.granted, holder.job))


def _note(holders: dict[int, _Holder], event: Event) -> None:
    match event.what:
        case 'granted':
            holders[event.job] = _Holder(event.job, event.time, None, None)
        case 'expired':
            holders[event.job] = holders[event.job]._replace(expired=event.time)
        case 'released' | 'overran':
            holders[event.job] = holders[event.job]._replace(ended=event.time)


def _telling_window(result: 'Result', holders: list[_Holder]) -> tuple[float, float]:
    """Where there is most to see: about an expiry under a running body, else where the pool is fullest."""
    if not holders:
        return 0.0, 1.0
    expiries = sorted(holder.expired for holder in holders if holder.expired is not None)
    if expiries and result.slot_exp is not None:
        centre = expiries[len(expiries) // 2]
        return max(holders[0].granted, centre - 1.5 * result.slot_exp), centre + 1.5 * result.slot_exp
    fullest = result.history.times[int(np.argmax(np.asarray(result.history.occupancy)))]
    middle = sum(holder.granted <= fullest for holder in holders)
    around = holders[max(0, middle - HOLDERS_SHOWN // 2) : middle + HOLDERS_SHOWN // 2]
    return around[0].granted, max(fullest, *(holder.ended or fullest for holder in around))


def _sample(holders: list[_Holder], centre: float, most: int) -> list[_Holder]:
    """At most so many holders: some whose slot expired near the middle, and of the others every length."""
    if len(holders) <= most:
        return holders
    expired = sorted(
        (holder for holder in holders if holder.expired is not None),
        key=lambda holder: abs((holder.expired or 0.0) - centre),
    )[: most // 3]
    others = sorted(
        (holder for holder in holders if holder.expired is None),
        key=lambda holder: (holder.ended or centre) - holder.granted,
    )
    wanted = min(most - len(expired), len(others))
    evenly = [others[index * (len(others) - 1) // max(1, wanted - 1)] for index in range(wanted)]
    return sorted({*expired, *evenly}, key=lambda holder: (holder.granted, holder.job))


def _level(whats: 'np.ndarray[tuple[int], np.dtype[np.int8]]', changes: dict[str, int]) -> Counts:
    change = np.zeros(len(WHATS), dtype=np.int64)
    for what, step in changes.items():
        change[WHATS.index(what)] = step
    return np.cumsum(change[whats])


def _axes(ax: Axes | None, size: tuple[float, float]) -> Axes:
    if ax is not None:
        return ax
    # Only here: it chooses a window system, which a command has no use for.
    import matplotlib.pyplot as plt

    _, axes = plt.subplots(figsize=size, layout='constrained')
    return axes


def _legend_below(ax: Axes, handles: list[Patch | Line2D] | None = None) -> None:
    entries: Any = handles or ax.get_legend_handles_labels()[0]
    columns = 3 if len(entries) == 5 and handles is None else 5
    # The distance is in letters, not in parts of the axes: room for the label of the axis at any size.
    ax.legend(
        handles=entries,
        loc='upper center',
        bbox_to_anchor=(0.5, 0),
        borderaxespad=4,
        ncols=columns,
        frameon=False,
    )
