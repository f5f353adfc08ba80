"""A run in JupyterLab: what it says in a few rows, and its pictures."""

from html import escape
from typing import TYPE_CHECKING

from simulations.report import rows


if TYPE_CHECKING:
    from simulations.results import Result

_ROW = 'style="text-align:left;vertical-align:top;white-space:normal"'


def card(result: 'Result') -> str:
    """The report as a table, and occupancy over time beside its distribution under it, as HTML."""
    from matplotlib.figure import Figure

    from simulations.plots.frame import html_image

    figure = Figure(figsize=(11, 3.8), layout='constrained')
    left, right = figure.subplots(1, 2, width_ratios=[3, 2])
    result.plot_occupancy(left)
    result.plot_occupancy_shares(right)
    left.set_title('occupancy over time', fontsize=10)
    right.set_title('share of the time', fontsize=10)
    cells = ''.join(
        f'<tr><td {_ROW}>{escape(name)}</td><td {_ROW}>{escape(value)}</td></tr>' for name, value in rows(result)
    )
    lesson = f'<p style="margin:0">{escape(result.lesson)}</p>' if result.lesson else ''
    workload = f'<p style="margin:0">{escape(result.workload)}</p>' if result.title else ''
    return (
        f'<div style="max-width:900px"><strong>{escape(result.title or result.workload)}</strong>{lesson}{workload}'
        f'{html_image(figure, "occupancy over time, and for what share of the time so many slots were live")}'
        f'<table>{cells}</table></div>'
    )
