"""Record a fault as it happened in a run, or that it never did."""

from typing import NamedTuple

from simulations.faults.kinds import Fault


class Episode(NamedTuple):
    """One occurrence of a fault.

    Attributes:
        kind: the kind of the fault.
        workers: the numbers of the workers that it hit; empty for a fault of the server.
        first: the instant at which it began, in seconds.
        last: the instant at which it ended, equal to ``first`` for a fault of no length.
    """

    kind: str
    workers: tuple[int, ...]
    first: float
    last: float

    def __str__(self) -> str:
        if len(self.workers) > 2:
            return f'{self.kind} of {len(self.workers)} workers'
        return (
            self.kind
            + ''.join(f' of worker {number}' for number in self.workers[:1])
            + (f' and {self.workers[1]}' if self.workers[1:] else '')
        )


class Missed(NamedTuple):
    """A fault that never happened, because it was to start after the end of the run.

    Attributes:
        kind: the kind of the fault.
        at: the instant at which it was to start, in seconds after the first arrival.
        over: the instant at which the run was over.
    """

    kind: str
    at: float
    over: float


def missed(fault: Fault, started: int, following: float, over: float) -> list[Missed]:
    """Return what a fault missed.

    A fault with ``at`` missed each instant at which it did not start. One with ``every`` missed
    something only if it never started.

    Args:
        fault: the fault.
        started: how often it started.
        following: the instant at which it was to start next.
        over: the instant at which the run was over.
    """
    if isinstance(fault.at, tuple):
        return [Missed(fault.kind, at, over) for at in fault.at[started:]]
    return [] if started else [Missed(fault.kind, following, over)]
