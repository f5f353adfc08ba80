"""The interface of a package in its own process; see ``worker.py``."""

from typing import Protocol

from tests.benchmarks.contention import Arena
from tests.benchmarks.rounds import Chunk
from tests.benchmarks.waiting import Crowd


class CannotError(Exception):
    """The package does not support a row; the message is the text of the table's cell."""


class Subject(Protocol):
    """A package under measurement; it raises ``CannotError`` for a row it does not support."""

    def chunk(self, measure: str) -> Chunk:
        """Return the loop of an uncontended row."""
        ...

    def arena(self, kind: str) -> Arena:
        """Return the actors of a contended row."""
        ...

    def crowd(self, kind: str, workers: int, body: float) -> Crowd:
        """Return workers that wait: ``kind`` is ``threads`` or ``tasks``."""
        ...
