"""The error of a run that broke a promise, with the result of that run."""

from simulations.history.events import Event
from simulations.judging.violation import BrokenPromise, Violation
from simulations.results.result import Result


class InvariantError(BrokenPromise):
    """A run broke a promise of the pool.

    Attributes:
        violation: which promise was broken, when, and how.
        events: the last events before it.
        result: the run up to that point, or the entire run if it continued.
    """

    def __init__(self, violation: Violation, events: list[Event], result: Result) -> None:
        super().__init__(violation, events)
        # Exceptions are pickled by their args, and this one is sent between processes.
        self.args = (violation, events, result)
        self.result = result

    def with_result(self, result: Result) -> 'InvariantError':
        """Return the same error about another account of the run."""
        return InvariantError(self.violation, self.events, result)
