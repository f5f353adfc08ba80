"""The points of a sweep, and the measurements at them."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from simulations.measuring.caveats import Caveat
from simulations.results.words import caveats_json
from simulations.scenarios.scenario import Scenario
from simulations.statistics.intervals import Interval
from simulations.sweeps.vary import Value
from simulations.theory.expectation import Expectation


class Point(NamedTuple):
    """One point of a sweep: the values that were varied, and the figures of all runs together.

    Attributes:
        values: the values that were varied, by name.
        runs: the number of runs.
        jobs: the number of jobs in all runs.
        refusal_share: refused jobs as a share of all, with its interval at 99 %; ``None`` if there
            were too few jobs, and so for the other intervals.
        attempts_refusal_share: refused attempts as a share of all.
        occupancy_mean: live slots, on average over time.
        overrun_mean: bodies beyond their slot, on average over time.
        overrun_share: the share of the granted jobs whose slot expired before their body ended.
        recovery_mean: the mean time from a crash until the slot was freed, in seconds; 0 if no slot
            was freed.
        recovery_longest: the longest of these times.
        wait_mean: the mean waiting time of all jobs, in seconds; 0, like the next four, if no job
            waits.
        wait_p95: the waiting time that 95 % of the jobs do not exceed, in seconds; of several runs
            the mean of theirs.
        waited_share: the share of the jobs that waited.
        timed_out_share: the share of the attempts whose wait timed out.
        queue_mean: waiting jobs, on average over time, in all pools together.
        served_within: the share of the jobs that got a slot within ``wait_within`` seconds of the
            scenario; ``None`` if it has none.
        wait_mean_granted: the mean time from arrival to grant, in seconds.
        utilisation: the share of the slots in use.
        refusal_share_theory, overrun_theory: what theory expects; ``None`` if it does not apply.
            The first refers to jobs or attempts, as ``refusals`` does.
        of_attempts: whether jobs try until they get a slot.
        queues: whether jobs wait in a queue if they find the pool full.
        caveats: the reasons to doubt the intervals.
        theory: what theory expects; ``None`` if it does not apply.
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
    wait_mean: Interval | None
    wait_p95: Interval | None
    waited_share: Interval | None
    timed_out_share: Interval | None
    queue_mean: Interval | None
    served_within: Interval | None
    wait_mean_granted: float
    utilisation: float
    refusal_share_theory: float | None
    overrun_theory: float | None
    of_attempts: bool
    queues: bool
    caveats: tuple[Caveat, ...]
    theory: Expectation | None

    @property
    def refusals(self) -> Interval | None:
        """The share of refused jobs, or of refused attempts if jobs try until they get a slot."""
        return self.attempts_refusal_share if self.of_attempts else self.refusal_share

    @property
    def refusals_name(self) -> str:
        """The name of the figure that ``refusals`` is."""
        return 'attempts_refusal_share' if self.of_attempts else 'refusal_share'

    @property
    def sound(self) -> bool:
        """Whether there is no reason to doubt the interval of the refusals."""
        return not any(caveat.concerns(self.refusals_name) for caveat in self.caveats)

    def row(self) -> dict[str, Any]:
        """Return plain values; an interval becomes its mean, ``_low`` and ``_high``.

        ``caveats`` is a text with the codes of the caveats, separated by blanks.
        """
        row: dict[str, Any] = dict(self.values)
        for name, value in self._asdict().items():
            if name in ('values', 'caveats', 'theory'):
                continue
            row[name] = value.mean if isinstance(value, Interval) else value
            if name in _WITH_INTERVAL:
                row[f'{name}_low'] = None if value is None else value.low
                row[f'{name}_high'] = None if value is None else value.high
        row['sound'] = self.sound
        row['caveats'] = ' '.join(dict.fromkeys(each.code for each in self.caveats))
        return row

    def to_json(self) -> dict[str, Any]:
        """Return plain values as :meth:`row` does; ``caveats`` is a list with their messages."""
        return {**self.row(), 'caveats': caveats_json(self.caveats, self.theory)}


_WITH_INTERVAL = (
    *('refusal_share', 'attempts_refusal_share', 'occupancy_mean', 'overrun_mean'),
    *('wait_mean', 'wait_p95', 'waited_share', 'timed_out_share', 'queue_mean', 'served_within'),
)


@dataclass(frozen=True, eq=False)
class Grid:
    """The measurements at many points of a scenario.

    Attributes:
        scenario: the scenario that was run.
        vary: the values of each name that was varied.
        points: one for each combination; the last name varies fastest.
    """

    scenario: Scenario
    vary: dict[str, tuple[Value, ...]]
    points: list[Point] = field(repr=False)
