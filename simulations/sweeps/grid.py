"""The points of a sweep, and what was measured there."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from simulations.scenarios.scenario import Scenario
from simulations.statistics.intervals import Interval
from simulations.sweeps.vary import Value


class Point(NamedTuple):
    """One point: what was varied, and what came of it in all runs together.

    Attributes:
        values: what was varied, by name.
        runs: how many.
        jobs: in all runs.
        refusal_share: of jobs, with its interval at 99 %; ``None`` for too few jobs, and so are the others.
        attempts_refusal_share: of attempts.
        occupancy_mean: live slots.
        overrun_mean: bodies beyond their slot.
        overrun_share: of the granted jobs, those whose slot expired before their body ended.
        recovery_mean: from a crash until the slot was back, in seconds; 0 if no slot came back.
        recovery_longest: the longest of these.
        wait_mean: from arrival to grant, in seconds.
        utilisation: share of the slots in use.
        refusal_share_theory, overrun_theory: where theory applies; the first is of what ``refusals`` is of.
        of_attempts: whether jobs ask until they get a slot.
        sound: whether nothing stands against the intervals.
    """

    values: dict[str, Value]
    runs: int
    jobs: int
    refusal_share: Interval | None
    attempts_refusal_share: Interval | None
    occupancy_mean: Interval | None
    overrun_mean: Interval | None
    overrun_share: float
    recovery_mean: float
    recovery_longest: float
    wait_mean: float
    utilisation: float
    refusal_share_theory: float | None
    overrun_theory: float | None
    of_attempts: bool
    sound: bool

    @property
    def refusals(self) -> Interval | None:
        """The share of attempts where jobs ask until they get a slot, as none is refused in the end; else of jobs."""
        return self.attempts_refusal_share if self.of_attempts else self.refusal_share

    def row(self) -> dict[str, Any]:
        """As plain values; an interval becomes three, its mean, ``_low`` and ``_high``."""
        row: dict[str, Any] = dict(self.values)
        for name, value in self._asdict().items():
            if name == 'values':
                continue
            row[name] = value.mean if isinstance(value, Interval) else value
            if name in _WITH_INTERVAL:
                row[f'{name}_low'] = None if value is None else value.low
                row[f'{name}_high'] = None if value is None else value.high
        return row


_WITH_INTERVAL = ('refusal_share', 'attempts_refusal_share', 'occupancy_mean', 'overrun_mean')


@dataclass(frozen=True, eq=False)
class Grid:
    """What was measured at many points of a scenario.

    Attributes:
        scenario: what was run.
        vary: the values of each name that was varied.
        points: one for each combination, the last name varying fastest.
    """

    scenario: Scenario
    vary: dict[str, tuple[Value, ...]]
    points: list[Point] = field(repr=False)
