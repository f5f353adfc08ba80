"""What was measured for an answer: the facts that the words and the pictures are made of."""

from dataclasses import dataclass, field

from simulations.scenarios.scenario import Scenario
from simulations.sizing.measure import Verdict
from simulations.statistics.intervals import Interval
from simulations.sweeps.grid import Point
from simulations.sweeps.table import Sweep


@dataclass(frozen=True, eq=False)
class SizingFacts:
    """How big the pool must be.

    Attributes:
        scenario: what was sized, at the size that was found.
        target: the share of refusals to stay below.
        max_size: the smallest number of slots that does.
        refusal_share: what was measured with so many, and its interval at 99 %.
        decided_by: ``measurement`` if the intervals on both sides of the answer tell, ``theory`` if they needed it,
            ``mean`` if the answer may be another one of ``range``.
        range: the smallest and the largest answer that the measurement does not exclude; of a recorded trace, which
            knows no chance, the answer alone.
        peak: slots with which nobody would have been refused in the first run.
        max_size_theory: what theory says, where it applies.
        pools: how many keys were asked; each of their pools has so many slots.
        curve: what was measured, by size.
    """

    scenario: Scenario
    target: float
    max_size: int
    refusal_share: Interval
    decided_by: str
    range: tuple[int, int]
    peak: int
    max_size_theory: int | None
    pools: int
    curve: dict[int, Verdict] = field(repr=False)


@dataclass(frozen=True, eq=False)
class ExpiryFacts:
    """Which expiries will do.

    Attributes:
        scenario: what was measured, at the expiry that was chosen.
        recovery: seconds within which a crashed holder's slot must be back.
        overrun_share: the share of granted jobs that may outlive their slot.
        slot_exp: the longest expiry that does both; ``None`` if none does.
        shortest: the shortest expiry with which no more jobs outlive their slot than may, in seconds.
        point: what was measured at the longest expiry that recovers in time.
        curve: what was measured around it.
    """

    scenario: Scenario
    recovery: float
    overrun_share: float
    slot_exp: float | None
    shortest: float
    point: Point
    curve: Sweep = field(repr=False)
