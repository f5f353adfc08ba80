"""What is known of a run once it is over: the facts that report, card and pictures are made of."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulations.conditions import Conditions
from simulations.faults import Fault
from simulations.faults.episodes import Episode
from simulations.faults.network import Network
from simulations.history.history import History
from simulations.judging import Call, Judged, Linearity
from simulations.judging.violation import Violation
from simulations.measuring.estimates import Estimates
from simulations.measuring.figures import Figures
from simulations.measuring.holders import Part
from simulations.measuring.observer import Observed
from simulations.measuring.timeline import Timeline
from simulations.theory.expectation import Expectation
from simulations.workloads.refusals import Leave, Retry


class Findings(NamedTuple):
    """What the judges found.

    Attributes:
        violations: promises that were broken, in order of time.
        episodes: the faults that happened.
        calls: what clients asked and were told, where commands took time or faults happened.
        judgement: of these calls.
        linearity: of these calls.
    """

    violations: list[Violation]
    episodes: Sequence[Episode] = ()
    calls: Sequence[Call] = ()
    judgement: Judged | None = None
    linearity: Linearity | None = None


@dataclass(frozen=True, eq=False)
class Facts:
    """A run that is over.

    Attributes:
        workload: what arrived, in words.
        skipped: records of the source that could not be used, by reason.
        store: where the pool was kept.
        conditions: what the workload met.
        observed: what was computed from the events.
        findings: what the judges found.
        expectation: what queueing theory expects in the long run, or a sentence that says why it does not apply.
        seconds: how long the run took, in seconds of real time.
        replications: how many independent runs the figures are of; pictures and history are the first one's.
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
    conditions: Conditions
    observed: Observed = field(repr=False)
    findings: Findings = field(repr=False)
    expectation: Expectation | str
    seconds: float
    replications: int = 1
    title: str | None = None
    lesson: str = ''

    # --- what the workload met

    @property
    def max_size(self) -> int:
        """Slots of the pool."""
        return self.conditions.max_size

    @property
    def slot_exp(self) -> float | None:
        """The life of a slot in seconds; ``None`` for ever."""
        return self.conditions.slot_exp

    @property
    def on_refusal(self) -> Leave | Retry:
        """What a refused job did."""
        return self.conditions.on_refusal

    @property
    def crash_probability(self) -> float:
        """The share of holders that were to crash."""
        return self.conditions.crash_probability

    @property
    def workers(self) -> int:
        """How many processes the jobs ran in."""
        return self.conditions.workers

    @property
    def network(self) -> Network | None:
        """The network between workers and server; ``None`` where commands took no time."""
        return self.conditions.network

    @property
    def faults(self) -> Sequence[Fault]:
        """What was to go wrong."""
        return self.conditions.faults

    @property
    def protocol(self) -> str | None:
        """How slots were taken, where it was not the store's own way."""
        return self.conditions.protocol

    # --- what was observed

    @property
    def figures(self) -> Figures:
        """The numbers."""
        return self.observed.figures

    @property
    def estimates(self) -> Estimates:
        """What the numbers say of the long run, with intervals."""
        return self.observed.estimates

    @property
    def occupancy_shares(self) -> NDArray[np.float64]:
        """For what share of the time 0, 1, 2, ... slots were live, of all pools together."""
        return self.observed.occupancy_shares

    @property
    def overrun_shares(self) -> NDArray[np.float64]:
        """For what share of the time 0, 1, 2, ... bodies ran beyond their slot."""
        return self.observed.overrun_shares

    @property
    def timeline(self) -> Timeline:
        """How occupancy and running bodies went over time."""
        return self.observed.timeline

    @property
    def part(self) -> Part:
        """Who held a slot when, in a telling part of the run."""
        return self.observed.part

    @property
    def history_hash(self) -> str:
        """Equal for two runs in which just the same happened; ``history.hash()``."""
        return self.observed.history_hash

    @property
    def kept(self) -> History | None:
        """The events, where they were kept."""
        return self.observed.kept

    @property
    def history(self) -> History:
        """The events.  Raises ``ValueError`` if they were not kept."""
        if self.kept is None:
            raise ValueError('the history of this run was not kept: replay(..., history=True) keeps it')
        return self.kept

    @cached_property
    def whole(self) -> Part:
        """Who held a slot when, in the whole run where its history was kept, else in a part of it."""
        if self.kept is None:
            return self.part
        return Part(self.part.before.select(np.empty(0, np.int64)), self.kept.block())

    # --- what the judges found

    @property
    def violations(self) -> list[Violation]:
        """The promises that were broken; without network, faults and protocol the run ended at the first."""
        return self.findings.violations

    @property
    def episodes(self) -> Sequence[Episode]:
        """The faults that happened."""
        return self.findings.episodes

    @property
    def calls(self) -> Sequence[Call]:
        """What clients asked and were told, where commands took time or faults happened."""
        return self.findings.calls

    @property
    def judgement(self) -> Judged | None:
        """What the judge said of these calls."""
        return self.findings.judgement

    @property
    def linearity(self) -> Linearity | None:
        """Whether these calls have an order in which each was right."""
        return self.findings.linearity

    # --- what theory says

    @property
    def theory(self) -> Expectation | None:
        """What queueing theory expects in the long run, where it applies."""
        return None if isinstance(self.expectation, str) else self.expectation

    @property
    def why_no_theory(self) -> str:
        """Why theory does not apply, in a sentence, where it does not."""
        return self.expectation if isinstance(self.expectation, str) else ''

    def more_rows(self) -> list[tuple[str, str]]:
        """Return what else the report says, as names and values: nothing of a simulation."""
        return []
