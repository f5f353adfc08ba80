"""What a package is asked for in its own process; see ``worker.py``."""

from typing import Protocol

from tests.benchmarks.contention import Arena
from tests.benchmarks.rounds import Chunk


class CannotError(Exception):
    """The package has no such thing; the message goes into the table's cell."""


class Subject(Protocol):
    """A package under measurement; both methods raise ``CannotError`` where it lacks what is asked for."""

    def chunk(self, measure: str) -> Chunk:
        """The loop of an uncontended row."""
        ...

    def arena(self, kind: str) -> Arena:
        """Actors that fight for its slots."""
        ...
