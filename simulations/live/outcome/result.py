"""The result of a live run: a simulation's result, live measurements, and a comparison."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from simulations.judging import Judged
from simulations.live.outcome.compare import Comparison, compare
from simulations.live.outcome.measured import Measured
from simulations.results.report import text
from simulations.results.result import Result


if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False, kw_only=True)
class LiveResult(Result):
    """The result of a live run, with the report and the pictures of a simulation's result.

    Instants of the history are in scenario seconds; its expiries are computed, see
    :mod:`simulations.live.outcome.course`.

    Attributes:
        measured: the live measurements.
        simulated: the simulation of the same scenario; ``None`` if ``compare`` was false.
    """

    clock: ClassVar[str] = 'scenario time'
    checked: ClassVar[str] = 'queried throughout'

    measured: Measured
    simulated: Result | None = field(repr=False)

    @property
    def judgement(self) -> Judged:
        """The judgement of the calls that the workers made and the answers that they got."""
        judgement = self.findings.judgement
        assert judgement is not None
        return judgement

    @cached_property
    def comparison(self) -> Comparison | None:
        """The comparison with the simulation; ``None`` if there is no simulation."""
        return None if self.simulated is None else compare(self.simulated, self)

    def more_rows(self) -> list[tuple[str, str]]:
        """Return the live measurements as rows of the report: names and values."""
        return self.measured.rows()

    def __str__(self) -> str:
        report = text(self)
        if self.comparison is not None:
            report += '\n\n' + '\n'.join(f'  {line}' for line in str(self.comparison).splitlines())
        return report

    def _repr_html_(self) -> str:
        return super()._repr_html_() + ('' if self.comparison is None else self.comparison._repr_html_())

    def to_json(self) -> dict[str, Any]:
        """Return plain values: the keys of a simulation, and ``live`` and ``comparison``."""
        figures = super().to_json() | {'live': self.measured.to_json()}
        return figures if self.comparison is None else figures | {'comparison': self.comparison.to_json()}

    def plot_recovery(self, ax: 'Axes | None' = None) -> 'Axes':
        """Plot when the slots of killed holders were freed, compared with the life of a slot.

        Args:
            ax: the axes to draw on; a new figure by default.

        Raises:
            ValueError: no slot of a killed holder was freed in this run.
        """
        from simulations.live.outcome.plots import plot_recovery

        return plot_recovery(self, self.measured, ax)

    def plot_comparison(self, ax: 'Axes | None' = None) -> 'Axes':
        """Plot the share of the time for each number of live slots, simulated and live.

        Args:
            ax: the axes to draw on; a new figure by default.

        Raises:
            ValueError: there is no simulation to compare with.
        """
        from simulations.live.outcome.plots import plot_comparison

        return plot_comparison(self, self.comparison, ax)
