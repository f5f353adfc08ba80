"""The comparison of a live run with the simulation of the same scenario."""

from collections.abc import Mapping
from html import escape
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulations.history.events import Block
from simulations.measuring.counts import Levels
from simulations.measuring.figures import Figures
from simulations.measuring.time_shares import mean
from simulations.results.result import Result
from simulations.statistics.batches import batch_means
from simulations.statistics.intervals import Interval
from simulations.units import count
from simulations.workloads.refusals import Leave


WAITING = {
    'wait_mean': ('waiting time', '.4g'),
    'wait_p50': ('waiting time, median', '.4g'),
    'wait_p95': ('waiting time, 95%', '.4g'),
    'wait_p99': ('waiting time, 99%', '.4g'),
    'waited_share': ('jobs that waited', '.2%'),
    'served_within': ('jobs served in time', '.2%'),
    'timed_out_share': ('attempts timed out', '.2%'),
    'queue_mean': ('waiting jobs', '.4g'),
}
"""The figures of waiting that are compared, each with its name in a table and its format."""


class Estimated(NamedTuple):
    """A figure of one side.

    Attributes:
        value: the figure of the run.
        interval: its interval in the long run; ``None`` if the run is too short.
    """

    value: float
    interval: Interval | None

    def contains(self, value: float) -> bool | None:
        """Return whether a value is in the interval; ``None`` without one."""
        return None if self.interval is None else self.interval.low <= value <= self.interval.high


class Side(NamedTuple):
    """The figures of one side, simulated or live.

    Attributes:
        refusal_share: the share of refused jobs, or of refused attempts if jobs try again.
        refusal_interval: its interval in the long run; ``None`` if the run is too short.
        occupancy_mean: the mean number of live slots.
        occupancy_interval: the interval of that mean; ``None`` if the run is too short.
        occupancy_shares: the share of the time during which each number of slots was live.
        share_intervals: the intervals of these shares; ``None`` if the run is too short.
        waiting: the figures in ``WAITING``; none if jobs do not wait.
    """

    refusal_share: float
    refusal_interval: Interval | None
    occupancy_mean: float
    occupancy_interval: Interval | None
    occupancy_shares: NDArray[np.float64]
    share_intervals: list[Interval] | None
    waiting: Mapping[str, Estimated] = MappingProxyType({})


class Comparison(NamedTuple):
    """A live run and its simulation, side by side.

    Attributes:
        simulated, live: the figures of each side.
        of: what the refusal share counts, ``jobs`` or ``attempts``.
    """

    simulated: Side
    live: Side
    of: str

    @property
    def agree(self) -> bool | None:
        """Whether the live refusal share is in the simulated interval; ``None`` without one."""
        interval = self.simulated.refusal_interval
        return None if interval is None else interval.low <= self.live.refusal_share <= interval.high

    @property
    def within(self) -> dict[str, bool | None]:
        """Whether each live figure of waiting is in the simulated interval, if there is one."""
        live = self.live.waiting
        return {name: each.contains(live[name].value) for name, each in self.simulated.waiting.items() if name in live}

    @property
    def distance(self) -> float:
        """The distance of the two distributions of the occupancy, from 0 to 1.

        It is half the sum of the absolute differences of their shares (the total variation
        distance): the smallest share of the time during which the two occupancies can differ.
        """
        longest = max(len(self.simulated.occupancy_shares), len(self.live.occupancy_shares))
        one, other = (np.pad(side.occupancy_shares, (0, longest - len(side.occupancy_shares))) for side in self[:2])
        return float(np.abs(one - other).sum() / 2)

    def __str__(self) -> str:
        rows: list[tuple[str, ...]] = [('', 'simulated', 'live')]
        rows.append((f'{self.of} refused', *(_text(s.refusal_share, s.refusal_interval, '.2%') for s in self[:2])))
        rows.append(('occupancy', *(_text(s.occupancy_mean, s.occupancy_interval, '.4g') for s in self[:2])))
        for name in self.within:
            words, form = WAITING[name]
            rows.append((words, *(_text(*side.waiting[name], form) for side in self[:2])))
        shares = [side.occupancy_shares for side in self[:2]]
        for slots in _largest(np.maximum(*(np.pad(s, (0, max(map(len, shares)) - len(s))) for s in shares))):
            rows.append((f'{count(slots, "slot", "slots")} live', *(_share(side, slots) for side in self[:2])))
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        lines = ['  '.join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        lines.append(f'the occupancies differ for at least {self.distance:.2%} of the time')
        if self.agree is not None:
            lines.append(f"the live refusal share is {'within' if self.agree else 'outside'} the simulation's interval")
        for is_in, where in ((True, 'within'), (False, 'outside')):
            if names := [WAITING[name][0] for name, found in self.within.items() if found is is_in]:
                lines.append(f"live figures {where} the simulation's intervals: {'; '.join(names)}")
        return '\n'.join(lines)

    def _repr_html_(self) -> str:
        return f'<pre>{escape(str(self))}</pre>'

    def to_json(self) -> dict[str, Any]:
        """Return the numbers as plain values."""
        figures: dict[str, Any] = {'of': self.of, 'agree': self.agree, 'occupancy_distance': self.distance}
        figures |= {'within': self.within} if self.within else {}
        for name, side in (('simulated', self.simulated), ('live', self.live)):
            figures[name] = {
                'refusal_share': side.refusal_share,
                'refusal_share_ci': None if side.refusal_interval is None else list(side.refusal_interval[1:]),
                'occupancy_mean': side.occupancy_mean,
                'occupancy_mean_ci': None if side.occupancy_interval is None else list(side.occupancy_interval[1:]),
                'occupancy_shares': side.occupancy_shares.tolist(),
                'occupancy_shares_ci': None
                if side.share_intervals is None
                else [list(interval[1:]) for interval in side.share_intervals],
            }
            for figure, (value, interval) in side.waiting.items():
                bounds = None if interval is None else list(interval[1:])
                figures[name] |= {figure: value, f'{figure}_ci': bounds}
        return figures


MOST_ROWS = 12
_SPANS = 60
_EVENTS_A_SPAN = 5


def compare(simulated: Result, live: Result) -> Comparison:
    """Compare a live run with its simulation."""
    leaves = isinstance(live.on_refusal, Leave)
    return Comparison(_side(simulated, leaves), _side(live, leaves), 'jobs' if leaves else 'attempts')


def _side(result: Result, leaves: bool) -> Side:
    figures, estimates = result.figures, result.estimates
    return Side(
        figures.refusal_share if leaves else figures.attempts_refusal_share,
        estimates.refusal_share if leaves else estimates.attempts_refusal_share,
        mean(result.occupancy_shares),
        estimates.occupancy_mean,
        result.occupancy_shares,
        None
        if result.kept is None
        else share_intervals(result.kept.block(), len(result.occupancy_shares), _window(figures)),
        _waiting(result) if result.waits else {},
    )


def _waiting(result: Result) -> dict[str, Estimated]:
    """Return the figures of waiting that the run has."""
    intervals = result.estimates.intervals
    found = {name: getattr(result.figures, name) for name in WAITING}
    if result.wait is None:
        del found['timed_out_share']
    return {name: Estimated(value, intervals.get(name)) for name, value in found.items() if value is not None}


def _window(figures: Figures) -> tuple[float, float]:
    """Return the first and last instant of the time that means are over."""
    start = figures.first + figures.warm_up
    return start, start + figures.measured


def share_intervals(block: Block, levels: int, window: tuple[float, float]) -> list[Interval] | None:
    """Return the intervals of the occupancy's shares of the time, by batch means over equal spans.

    The time between two events counts in the span in which it ends, because it is short compared
    with a span.

    Args:
        block: the events of the run.
        levels: how many numbers of live slots have an interval, from 0.
        window: the first and last instant of the time to divide into spans.

    Returns:
        An interval for each number of live slots; ``None`` if the run is too short.
    """
    if len(block.times) < _EVENTS_A_SPAN * _SPANS:
        return None
    spans = Levels().spans(block)
    start, end = window
    edges = np.linspace(start, end, _SPANS + 1)[1:-1]
    seconds = np.zeros((_SPANS, levels))
    level = np.minimum(spans.before[0], levels - 1)
    within = np.clip(block.times, start, end) - np.clip(spans.since, start, end)
    np.add.at(seconds, (np.searchsorted(edges, block.times), level), within)
    totals = seconds.sum(axis=1).tolist()
    intervals = [batch_means(seconds[:, slots].tolist(), totals).interval for slots in range(levels)]
    return [Interval(mean, max(low, 0.0), min(high, 1.0)) for mean, low, high in intervals]


def _share(side: Side, slots: int) -> str:
    if slots >= len(side.occupancy_shares):
        return '0'
    interval = None if side.share_intervals is None else side.share_intervals[slots]
    return _text(float(side.occupancy_shares[slots]), interval, '.2%')


def _largest(shares: NDArray[np.float64]) -> list[int]:
    """Return the positions of the largest shares, at most ``MOST_ROWS``, in order."""
    largest = np.argsort(-shares, kind='stable')[:MOST_ROWS]
    return sorted(int(value) for value in largest if shares[value] > 0)


def _text(value: float, interval: Interval | None, form: str) -> str:
    return f'{value:{form}}' + ('' if interval is None else f' [{interval.low:{form}}, {interval.high:{form}}]')
