"""A broken promise, and the error that reports it."""

from typing import NamedTuple

from simulations.history.events import Event


EVENTS_SHOWN = 12


class Violation(NamedTuple):
    """A broken promise: which, when, and how."""

    rule: str
    time: float
    detail: str

    def __str__(self) -> str:
        return f'{self.rule} violated at {self.time:g} s: {self.detail}'


class BrokenPromise(Exception):  # noqa: N818 - the error that users see is InvariantError
    """A promise of the pool was broken.

    Attributes:
        violation: which promise, when, and how.
        events: the last events before it.
    """

    def __init__(self, violation: Violation, events: list[Event]) -> None:
        super().__init__(violation, events)
        self.violation = violation
        self.events = events

    def __str__(self) -> str:
        rows = [f'  {event.time:>16.6f}  {event.what:<8}  job {event.job:<8} {event.key}' for event in self.events]
        return '\n'.join([str(self.violation), 'the events before it:', *rows])
