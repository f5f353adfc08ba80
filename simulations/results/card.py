"""The card that shows a run in JupyterLab: a few rows of its report, and two pictures."""

from html import escape

from simulations.results.facts import Facts
from simulations.results.report import rows


_NAME = 'style="text-align:left;vertical-align:top;white-space:nowrap"'
_VALUE = 'style="text-align:left;vertical-align:top;white-space:normal"'
_DETAILS = (
    'store',
    'time simulated',
    'scenario time',
    'throughput',
    'expired while running',
    'intervals',
    'drain',
    'took',
    'history',
)
"""Rows that are folded away: they describe how the run was made."""
_WIDTH = 8.1
"""In inches: 890 pixels."""


def card(facts: Facts) -> str:
    """Return the card as HTML: occupancy over time, its distribution, and the report as a table.

    If jobs waited, the queue is drawn on top of the occupancy.

    The text takes the colour of the notebook, light or dark; the pictures have a white background.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    from simulations.drawing.axes import html_image
    from simulations.results.plots import plot_occupancy, plot_occupancy_shares

    with rc_context({'font.size': 8, 'axes.titlesize': 9, 'legend.fontsize': 7.5}):
        figure = Figure(figsize=(_WIDTH, 3.3), layout='constrained')
        left, right = figure.subplots(1, 2, width_ratios=[3, 2])
        plot_occupancy(facts, left)
        plot_occupancy_shares(facts, right)
        what = 'occupancy and queue' if facts.figures.queue_peak else 'occupancy'
        left.set_title(f'{what} over time')
        right.set_title('share of the time')
        image = html_image(figure, f'{what} over time, and the share of the time at each occupancy')
    table = rows(facts)
    lesson = f'<p style="margin:0">{escape(facts.lesson)}</p>' if facts.lesson else ''
    workload = f'<p style="margin:0">{escape(facts.workload)}</p>' if facts.title else ''
    return (
        f'<div style="max-width:900px"><strong>{escape(facts.title or facts.workload)}</strong>{lesson}{workload}'
        f'{image}{_table([row for row in table if row[0] not in _DETAILS])}'
        f'<details><summary>more</summary>{_table([row for row in table if row[0] in _DETAILS])}</details></div>'
    )


def _table(table: list[tuple[str, str]]) -> str:
    cells = (f'<tr><td {_NAME}>{escape(name)}</td><td {_VALUE}>{escape(value)}</td></tr>' for name, value in table)
    return f'<table>{"".join(cells)}</table>'
