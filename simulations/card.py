"""A run in JupyterLab: what it says in a few rows, and its picture."""

import base64
import io
from html import escape
from typing import TYPE_CHECKING

from simulations.report import rows


if TYPE_CHECKING:
    from simulations.results import Result


def card(result: 'Result') -> str:
    """The report as a table, and the occupancy over time under it, as HTML."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.2), layout='constrained')
    result.plot_occupancy(figure.add_subplot())
    image = io.BytesIO()
    figure.savefig(image, format='png', dpi=110)
    cells = ''.join(
        f'<tr><td style="text-align:left">{escape(name)}</td><td style="text-align:left">{escape(value)}</td></tr>'
        for name, value in rows(result)
    )
    return (
        f'<div><strong>{escape(result.title or result.workload)}</strong><table>{cells}</table>'
        f'<img alt="occupancy over time" src="data:image/png;base64,{base64.b64encode(image.getvalue()).decode()}">'
        '</div>'
    )
