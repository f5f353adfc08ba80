"""Takes down what happens, and hands it on in blocks.

A row for each event is quick to note; what is made of them (figures, the course over time, the hash, the history) is
made of thousands at once, in columns.
"""

from collections.abc import Callable, Sequence

from simulations.history.events import WHATS, Block, Event, Row


BLOCK = 8192
"""Events that are handed on at once."""


class Recorder:
    """Notes events, and hands them to those who asked for them.

    Attributes:
        rows: where to append events.
        key_names: the keys of the pools that appeared, in order; a row names a pool by its place here.
    """

    def __init__(self, takers: Sequence[Callable[[Block], None]], key_names: list[str]) -> None:
        self.rows: list[Row] = []
        self.key_names = key_names
        self._takers = takers
        self._before: list[Row] = []

    def hand_on(self) -> None:
        """Give all takers what was noted since the last time."""
        if self.rows:
            block = Block.of(self.rows)
            self._before = self.last(BLOCK)
            self.rows.clear()
            for take in self._takers:
                take(block)

    def last(self, most: int) -> list[Row]:
        """The last rows, at most so many of the last thousands."""
        return (self._before + self.rows)[-most:] if len(self.rows) < most else self.rows[-most:]

    def last_events(self, most: int) -> list[Event]:
        """The same as events."""
        return [Event(row[0], WHATS[row[1]], row[2], self.key_names[row[3]], *row[4:]) for row in self.last(most)]
