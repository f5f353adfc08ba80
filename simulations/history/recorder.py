"""Record events and pass them on in blocks.

Noting a row for each event is quick.  The figures, the time series, the hash and the history are
then computed from thousands of events together, in columns.
"""

from collections.abc import Callable, Sequence

from simulations.history.events import WHATS, Block, Event, Row


BLOCK = 8192
"""The number of events that are passed on together."""


class Recorder:
    """Collects events and passes them on to several consumers.

    Attributes:
        rows: the list to which events are appended.
        key_names: the keys of the pools so far, in order of appearance; a row refers to a pool by
            its position here.
    """

    def __init__(self, consumers: Sequence[Callable[[Block], None]], key_names: list[str]) -> None:
        self.rows: list[Row] = []
        self.key_names = key_names
        self._consumers = consumers
        self._before: list[Row] = []

    def flush(self) -> None:
        """Pass the events since the last call on to all consumers."""
        if self.rows:
            block = Block.of(self.rows)
            self._before = self.last(BLOCK)
            self.rows.clear()
            for consume in self._consumers:
                consume(block)

    def last(self, limit: int) -> list[Row]:
        """Return the last rows, at most ``limit``; only some thousands are remembered."""
        return (self._before + self.rows)[-limit:] if len(self.rows) < limit else self.rows[-limit:]

    def last_events(self, limit: int) -> list[Event]:
        """Return the last rows as events, at most ``limit``."""
        return [Event(row[0], WHATS[row[1]], row[2], self.key_names[row[3]], *row[4:]) for row in self.last(limit)]
