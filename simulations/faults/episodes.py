"""Record a fault as it happened in a run."""

from typing import NamedTuple


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
