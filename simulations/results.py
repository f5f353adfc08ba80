"""What a run gives: its history, its figures, and its pictures."""

import base64
import io
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Any

from simulations.checks import Violation
from simulations.figures import Figures
from simulations.history import History
from simulations.report import rows, text
from simulations.theory import LossSystem


if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False)
class Result:
    """A workload that went through a pool.

    In JupyterLab it shows itself as a card; ``print(result)`` gives the report.

    Attributes:
        workload: what arrived.
        skipped: records of the source that could not be used, by reason.
        store: where the pool was kept.
        max_size: slots of the pool.
        slot_exp: life of a slot in seconds, ``None`` for ever.
        figures: the numbers.
        history: the events.
        seconds: how long the run took, in seconds of real time.
        violations: the promise that was broken, if one was; the run ended there.
        theory: what queueing theory expects, where it applies.
    """

    workload: str
    skipped: dict[str, int]
    store: str
    max_size: int
    slot_exp: float | None
    figures: Figures
    history: History = field(repr=False)
    seconds: float
    violations: list[Violation]
    theory: LossSystem | None = None

    def __str__(self) -> str:
        return text(self)

    @cached_property
    def history_hash(self) -> str:
        """``history.hash()``, made once: a run that is over changes no more."""
        return self.history.hash()

    def plot_occupancy(self, ax: 'Axes | None' = None) -> 'Axes':
        """Draw the occupancy over time, ``max_size``, and how many bodies were really running.

        Returns the axes; drawn on ``ax`` if given.
        """
        from simulations.plots import plot_occupancy

        return plot_occupancy(self, ax)

    def plot_slots(self, ax: 'Axes | None' = None, window: tuple[float, float] | None = None, most: int = 30) -> 'Axes':
        """Draw who held a slot when, as a Gantt chart: held, expired but running, released.

        Args:
            ax: where to draw; a new figure by default.
            window: first and last instant in seconds; by default three times ``slot_exp`` about an expiry
                under a running body, or where the pool is fullest if no slot expired so.
            most: how many holders to show; where there are more, a sample of all lengths.
        """
        from simulations.plots import plot_slots

        return plot_slots(self, ax, window, most)

    def to_json(self) -> dict[str, Any]:
        """The figures as plain values; shares and means as numbers, times in seconds."""
        numbers: dict[str, Any] = {
            'store': self.store,
            'workload': self.workload,
            'max_size': self.max_size,
            'slot_exp': self.slot_exp,
            **self.figures._asdict(),
            'skipped': self.skipped,
            'seconds': self.seconds,
            'history_hash': self.history_hash,
            'violations': len(self.violations),
        }
        if self.theory is not None:
            numbers['refusal_share_theory'] = self.theory.refusal_share
            numbers['overrun_theory'] = self.theory.overrun_mean
        return numbers

    def _repr_html_(self) -> str:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(8, 3.2), layout='constrained')
        self.plot_occupancy(figure.add_subplot())
        image = io.BytesIO()
        figure.savefig(image, format='png', dpi=110)
        cells = ''.join(
            f'<tr><td style="text-align:left">{escape(name)}</td><td style="text-align:left">{escape(value)}</td></tr>'
            for name, value in rows(self)
        )
        return (
            f'<div><strong>{escape(self.workload)}</strong><table>{cells}</table>'
            f'<img alt="occupancy over time" src="data:image/png;base64,{base64.b64encode(image.getvalue()).decode()}">'
            '</div>'
        )
