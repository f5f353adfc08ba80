"""What a run leaves behind, before figures are made of it."""

from typing import NamedTuple

from simulations.history.events import Event
from simulations.judging.violation import Violation
from simulations.measuring.observer import Watch


class Ran(NamedTuple):
    """A run that is over.

    Attributes:
        watch: what happened.
        recoveries: for how many seconds each recovered slot was used by nobody: how many, their sum, the longest.
        violations: promises that were broken, in order of time.
        events: the last ones before the first of these, where they were kept.
    """

    watch: Watch
    recoveries: tuple[int, float, float]
    violations: list[Violation]
    events: list[Event]
