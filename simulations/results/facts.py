"""Everything known about a finished run: the source of its report, card and pictures."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulations.conditions import Conditions
from simulations.faults import Fault
from simulations.faults.episodes import Episode, Missed
from simulations.faults.network import Network
from simulations.history.history import History
from simulations.judging import Call, Judged, Linearity
from simulations.judging.violation import Violation
from simulations.measuring.caveats import Caveat
from simulations.measuring.estimates import Estimates
from simulations.measuring.figures import Figures
from simulations.measuring.holders import Part, nobody
from simulations.measuring.observer import Observed
from simulations.measuring.timeline import Timeline
from simulations.results.outside import outside
from simulations.results.words import caveats_json
from simulations.theory.expectation import Expectation
from simulations.workloads.patience import Wait
from simulations.workloads.refusals import Leave, Retry


class Findings(NamedTuple):
    """The findings of the judges.

    Attributes:
        violations: broken promises, in order of time.
        episodes: the faults that happened.
        calls: the calls of the clients and their outcomes; recorded if commands took time or faults
            happened.
        judgement: the verdict on these calls.
        linearity: whether these calls are linearizable.
        missed: the faults that never happened, because the run was over before.
    """

    violations: list[Violation]
    episodes: Sequence[Episode] = ()
    calls: Sequence[Call] = ()
    judgement: Judged | None = None
    linearity: Linearity | None = None
    missed: Sequence[Missed] = ()


@dataclass(frozen=True, eq=False)
class Facts:
    """A finished run.

    Attributes:
        workload: the arriving jobs, in words.
        skipped: the number of unusable records of the source, by reason.
        store: where the pool was kept.
        conditions: the pool, its users and its faults.
        observed: what was computed from the events.
        findings: what the judges found.
        expectation: what queueing theory expects in the long run, or a sentence that says why it
            does not apply.
        seconds: how long the run took, in seconds of real time.
        replications: the number of independent runs behind the figures; pictures and history show
            the first.
        title: the title of the scenario, if there was one.
        lesson: what the scenario teaches, in a sentence.
    """

    clock: ClassVar[str] = 'time simulated'
    """The name of the row that reports the length of the run."""
    checked: ClassVar[str] = 'checked after every command'
    """How often the store was checked, in a run whose calls were judged."""

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

    # --- conditions

    @property
    def max_size(self) -> int:
        """Slots of the pool."""
        return self.conditions.max_size

    @property
    def slot_exp(self) -> float | None:
        """The life of a slot in seconds; ``None`` if slots never expire."""
        return self.conditions.slot_exp

    @property
    def renew_for(self) -> float | None:
        """For how many seconds slots were renewed; ``None`` for as long as their bodies ran."""
        return self.conditions.renew_for

    @property
    def renewed(self) -> bool:
        """Whether slots were renewed."""
        return self.conditions.renewed

    @property
    def wait(self) -> Wait:
        """For how long jobs waited at most; 0 if they did not."""
        return self.conditions.wait

    @property
    def waits(self) -> bool:
        """Whether jobs waited if they found the pool full."""
        return self.conditions.waits

    @property
    def max_waiting(self) -> int | None:
        """How many jobs could wait at each pool; ``None`` for any number."""
        return self.conditions.max_waiting

    @property
    def wait_within(self) -> float | None:
        """The seconds within which the jobs of ``served_within`` got a slot."""
        return self.conditions.wait_within

    @property
    def on_refusal(self) -> Leave | Retry:
        """What refused jobs did."""
        return self.conditions.on_refusal

    @property
    def crash_probability(self) -> float:
        """The probability with which a holder crashes before it releases."""
        return self.conditions.crash_probability

    @property
    def workers(self) -> int:
        """The number of processes that the jobs ran in."""
        return self.conditions.workers

    @property
    def network(self) -> Network | None:
        """The network between workers and server; ``None`` if commands took no time."""
        return self.conditions.network

    @property
    def faults(self) -> Sequence[Fault]:
        """The faults that were requested."""
        return self.conditions.faults

    @property
    def protocol(self) -> str | None:
        """The protocol that took slots, if it was not the one that the store uses."""
        return self.conditions.protocol

    # --- observations

    @property
    def figures(self) -> Figures:
        """The figures of the run."""
        return self.observed.figures

    @property
    def estimates(self) -> Estimates:
        """The figures in the long run, with intervals."""
        return self.observed.estimates

    @property
    def occupancy_shares(self) -> NDArray[np.float64]:
        """The share of the time at which 0, 1, 2, ... slots were live, in all pools together."""
        return self.observed.occupancy_shares

    @property
    def overrun_shares(self) -> NDArray[np.float64]:
        """The share of the time at which 0, 1, 2, ... bodies ran beyond their slot."""
        return self.observed.overrun_shares

    @property
    def timeline(self) -> Timeline:
        """Occupancy and running bodies over time."""
        return self.observed.timeline

    @property
    def part(self) -> Part:
        """Who held a slot and when, in the most interesting part of the run."""
        return self.observed.part

    @property
    def history_hash(self) -> str:
        """A hash that is equal for two runs with exactly the same events; ``history.hash()``."""
        return self.observed.history_hash

    @property
    def kept(self) -> History | None:
        """The events, if they were kept."""
        return self.observed.kept

    @property
    def history(self) -> History:
        """The events of the run.

        Raises:
            ValueError: they were not kept.
        """
        if self.kept is None:
            raise ValueError('the history of this run was not kept: replay(..., history=True) keeps it')
        return self.kept

    @cached_property
    def known_part(self) -> Part:
        """Who held a slot and when: in the entire run if it was kept, else in a part of it."""
        if self.kept is None:
            return self.part
        return Part(nobody(), self.kept.block())

    # --- findings

    @property
    def violations(self) -> list[Violation]:
        """The broken promises; without network, faults and protocol the run ended at the first."""
        return self.findings.violations

    @property
    def episodes(self) -> Sequence[Episode]:
        """The faults that happened."""
        return self.findings.episodes

    @property
    def missed(self) -> Sequence[Missed]:
        """The faults that never happened, because the run was over before."""
        return self.findings.missed

    @property
    def calls(self) -> Sequence[Call]:
        """The calls of the clients and their outcomes, if commands took time or faults happened."""
        return self.findings.calls

    @property
    def judgement(self) -> Judged | None:
        """The verdict on these calls."""
        return self.findings.judgement

    @property
    def linearity(self) -> Linearity | None:
        """Whether these calls are linearizable: whether some order of them makes each one right."""
        return self.findings.linearity

    # --- theory

    @property
    def theory(self) -> Expectation | None:
        """What queueing theory expects in the long run; ``None`` if it does not apply."""
        return None if isinstance(self.expectation, str) else self.expectation

    @property
    def why_no_theory(self) -> str:
        """Why theory does not apply, in a sentence; empty if it does."""
        return self.expectation if isinstance(self.expectation, str) else ''

    @cached_property
    def caveats(self) -> tuple[Caveat, ...]:
        """Every reason to doubt a figure; theory that lies outside an interval comes first."""
        return (*outside(self.estimates, self.theory, isinstance(self.on_refusal, Leave)), *self.estimates.caveats)

    def caveats_json(self) -> list[dict[str, Any]]:
        """Return the caveats as plain values: ``code``, ``message`` and ``figure``."""
        return caveats_json(self.caveats, self.theory)

    def more_rows(self) -> list[tuple[str, str]]:
        """Return further rows of the report, as names and values; a simulation has none."""
        return []
