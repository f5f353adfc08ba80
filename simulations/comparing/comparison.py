"""The result of a comparison."""

from html import escape
from typing import TYPE_CHECKING, Any

from simulations.comparing.facts import ComparisonFacts
from simulations.comparing.words import names, report, table, table_of_curve, verdict


if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Comparison(ComparisonFacts):
    """Two designs on the same jobs.

    ``print(...)`` shows a verdict and a table. JupyterLab displays a picture as well.
    """

    @property
    def verdict(self) -> str:
        """What the comparison found, in a sentence."""
        return verdict(self)

    def to_json(self) -> dict[str, dict[str, Any]]:
        """Return each figure with its ``difference`` (B - A) and its interval ``ci``.

        Further keys are ``a``, ``b``, ``without_pairing`` and ``caveats``. At several points, each
        of them is a list with an element for each point, and so are the varied values.
        """
        if len(self.points) == 1:
            return {name: found.to_json() for name, found in self.differences.items()}
        found: dict[str, dict[str, Any]] = {}
        for name in self.differences:
            rows = [
                {**point.values, **point.differences[name].to_json()}
                for point in self.points
                if name in point.differences
            ]
            found[name] = {key: [row[key] for row in rows] for key in rows[0]}
        return found

    def plot(self, ax: 'Axes | None' = None, figure: str | None = None) -> 'Axes':
        """Draw the difference of each figure with its interval; or one figure along a varied value.

        Returns the axes.

        Args:
            ax: where to draw; a new figure by default.
            figure: the figure of the curve, if there are several points; ``self.figure`` by
                default.

        Raises:
            ValueError: the figure is unknown, or several names were varied.
        """
        from simulations.comparing.plots import plot_comparison

        return plot_comparison(self, ax, figure)

    def __str__(self) -> str:
        return report(self)

    def _repr_html_(self) -> str:
        from simulations.comparing.plots import comparison_picture

        first, second = (escape(name) for name in names(self))
        head, *rows = table(self) if len(self.points) == 1 else table_of_curve(self)
        cells = ''.join(f'<th>{escape(cell)}</th>' for cell in head)
        body = ''.join('<tr>' + ''.join(f'<td>{escape(cell)}</td>' for cell in row) + '</tr>' for row in rows)
        return (
            f'<div><strong>A: {first}<br>B: {second}</strong><p>{escape(self.verdict)}</p>{comparison_picture(self)}'
            f'<table><tr>{cells}</tr>{body}</table></div>'
        )
