"""A fault as it happened in a run."""

from typing import NamedTuple


class Episode(NamedTuple):
    """One time that something went wrong.

    Attributes:
        kind: of the fault.
        workers: the numbers of the workers whom it befell; empty where it was the server.
        first: when it began, in seconds.
        last: when it was over; the same instant for what has no length.
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
