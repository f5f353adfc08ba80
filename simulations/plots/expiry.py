"""The moment of an expiry in close-up."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from simulations.colours import HELD, LIMIT, OCCUPANCY, RUNNING
from simulations.holders import Holders, Part
from simulations.plots.frame import name_of, new_axes
from simulations.report import time_unit


if TYPE_CHECKING:
    from simulations.results import Result

_ROOM = 0.17


class _Close(NamedTuple):
    """A holder that outlived its slot, and the job that was granted a slot next, if one was before its body ended."""

    late: int
    following: int | None


def plot_expiry(result: 'Result', ax: Axes | None = None, job: int | None = None) -> Axes:
    """One slot that expired under a running body: acquired, expired, still running, taken by another, released late.

    Under it, occupancy and running bodies of that pool in this time.
    """
    part = result.whole
    holders = part.holders()
    close = _choose(result, part, holders, job)
    granted, expired, ended = (
        float(column[close.late]) for column in (holders.granted, holders.slot_until, holders.body_until)
    )
    last = ended
    if close.following is not None:
        last = max(last, float(np.nanmin([holders.slot_until[close.following], ended + (ended - granted)])))
    ax = new_axes((10, 4.5)) if ax is None else ax
    unit, length = time_unit(last - granted)

    def at(instant: float) -> float:
        return (instant - granted) / length

    def bar(row: float, begin: float, end: float, **style: str) -> None:
        ax.barh(row, at(end) - at(begin), left=at(begin), height=0.5, **style)  # type: ignore[arg-type]

    def mark(row: float, instant: float, words: str, align: str, above: bool = True) -> None:
        ax.plot(at(instant), row, marker='o', color=LIMIT, markersize=4)
        offset = (0, 16 if above else -16)
        ax.annotate(
            words, (at(instant), row), offset, textcoords='offset points', ha=align, va='bottom' if above else 'top'
        )

    bar(0, granted, expired, color=HELD, edgecolor=OCCUPANCY)
    bar(0, expired, ended, color='white', edgecolor=RUNNING, hatch='////')
    mark(0, granted, 'acquired', 'left')
    mark(0, expired, 'slot expired', 'center')
    mark(0, ended, 'released late', 'right')
    ax.annotate(
        'still running, without a slot',
        (at((expired + ended) / 2), 0),
        (0, -14),
        textcoords='offset points',
        ha='center',
        va='top',
    )
    rows = [f'job {holders.jobs[close.late]}']
    if close.following is not None:
        other = close.following
        took, freed = float(holders.granted[other]), float(holders.slot_until[other])
        bar(1, took, last if np.isnan(freed) else min(freed, last), color=HELD, edgecolor=OCCUPANCY)
        mark(1, took, f'slot taken by job {holders.jobs[other]}', 'left', above=False)
        rows.append(f'job {holders.jobs[other]}')
    bottom = _draw_counts(ax, part, int(holders.jobs[close.late]), granted, last, at, len(rows) + 0.9)
    for instant in (expired, ended):
        ax.axvline(at(instant), color=LIMIT, linestyle=':', linewidth=0.8, zorder=0)
    ax.set_ylim(bottom, -0.95)
    ax.set_xlim(-0.03 * at(last), at(last) * (1 + _ROOM))
    ax.set_ylabel('counts of the pool, holders')
    ax.set_xlabel(f'{unit} since job {holders.jobs[close.late]} acquired its slot')
    ax.set_title(f'{name_of(result)}\na slot that expired under a running body')
    ax.set_yticks([*range(len(rows)), *ax.get_yticks()], [*rows, *(text.get_text() for text in ax.get_yticklabels())])
    return ax


def _choose(result: 'Result', part: Part, holders: Holders, job: int | None) -> _Close:
    late = holders.overran & ~np.isnan(holders.body_until) & ~np.isnan(holders.slot_until)
    if job is not None:
        late &= holders.jobs == job
        if not late.any():
            raise ValueError(f'job {job} did not outlive its slot, or that is not in what was kept of the run')
    if not late.any():
        life = 'never expire' if result.slot_exp is None else f'live {result.slot_exp:g} s, longer than all bodies'
        raise ValueError(f'no slot expired while its body ran: slots {life}')
    pool_of = dict(zip(part.block.jobs.tolist(), part.block.pools.tolist(), strict=True))
    pools = np.array([pool_of.get(each, -1) for each in holders.jobs.tolist()])
    best: tuple[tuple[bool, float], _Close] | None = None
    for place in np.flatnonzero(late)[:2000].tolist():
        expired, ended = holders.slot_until[place], holders.body_until[place]
        after = (pools == pools[place]) & (holders.granted >= expired) & (holders.granted < ended)
        following = int(np.flatnonzero(after)[0]) if after.any() else None
        # Told best where the overrun is about as long as the slot lived.
        ratio = abs(np.log((ended - expired) / max(expired - holders.granted[place], 1e-12)))
        if following is not None:
            ratio += (holders.granted[following] - expired) / (ended - expired)
        rank = (following is None, float(ratio))
        if best is None or rank < best[0]:
            best = rank, _Close(place, following)
    assert best is not None
    return best[1]


def _draw_counts(ax: Axes, part: Part, job: int, first: float, last: float, at: 'object', top: float) -> float:
    """Occupancy and running as two step curves under the bars, on one scale; returns where they end."""
    block = part.block
    pool = block.pools[np.flatnonzero((block.jobs == job) & (block.whats >= 0))[0]]
    there = block.pools == pool
    times, occupancy, running = block.times[there], block.occupancy[there], block.running[there]
    begin, end = np.searchsorted(times, [first, last], side='right')
    begin = max(0, begin - 1)
    moments: NDArray[np.float64] = np.array([first, *times[begin + 1 : end], last])
    highest = max(1, int(running[begin:end].max()), int(occupancy[begin:end].max()))
    height = 1.6
    bottom = top + height

    def scaled(level: NDArray[np.int64]) -> NDArray[np.float64]:
        return bottom - height * np.append(level[begin:end], level[end - 1]) / highest

    instants = [at(float(moment)) for moment in moments]  # type: ignore[operator]
    ax.step(instants, scaled(running), where='post', color=RUNNING, linewidth=1.6, linestyle='--')
    ax.step(instants, scaled(occupancy), where='post', color=OCCUPANCY, linewidth=1.8)
    for level, words, colour in ((running, 'running', RUNNING), (occupancy, 'occupancy', OCCUPANCY)):
        place = scaled(level)[-1]
        shift = -4 if words == 'running' else 4
        ax.annotate(
            f'{words} {int(level[end - 1])}',
            (instants[-1], place),
            (4, -shift),
            textcoords='offset points',
            color=colour,
            va='bottom' if words == 'running' else 'top',
        )
    ax.set_yticks([bottom, top], ['0', f'{highest}'])
    return bottom + 0.35
