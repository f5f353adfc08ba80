"""The result of a sweep: a table with a row for each point."""

import csv
import io
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from simulations.measuring.caveats import merged
from simulations.measuring.estimates import Estimates
from simulations.measuring.figures import weighted_mean
from simulations.measuring.runs import of_runs
from simulations.measuring.series import Series
from simulations.results.outside import outside
from simulations.results.words import message
from simulations.scenarios.scenario import Scenario
from simulations.sweeps.grid import Grid, Point
from simulations.sweeps.outcome import Outcome
from simulations.sweeps.vary import Value
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
                ``overrun_mean``, ``overrun_share``, ``recovery_mean``, ``wait_mean`` or
                ``utilisation``.
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
            where = ', '.join(
                f'{name} {"none" if value is None else f"{value:g}"}' for name, value in point.values.items()
            )
            lines += [f'? at {where}: {doubt}' for doubt in doubts]
        more = len(lines) - MOST_DOUBTS
        return lines[:MOST_DOUBTS] + ([f'? and {more:,} more reasons to doubt an interval'] if more > 0 else [])

    def _table(self) -> list[list[str]]:
        shown = ['jobs', 'refused', '99 % interval']
        theory = any(point.refusal_share_theory is not None for point in self.points)
        crashes = any(point.recovery_longest for point in self.points)
        rows = []
        for point in self.points:
            share = point.refusals
            cells = [_text(value) for value in point.values.values()]
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
            rows.append(cells)
        head = [*self.vary, *shown, *(['theory'] if theory else []), 'in use', 'overrun', 'outlived their slot']
        return [head + (['recovery'] if crashes else []), *rows]

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


def _text(value: Value) -> str:
    return 'none' if value is None else f'{value:g}'


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
    estimates = _estimates(outcomes, scenario.max_size, max(1, *(f.pools for f in figures)))
    leaves = isinstance(scenario.on_refusal, Leave)
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
        wait_mean=weighted_mean(figures, 'wait_mean', [f.granted for f in figures]),
        utilisation=weighted_mean(figures, 'utilisation', lengths),
        refusal_share_theory=share_theory,
        overrun_theory=None if theory is None else theory.overrun_mean,
        of_attempts=of_attempts,
        caveats=(*outside(estimates, theory, leaves), *estimates.caveats),
        theory=theory,
    )


def _estimates(outcomes: Sequence[Outcome], max_size: int, pools: int) -> Estimates:
    """Return the estimates of one run, or of several together."""
    if len(outcomes) == 1:
        [alone] = outcomes
        return Estimates(*alone[2:6], method=None, caveats=alone.caveats, series=Series(*map(np.array, alone.run.sums)))
    estimates = of_runs([outcome.run for outcome in outcomes], max_size, pools)
    return estimates._replace(caveats=(*merged(outcome.caveats for outcome in outcomes), *estimates.caveats))
