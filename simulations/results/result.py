"""What a run gives: its figures, its history, and its pictures."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from simulations.faults.episodes import Episode
from simulations.faults.network import Network
from simulations.history.history import History
from simulations.judging import Call, Judged, Linearity
from simulations.judging.violation import Violation
from simulations.measuring.estimates import Estimates
from simulations.measuring.figures import Figures
from simulations.measuring.holders import Part
from simulations.measuring.timeline import Timeline
from simulations.results.report import text
from simulations.statistics.intervals import Interval
from simulations.theory.expectation import Expectation
from simulations.workloads.refusals import Leave, Retry


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
        on_refusal: what a refused job did.
        crash_probability: the share of holders that were to crash.
        figures: the numbers.
        estimates: what they say of the long run, with intervals.
        occupancy_shares: for what share of the time 0, 1, 2, ... slots were live, of all pools together.
        overrun_shares: for what share of the time 0, 1, 2, ... bodies ran beyond their slot.
        timeline: how occupancy and running bodies went over time.
        part: who held a slot when, in a telling part of the run.
        history_hash: equal for two runs in which just the same happened; ``history.hash()``.
        seconds: how long the run took, in seconds of real time.
        violations: the promise that was broken, if one was; the run ended there.
        theory: what queueing theory expects in the long run, where it applies.
        why_no_theory: why it does not, in a sentence, where it does not.
        replications: how many independent runs the figures are of; pictures and history are the first one's.
        workers: how many processes the jobs ran in.
        network: between them and the server; ``None`` where commands took no time.
        protocol: how slots were taken, where it was not the store's own way.
        episodes: the faults that happened.
        calls: what clients asked and were told, where commands took time or faults happened.
        judgement: of these calls.
        linearity: of these calls.
        title: of the scenario, if it was one.
        lesson: what the scenario teaches, in a sentence.
    """

    clock: ClassVar[str] = 'time simulated'
    """What its time is called."""
    looked_at: ClassVar[str] = 'looked at after every command'
    """How often the store was asked, where calls were judged."""

    workload: str
    skipped: dict[str, int]
    store: str
    max_size: int
    slot_exp: float | None
    on_refusal: Leave | Retry
    crash_probability: float
    figures: Figures
    estimates: Estimates = field(repr=False)
    occupancy_shares: NDArray[np.float64] = field(repr=False)
    overrun_shares: NDArray[np.float64] = field(repr=False)
    timeline: Timeline = field(repr=False)
    part: Part = field(repr=False)
    history_hash: str
    kept: History | None = field(repr=False)
    seconds: float
    violations: list[Violation]
    theory: Expectation | None = None
    why_no_theory: str = ''
    replications: int = 1
    workers: int = 1
    network: Network | None = None
    protocol: str | None = None
    episodes: Sequence[Episode] = field(default=(), repr=False)
    calls: Sequence[Call] = field(default=(), repr=False)
    judgement: Judged | None = field(default=None, repr=False)
    linearity: Linearity | None = field(default=None, repr=False)
    title: str | None = None
    lesson: str = ''

    def __str__(self) -> str:
        return text(self)

    @property
    def history(self) -> History:
        """The events.  Raises ``ValueError`` if they were not kept."""
        if self.kept is None:
            raise ValueError('the history of this run was not kept: replay(..., history=True) keeps it')
        return self.kept

    @cached_property
    def whole(self) -> Part:
        """Who held a slot when, in the whole run where its history was kept, else in a part of it."""
        return (
            self.part if self.kept is None else Part(self.part.before.select(np.empty(0, np.int64)), self.kept.block())
        )

    def plot_occupancy(self, ax: 'Axes | None' = None) -> 'Axes':
        """Draw the occupancy over time, ``max_size``, and how many bodies were really running.

        Returns the axes; drawn on ``ax`` if given.
        """
        from simulations.results.plots import plot_occupancy

        return plot_occupancy(self, ax)

    def plot_slots(self, ax: 'Axes | None' = None, window: tuple[float, float] | None = None, most: int = 30) -> 'Axes':
        """Draw who held a slot when, as a Gantt chart: held, expired but running, crashed, released.

        Args:
            ax: where to draw; a new figure by default.
            window: first and last instant in seconds; by default three times ``slot_exp`` about an expiry
                under a running body, else about a crash, else where the pool is fullest.
            most: how many holders to show; where there are more, a sample of all lengths.

        Raises:
            ValueError: ``most`` or ``window`` cannot be, or the window is not within what was kept of the run.

        Example::

            result.plot_slots(window=(0, 60))
        """
        from simulations.results.plots import plot_slots

        return plot_slots(self, ax, window, most)

    def plot_occupancy_shares(self, ax: 'Axes | None' = None) -> 'Axes':
        """Draw for what share of the time each number of slots was live, with theory's distribution if it has one.

        Returns the axes; drawn on ``ax`` if given.
        """
        from simulations.results.plots import plot_occupancy_shares

        return plot_occupancy_shares(self, ax)

    def plot_overrun_shares(self, ax: 'Axes | None' = None) -> 'Axes':
        """Draw for what share of the time so many bodies ran beyond their slot, and their mean beside theory's.

        Returns the axes; drawn on ``ax`` if given.
        """
        from simulations.results.plots import plot_overrun_shares

        return plot_overrun_shares(self, ax)

    def plot_expiry(self, ax: 'Axes | None' = None, job: int | None = None) -> 'Axes':
        """Draw one slot that expired under a running body in close-up.

        Args:
            ax: where to draw; a new figure by default.
            job: which holder; by default one that tells most: whose slot made room in a full pool, and was taken by
                another while the body still ran.

        Raises:
            ValueError: no slot expired so, or not that of this job, in what was kept of the run.
        """
        from simulations.results.plots import plot_expiry

        return plot_expiry(self, ax, job)

    def to_json(self) -> dict[str, Any]:
        """The figures as plain values; shares and means as numbers, times in seconds, intervals as [low, high]."""
        numbers: dict[str, Any] = {
            'store': self.store,
            'workload': self.workload,
            'max_size': self.max_size,
            'slot_exp': self.slot_exp,
            'on_refusal': str(self.on_refusal),
            'crash_probability': self.crash_probability,
            'replications': self.replications,
            **self.figures._asdict(),
            'refusal_share_ci': _bounds(self.estimates.refusal_share),
            'attempts_refusal_share_ci': _bounds(self.estimates.attempts_refusal_share),
            'occupancy_mean_ci': _bounds(self.estimates.occupancy_mean),
            'overrun_mean_ci': _bounds(self.estimates.overrun_mean),
            'intervals': self.estimates.how,
            'occupancy_shares': self.occupancy_shares.tolist(),
            'overrun_shares': self.overrun_shares.tolist(),
            'skipped': self.skipped,
            'seconds': self.seconds,
            'history_hash': self.history_hash,
            'violations': len(self.violations),
        }
        if self.judgement is not None:
            numbers |= {
                'workers': self.workers,
                'network': None if self.network is None else str(self.network),
                'faults': [episode._asdict() for episode in self.episodes],
                'limits': [limit._asdict() for limit in self.judgement.limits],
                'unknown': self.judgement.unknown,
                'grants_judged': self.judgement.grants,
                'refusals_judged': self.judgement.refusals,
            }
        if self.theory is None:
            numbers['why_no_theory'] = self.why_no_theory
        else:
            numbers['theory'] = self.theory.formula
            numbers['offered_load'] = self.theory.offered_load
            numbers['refusal_share_theory'] = self.theory.refusal_share
            if self.theory.overrun_mean is not None:
                numbers['overrun_theory'] = self.theory.overrun_mean
        return numbers

    def more_rows(self) -> list[tuple[str, str]]:
        """What else the report says, as names and values: of such a run, nothing."""
        return []

    def _repr_html_(self) -> str:
        from simulations.results.card import card

        return card(self)


def _bounds(interval: Interval | None) -> list[float] | None:
    return None if interval is None else [interval.low, interval.high]
