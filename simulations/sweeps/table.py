"""The result of a sweep: a table with a row for each point."""

import csv
import io
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from simulations.measuring.caveats import merged
from simulations.measuring.estimates import Estimates, at_least_zero
from simulations.measuring.figures import weighted_mean
from simulations.measuring.runs import of_runs
from simulations.measuring.series import Series
from simulations.results.outside import outside
from simulations.results.words import message
from simulations.scenarios.scenario import Scenario
from simulations.statistics.intervals import Interval, mean_interval
from simulations.sweeps.grid import Grid, Point
from simulations.sweeps.outcome import Outcome
from simulations.sweeps.vary import Value, value_text
from simulations.workloads.refusals import Leave


if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Sweep(Grid):
    """A scenario at many points.

    ``print(...)`` shows a table. JupyterLab displays a picture and a table.
    """

    def rows(self) -> list[dict[str, Any]]:
        """Return the rows of the table as dictionaries, which a data frame accepts."""
        return [point.row() for point in self.points]

    def to_json(self) -> list[dict[str, Any]]:
        """Return the points as plain values, each with its list of caveats."""
        return [point.to_json() for point in self.points]

    def to_csv(self, path: str | Path | None = None) -> str:
        """Return the table as CSV; also write it to ``path`` if given."""
        text = io.StringIO()
        rows = self.rows()
        writer = csv.DictWriter(text, list(rows[0]), lineterminator='\n')
        writer.writeheader()
        writer.writerows(rows)
        if path is not None:
            Path(path).write_text(text.getvalue(), encoding='utf-8', newline='\n')
        return text.getvalue()

    def plot(self, ax: 'Axes | None' = None, figure: str = 'refusal_share') -> 'Axes':
        """Draw a figure against the varied values, one name as a curve, two as a heat map.

        Returns the axes.

        Args:
            ax: where to draw; a new figure by default.
            figure: ``refusal_share``, ``attempts_refusal_share``, ``occupancy_mean``,
                ``overrun_mean``, ``overrun_share``, ``recovery_mean``, ``recovery_longest``,
                ``wait_mean``, ``wait_p95``, ``waited_share``, ``timed_out_share``,
                ``served_within``, ``queue_mean``, ``wait_mean_granted`` or ``utilisation``.
        """
        from simulations.sweeps.plots import plot_sweep

        return plot_sweep(self, ax, figure)

    def __str__(self) -> str:
        table = self._table()
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = ['  '.join(f'{cell:>{width}}' for cell, width in zip(row, widths, strict=True)) for row in table]
        head = self.scenario.title or str(self.scenario.workload().name)
        return '\n'.join([head, *lines, *self._footnote()])

    def _footnote(self) -> list[str]:
        if all(point.sound for point in self.points):
            return []
        lines = []
        for point in self.points:
            doubts = [message(each, point.theory) for each in point.caveats if each.concerns(point.refusals_name)]
            where = ', '.join(f'{name} {value_text(value)}' for name, value in point.values.items())
            lines += [f'? at {where}: {doubt}' for doubt in doubts]
        more = len(lines) - MOST_DOUBTS
        return lines[:MOST_DOUBTS] + ([f'? and {more:,} more reasons to doubt an interval'] if more > 0 else [])

    def _table(self) -> list[list[str]]:
        shown = ['jobs', 'refused', '99 % interval']
        theory = any(point.refusal_share_theory is not None for point in self.points)
        crashes = any(point.recovery_longest for point in self.points)
        waits = any(point.queues for point in self.points)
        within = any(point.served_within is not None for point in self.points)
        rows = []
        for point in self.points:
            share = point.refusals
            cells = [value_text(value) for value in point.values.values()]
            cells += [f'{point.jobs:,}', '' if share is None else f'{share.mean:.3%}']
            cells.append(
                '' if share is None else f'{share.low:.3%} to {share.high:.3%}' + ('' if point.sound else ' ?')
            )
            if theory:
                cells.append('' if point.refusal_share_theory is None else f'{point.refusal_share_theory:.3%}')
            cells += [
                f'{point.utilisation:.1%}',
                '' if point.overrun_mean is None else f'{point.overrun_mean.mean:.4g}',
            ]
            cells.append(f'{point.overrun_share:.3%}')
            if crashes:
                cells.append(f'{point.recovery_mean:.4g} s')
            if waits:
                cells += [_mean(point.wait_mean, '.4g', ' s'), _mean(point.wait_p95, '.4g', ' s')]
                cells += [_mean(point.timed_out_share, '.3%'), _mean(point.queue_mean, '.4g')]
            if within:
                cells.append(_mean(point.served_within, '.3%'))
            rows.append(cells)
        head = [*self.vary, *shown, *(['theory'] if theory else []), 'in use', 'overrun', 'outlived their slot']
        head += ['recovery'] if crashes else []
        head += ['mean wait', '95% wait at most', 'timed out', 'mean queue'] if waits else []
        return [head + (['served in time'] if within else []), *rows]

    def _repr_html_(self) -> str:
        from simulations.sweeps.plots import sweep_picture

        head, *rows = self._table()
        cells = ''.join(f'<th>{escape(name)}</th>' for name in head)
        body = ''.join(
            '<tr>' + ''.join(f'<td>{escape(cell)}</td>' for cell in row) + '</tr>' for row in rows[:ROWS_SHOWN]
        )
        more = '' if len(rows) <= ROWS_SHOWN else f'<p>… and {len(rows) - ROWS_SHOWN:,} more points</p>'
        title = escape(self.scenario.title or self.scenario.workload().name)
        return (
            f'<div><strong>{title}</strong><br>{sweep_picture(self)}<table><tr>{cells}</tr>{body}</table>{more}</div>'
        )


def _mean(interval: Interval | None, form: str, unit: str = '') -> str:
    return '' if interval is None else f'{interval.mean:{form}}{unit}'


ROWS_SHOWN = 30
MOST_DOUBTS = 10


def make_sweep(
    scenario: Scenario,
    vary: dict[str, tuple[Value, ...]],
    all_points: Sequence[dict[str, Value]],
    scenarios: Sequence[Scenario],
    outcomes: Sequence[Sequence[Outcome]],
) -> Sweep:
    """Return the table of the outcomes at each point."""
    rows = [
        make_point(values, scenario_there, found)
        for values, scenario_there, found in zip(all_points, scenarios, outcomes, strict=True)
    ]
    return Sweep(scenario, vary, rows)


def make_point(values: Mapping[str, Value], scenario: Scenario, outcomes: Sequence[Outcome]) -> Point:
    """Combine the runs at one point."""
    figures = [outcome.figures for outcome in outcomes]
    granted, recovered = sum(f.granted for f in figures), sum(f.recovered for f in figures)
    lengths = [f.measured for f in figures]
    expected = scenario.expect()
    theory = None if isinstance(expected, str) else expected
    of_attempts = scenario.on_refusal.endless
    share_theory = None
    if theory is not None:
        share_theory = theory.attempts_refusal_share if of_attempts else theory.refusal_share
    estimates = _estimates(outcomes, scenario, max(1, *(f.pools for f in figures)))
    leaves = isinstance(scenario.on_refusal, Leave)
    queues = scenario.conditions().waits
    no_queue = None if queues else _NOTHING
    no_wait = None if any(f.wait_longest for f in figures) else no_queue
    return Point(
        values=dict(values),
        runs=len(outcomes),
        jobs=sum(f.jobs for f in figures),
        refusal_share=estimates.refusal_share,
        attempts_refusal_share=estimates.attempts_refusal_share,
        occupancy_mean=estimates.occupancy_mean,
        overrun_mean=estimates.overrun_mean,
        overrun_share=sum(f.expired_while_running for f in figures) / granted if granted else 0.0,
        recovery_mean=weighted_mean(figures, 'recovery_mean', [f.recovered for f in figures]) if recovered else 0.0,
        recovery_longest=max(f.recovery_longest for f in figures),
        wait_mean=estimates.intervals.get('wait_mean', no_wait),
        wait_p95=_percentile(outcomes, estimates, no_wait),
        waited_share=estimates.intervals.get('waited_share', no_wait),
        timed_out_share=estimates.intervals.get('timed_out_share', no_queue),
        served_within=estimates.intervals.get('served_within'),
        queue_mean=estimates.intervals.get('queue_mean', no_queue),
        wait_mean_granted=weighted_mean(figures, 'wait_mean_granted', [f.granted for f in figures]),
        utilisation=weighted_mean(figures, 'utilisation', lengths),
        refusal_share_theory=share_theory,
        overrun_theory=None if theory is None else theory.overrun_mean,
        of_attempts=of_attempts,
        queues=queues,
        caveats=(*outside(estimates, theory, leaves), *estimates.caveats),
        theory=theory,
    )


_NOTHING = Interval(0.0, 0.0, 0.0)


def _percentile(outcomes: Sequence[Outcome], estimates: Estimates, without_waits: Interval | None) -> Interval | None:
    """Return the waiting time that 95 % of the jobs do not exceed.

    Of several runs it is the mean of those of the runs, with an interval from their scatter.
    """
    if without_waits is not None:
        return without_waits
    if len(outcomes) == 1:
        return estimates.intervals.get('wait_p95')
    return at_least_zero(mean_interval([outcome.figures.wait_p95 for outcome in outcomes]))


def _estimates(outcomes: Sequence[Outcome], scenario: Scenario, pools: int) -> Estimates:
    """Return the estimates of one run, or of several together."""
    if len(outcomes) == 1:
        [alone] = outcomes
        return Estimates(dict(alone.intervals), None, alone.caveats, Series(*map(np.array, alone.run.sums)))
    waiting = {'waits': scenario.conditions().waits, 'within': scenario.wait_within is not None}
    estimates = of_runs([outcome.run for outcome in outcomes], scenario.max_size, pools, **waiting)
    return estimates._replace(caveats=(*merged(outcome.caveats for outcome in outcomes), *estimates.caveats))
