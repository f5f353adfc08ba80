"""The result of a sweep: a table with a row for each point."""

import csv
import io
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulations.measuring.estimates import CONFIDENCE, RARE, at_least_zero, bounded_share
from simulations.measuring.figures import weighted_mean
from simulations.scenarios.scenario import Scenario
from simulations.statistics.intervals import Interval, ratio_interval
from simulations.sweeps.grid import Grid, Point
from simulations.sweeps.outcome import Outcome
from simulations.sweeps.vary import Value


if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Sweep(Grid):
    """A scenario at many points.

    ``print(...)`` shows a table. JupyterLab displays a picture and a table.
    """

    def rows(self) -> list[dict[str, Any]]:
        """Return the rows of the table as dictionaries, which a data frame accepts."""
        return [point.row() for point in self.points]

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
        return [
            '?: the interval is unreliable because the run is short or not steady: run longer, or make replications'
        ]

    def _table(self) -> list[list[str]]:
        shown = ['jobs', 'refused', '99 % interval']
        theory = any(point.refusal_share_theory is not None for point in self.points)
        crashes = any(point.recovery_longest for point in self.points)
        rows = []
        for point in self.points:
            share = point.refusals
            cells = ['none' if value is None else f'{value:g}' for value in point.values.values()]
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


ROWS_SHOWN = 30


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
    lengths = [f.last - f.first for f in figures]
    theory = scenario.expect()
    of_attempts = scenario.on_refusal.endless
    share_theory = None
    if not isinstance(theory, str):
        share_theory = theory.attempts_refusal_share if of_attempts else theory.refusal_share

    return Point(
        values=dict(values),
        runs=len(outcomes),
        jobs=sum(f.jobs for f in figures),
        refusal_share=_interval(outcomes, 'refusal_share', 'refused', 'jobs'),
        attempts_refusal_share=_interval(outcomes, 'attempts_refusal_share', 'attempts_refused', 'attempts'),
        occupancy_mean=_interval(outcomes, 'occupancy_mean', 'occupancy', 'seconds'),
        overrun_mean=_interval(outcomes, 'overrun_mean', 'overrun', 'seconds'),
        overrun_share=sum(f.expired_while_running for f in figures) / granted if granted else 0.0,
        recovery_mean=weighted_mean(figures, 'recovery_mean', [f.recovered for f in figures]) if recovered else 0.0,
        recovery_longest=max(f.recovery_longest for f in figures),
        wait_mean=weighted_mean(figures, 'wait_mean', [f.granted for f in figures]),
        utilisation=weighted_mean(figures, 'utilisation', lengths),
        refusal_share_theory=share_theory,
        overrun_theory=None if isinstance(theory, str) else theory.overrun_mean,
        of_attempts=of_attempts,
        sound=len(outcomes) > 1 or outcomes[0].sound,
    )


def _interval(outcomes: Sequence[Outcome], name: str, above: str, below: str) -> Interval | None:
    if len(outcomes) == 1:
        found: Interval | None = getattr(outcomes[0], name)
        return found
    per = [outcome.sum(below) for outcome in outcomes]
    if not any(per):
        return None
    if name == 'overrun_mean' and sum(outcome.sum('expired') for outcome in outcomes) < RARE:
        return None
    interval = ratio_interval([outcome.sum(above) for outcome in outcomes], per, CONFIDENCE)
    if not name.endswith('share'):
        return at_least_zero(interval)
    memoryless = all(outcome.memoryless for outcome in outcomes)
    units = sum(o.looks for o in outcomes) if memoryless else len(outcomes)
    return bounded_share(interval, units, CONFIDENCE, sum(per))
