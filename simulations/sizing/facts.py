"""The measurements behind an answer: the source of its words and pictures."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from simulations.measuring.caveats import Caveat
from simulations.scenarios.scenario import Scenario
from simulations.sizing.goals import Goals
from simulations.sizing.measure import Verdict
from simulations.statistics.intervals import Interval
from simulations.sweeps.grid import Point
from simulations.sweeps.table import Sweep
from simulations.traces.recorded import RecordedPool


@dataclass(frozen=True, eq=False)
class SizingFacts:
    """How big the pool must be.

    Attributes:
        scenario: the scenario at the size ``nearest``, with runs as long as they were made.
        target: the share of refusals to stay below, time-outs included; ``None`` if only the time
            until a slot matters.
        max_size: the smallest number of slots that meets the goals; ``None`` if that cannot be
            told.
        nearest: the answer, or the best guess if there is none.
        refusal_share: the share measured at ``nearest``, with its interval at 99 %.
        decided_by: ``measurement`` if the intervals on both sides of the answer decide, ``theory``
            if theory had to decide, ``mean`` if the answer may be another one of ``range``,
            ``nothing`` if there is no answer.
        range: the smallest and the largest answer that is not excluded; the largest is ``None`` if
            no size is certain to do. For a recorded trace, which has no randomness, only the answer
            itself.
        peak: the number of slots with which no job would have been refused, or would have waited,
            in the first run.
        max_size_theory: the answer of theory; ``None`` if it does not apply.
        pools: the number of keys; each key has a pool of ``max_size`` slots.
        curve: the measurements, by size.
        caveats: the reasons to doubt the measurement at the answer and just below it.
        why_not: why there is no answer, in a sentence; empty if there is one.
        lengthened: how many times as long as the scenario says the runs were made.
        skipped: the number of unusable records of the source, by reason.
        recorded: for a recording of pools, the facts of the pools by key.
        share: the share of the jobs that must get a slot within ``wait_within`` seconds; ``None``
            if that time does not matter.
    """

    scenario: Scenario
    target: float | None
    max_size: int | None
    nearest: int
    refusal_share: Interval
    decided_by: str
    range: tuple[int, int | None]
    peak: int
    max_size_theory: int | None
    pools: int
    curve: dict[int, Verdict] = field(repr=False)
    caveats: tuple[Caveat, ...] = ()
    why_not: str = ''
    lengthened: float = 1.0
    skipped: Mapping[str, int] = field(default_factory=dict)
    recorded: Mapping[str, RecordedPool] = field(default_factory=dict, repr=False)
    share: float | None = None

    @property
    def wait_within(self) -> float | None:
        """The seconds that ``share`` is about; ``None`` if that time is not measured."""
        return self.scenario.wait_within

    @property
    def served_within(self) -> Interval | None:
        """The share measured at ``nearest`` that got a slot in time, with its interval at 99 %."""
        return self.curve[self.nearest].served

    @property
    def goals(self) -> Goals:
        """What the size must achieve."""
        return Goals.of(self.scenario, self.target, self.share)


@dataclass(frozen=True, eq=False)
class ExpiryFacts:
    """Which expiries meet the conditions.

    Attributes:
        scenario: the scenario, at the expiry that was chosen.
        recovery: seconds within which a crashed holder's slot must be freed.
        overrun_share: the share of granted jobs that may outlive their slot.
        slot_exp: the longest expiry that meets both conditions, in seconds; ``None`` if none does.
        shortest: the shortest expiry that at most ``overrun_share`` of the granted jobs outlive, in
            seconds.
        point: the measurement at the longest expiry that recovers in time.
        curve: the measurements around the answer.
    """

    scenario: Scenario
    recovery: float
    overrun_share: float
    slot_exp: float | None
    shortest: float
    point: Point
    curve: Sweep = field(repr=False)
