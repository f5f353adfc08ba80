"""What happened in a run, event by event.

Five things can happen to a job: it is *granted* a slot or *refused*; its slot is *released*, or it *expired*
and the body, which nobody stopped, ends later: it *overran*.
"""

import csv
import hashlib
import io
import itertools
from array import array
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import NamedTuple


GRANTED, REFUSED, RELEASED, EXPIRED, OVERRAN = WHATS = ('granted', 'refused', 'released', 'expired', 'overran')

# By how much each changes the three counts, which are never the same thing.
OCCUPANCY = {GRANTED: 1, RELEASED: -1, EXPIRED: -1}
RUNNING = {GRANTED: 1, RELEASED: -1, OVERRAN: -1}
OVERRUN = {EXPIRED: 1, OVERRAN: -1}


ROWS_SHOWN = 20


class Event(NamedTuple):
    """One row of a history.

    Attributes:
        time: the instant, in seconds of virtual time.
        what: ``granted``, ``refused``, ``released``, ``expired`` or ``overran``.
        job: the job's number, in order of arrival, from 0.
        key: the pool, ``''`` where there is only one.
        occupancy: live slots of that pool, after the event.
        running: bodies that run under that pool's key, after the event.
    """

    time: float
    what: str
    job: int
    key: str
    occupancy: int
    running: int


class History:
    """The events of a run in order of time, kept in columns: some 30 bytes for each.

    Example::

        for event in result.history: ...
        result.history.to_csv('events.csv')
    """

    def __init__(self) -> None:
        self.times = array('d')
        self.whats = array('b')
        self.jobs = array('q')
        self.keys: list[str] = []
        self.occupancy = array('i')
        self.running = array('i')

    def append(self, event: Event) -> None:
        """Add the next event."""
        self.times.append(event.time)
        self.whats.append(WHATS.index(event.what))
        self.jobs.append(event.job)
        self.keys.append(event.key)
        self.occupancy.append(event.occupancy)
        self.running.append(event.running)

    def __len__(self) -> int:
        return len(self.times)

    def __repr__(self) -> str:
        return f'<History of {len(self):,} events>'

    def __getitem__(self, index: int) -> Event:
        what = WHATS[self.whats[index]]
        return Event(
            self.times[index], what, self.jobs[index], self.keys[index], self.occupancy[index], self.running[index]
        )

    def __iter__(self) -> Iterator[Event]:
        for row in zip(self.times, self.whats, self.jobs, self.keys, self.occupancy, self.running, strict=True):
            yield Event(row[0], WHATS[row[1]], *row[2:])

    def to_csv(self, path: str | Path | None = None) -> str:
        """The history as CSV with a header; written to ``path`` if one is given."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator='\n')
        writer.writerow(Event._fields)
        # repr keeps every digit of the instants, so that two histories are equal byte for byte or not at all.
        writer.writerows((repr(event.time), *event[1:]) for event in self)
        if path is not None:
            Path(path).write_text(text.getvalue(), encoding='utf-8')
        return text.getvalue()

    def _repr_html_(self) -> str:
        shown = list(itertools.islice(self, ROWS_SHOWN))
        head = ''.join(f'<th>{name}</th>' for name in Event._fields)
        rows = ''.join(
            '<tr>'
            + ''.join(f'<td>{escape(f"{value:g}" if isinstance(value, float) else str(value))}</td>' for value in event)
            + '</tr>'
            for event in shown
        )
        more = '' if len(self) == len(shown) else f'<p>… and {len(self) - len(shown):,} more events</p>'
        return f'<table><tr>{head}</tr>{rows}</table>{more}'

    def hash(self) -> str:
        """The SHA-256 of the CSV: equal for two runs in which just the same happened."""
        return hashlib.sha256(self.to_csv().encode()).hexdigest()
