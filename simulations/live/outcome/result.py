"""What a live run gives: all that a simulation gives, what was measured besides, and the simulation beside it."""

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
    """A scenario that was lived through; shows itself, and is drawn, as the result of a simulation.

    Instants of the history are in seconds of the scenario; expiries in it are reckoned, see
    :mod:`simulations.live.outcome.course`.

    Attributes:
        measured: what was measured besides.
        simulated: the same scenario in virtual time; ``None`` if it was not to be compared.
    """

    clock: ClassVar[str] = 'time lived'
    looked_at: ClassVar[str] = 'asked for all the time'

    measured: Measured
    simulated: Result | None = field(repr=False)

    @property
    def judgement(self) -> Judged:
        """What the judge said of all that the workers asked and were told."""
        found = self.findings.judgement
        assert found is not None
        return found

    @cached_property
    def comparison(self) -> Comparison | None:
        """Both side by side."""
        return None if self.simulated is None else compare(self.simulated, self)

    def more_rows(self) -> list[tuple[str, str]]:
        """What was measured besides, as names and values."""
        return self.measured.rows()

    def __str__(self) -> str:
        told = text(self)
        if self.comparison is not None:
            told += '\n\n' + '\n'.join(f'  {line}' for line in str(self.comparison).splitlines())
        return told

    def _repr_html_(self) -> str:
        return super()._repr_html_() + ('' if self.comparison is None else self.comparison._repr_html_())

    def to_json(self) -> dict[str, Any]:
        """The figures as plain values, with the keys of a simulation, and ``live`` and ``comparison``."""
        told = super().to_json() | {'live': self.measured.to_json()}
        return told if self.comparison is None else told | {'comparison': self.comparison.to_json()}

    def plot_recovery(self, ax: 'Axes | None' = None) -> 'Axes':
        """Draw when the slots of killed holders were back, beside the life that they had left.

        Args:
            ax: where to draw; a new figure by default.

        Raises:
            ValueError: no holder was killed.
        """
        from simulations.live.outcome.plots import plot_recovery

        return plot_recovery(self, self.measured, ax)

    def plot_comparison(self, ax: 'Axes | None' = None) -> 'Axes':
        """Draw for what share of the time each number of slots was live, simulated and lived.

        Raises:
            ValueError: there is no simulation beside it.
        """
        from simulations.live.outcome.plots import plot_comparison

        return plot_comparison(self, self.comparison, ax)
