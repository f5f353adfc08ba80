"""What a size must achieve: few refusals, jobs that are served in time, or both."""

from typing import NamedTuple

from simulations.arguments import inner_probability
from simulations.measuring.figures import Figures
from simulations.scenarios.scenario import Scenario
from simulations.statistics.intervals import Interval
from simulations.theory.expectation import Expectation
from simulations.units import number
from simulations.workloads.refusals import Leave, Retry


TARGET = 0.01
"""The target share of refusals if nothing else is asked for."""
SERVED = 'served_within'
"""The figure that is compared with the share to serve in time."""


class Goal(NamedTuple):
    """A limit for one share.

    Attributes:
        figure: the name of the share.
        limit: what it is compared with.
        at_least: whether the share must be at least ``limit``; otherwise it must be less.

    Example::

        Goal('served_within', 0.95, at_least=True).met(0.95)    # True
    """

    figure: str
    limit: float
    at_least: bool

    @property
    def allowed(self) -> float:
        """The share of the jobs that may go wrong."""
        return 1 - self.limit if self.at_least else self.limit

    def met(self, value: float) -> bool:
        """Return whether this share meets the goal."""
        return value >= self.limit if self.at_least else value < self.limit

    def side(self, interval: Interval) -> bool | None:
        """Return whether the shares in an interval meet the goal; ``None`` if only some do."""
        low, high = self.met(interval.low), self.met(interval.high)
        return low if low == high else None

    def perfect(self, mean: float) -> bool:
        """Return whether no job went wrong, so that more slots could not change the measurement."""
        return mean == (1.0 if self.at_least else 0.0)


class Goals(NamedTuple):
    """What a size must achieve.

    Attributes:
        target: the share of refusals to stay below, time-outs included; ``None`` if refusals do not
            matter.
        share: the share of the jobs that must get a slot in time, at least; ``None`` if time does
            not matter.
        within: the seconds in which they must get it; ``None`` if that is not measured.
        of_attempts: whether ``target`` is a share of the attempts, because jobs try until they get
            a slot.
        waits: whether jobs wait, so that refusals include time-outs.
    """

    target: float | None
    share: float | None = None
    within: float | None = None
    of_attempts: bool = False
    waits: bool = False

    @classmethod
    def of(cls, scenario: Scenario, target: float | None, share: float | None) -> 'Goals':
        """Return the goals for a scenario, checked.

        Args:
            scenario: the workload; its ``wait_within`` is the time that ``share`` is about.
            target: as the attribute; :data:`TARGET` if neither is given.
            share: as the attribute.

        Raises:
            TypeError, ValueError: a goal is invalid, or says nothing about this scenario.
        """
        target = None if target is None else inner_probability('target', target)
        share = None if share is None else inner_probability('share', share)
        if share is not None and scenario.wait_within is None:
            raise ValueError(
                f'share needs a time in which that share of the jobs must get a slot, but wait_within is None: set'
                f' wait_within, or omit share (got {share!r})'
            )
        if share is None and waits_for_ever(scenario):
            raise ValueError(
                'no job is ever refused if all jobs wait for as long as it takes, so a target for refusals'
                f' (got {TARGET if target is None else target!r}) says nothing about max_size: set wait_within and'
                ' share, or limit wait or max_waiting'
            )
        if target is None and share is None:
            target = TARGET
        waits = scenario.conditions().waits
        return cls(target, share, scenario.wait_within, scenario.on_refusal.endless, waits)

    @property
    def each(self) -> tuple[Goal, ...]:
        """The goals, one by one."""
        few = [] if self.target is None else [Goal(self.refusals_name, self.target, at_least=False)]
        return (*few, *([] if self.share is None else [Goal(SERVED, self.share, at_least=True)]))

    @property
    def refusals_name(self) -> str:
        """The figure that is compared with the target."""
        return 'attempts_refusal_share' if self.of_attempts else 'refusal_share'

    @property
    def figures(self) -> tuple[str, ...]:
        """The names of the shares that decide."""
        return tuple(goal.figure for goal in self.each)

    @property
    def allowed(self) -> float:
        """The smallest share of jobs that may go wrong."""
        return min(goal.allowed for goal in self.each)

    def met_by(self, figures: Figures) -> bool:
        """Return whether a run in which nothing is random meets the goals."""
        shares = {
            'refusal_share': figures.refused / figures.jobs if figures.jobs else 0.0,
            'attempts_refusal_share': figures.attempts_refusal_share,
            SERVED: figures.served_within or 0.0,
        }
        return all(goal.met(shares[goal.figure]) for goal in self.each)

    def met_by_theory(self, expected: Expectation, on_refusal: Leave | Retry) -> bool | None:
        """Return whether theory meets the goals; ``None`` where it is silent or not exact."""
        values = [(goal, self.by_theory(goal.figure, expected, on_refusal)) for goal in self.each]
        if any(value is None for _, value in values):
            return None
        return all(goal.met(value) for goal, value in values if value is not None)

    def by_theory(self, figure: str, expected: Expectation | None, on_refusal: Leave | Retry) -> float | None:
        """Return the share that theory expects; ``None`` where it is silent or not exact.

        Args:
            figure: the name of the share.
            expected: what theory expects; ``None`` if it does not apply.
            on_refusal: what a refused job does.
        """
        if expected is None or not expected.exact:
            return None
        if figure != SERVED:
            return expected.attempts_refusal_share if self.of_attempts else expected.refusal_share
        if self.within is None:
            return None
        if expected.wait_distribution is not None:
            return float(expected.wait_distribution.served_within(self.within))
        return 1 - expected.refusal_share if isinstance(on_refusal, Leave) and not self.waits else None

    def words(self, whose: str = 'the') -> str:
        """Return what the right size does, for a sentence with the size as its subject.

        Args:
            whose: the word before ``jobs``.
        """
        parts = []
        if self.target is not None:
            how = ', at once or after their wait,' if self.waits else ''
            what = 'attempts' if self.of_attempts else 'jobs'
            parts.append(f'refuses{how} less than {self.target:.3g} of {whose} {what}')
        if self.share is not None:
            parts.append(f'serves at least {self.share:.6g} of {whose} jobs {self.in_time()}')
        return ' and '.join(parts)

    def in_time(self) -> str:
        """Return the limit of time in words."""
        return f'within {number(self.within)} s' if self.within else 'without a wait'


def waits_for_ever(scenario: Scenario) -> bool:
    """Return whether each job waits in the queue for as long as it takes."""
    return scenario.wait is None and scenario.max_waiting is None
