"""What a run leaves behind, before figures are made of it."""

from typing import NamedTuple

from simulations.history.events import Event
from simulations.measuring.observer import Observer
from simulations.results.facts import Findings


class Ran(NamedTuple):
    """A run that is over.

    Attributes:
        observer: what happened.
        recoveries: for how many seconds each recovered slot was used by nobody: how many, their sum, the longest.
        findings: what the judges found.
        events: the last ones before the first promise that was broken, where they were kept.
    """

    observer: Observer
    recoveries: tuple[int, float, float]
    findings: Findings
    events: list[Event]
