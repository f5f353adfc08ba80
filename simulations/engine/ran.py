"""The raw outcome of a run, before figures are computed from it."""

from typing import NamedTuple

from simulations.history.events import Event
from simulations.measuring.observer import Observer
from simulations.results.facts import Findings


class Ran(NamedTuple):
    """The raw outcome of a run.

    Attributes:
        observer: the observer of the run, with everything that happened.
        recoveries: the times, in seconds, for which recovered slots were unused: their number, sum
            and maximum.
        findings: the findings of the judges.
        events: the last events before the first broken promise, if they were kept.
    """

    observer: Observer
    recoveries: tuple[int, float, float]
    findings: Findings
    events: list[Event]
