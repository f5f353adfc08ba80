"""What happened in a run, event by event.

A job that asks is *granted* a slot, or *refused* and leaves; one that will ask again after a pause is *retrying*.
The slot of a holder is *released*, or it *expired* and the body, which nobody stopped, ends later: it *overran*.
A holder may also have *crashed*: it never releases, and its slot is *recovered* when it expires.

Where commands take time and faults happen, one thing may come apart into two.  A slot is *taken*, and its job is told
later: its body *began*, or *began late* if the slot was gone by then.  A body *ended*, and the release arrives later:
the slot is *freed*; or it never does, and the slot is *recovered*.  A job that got an error instead of an answer
*failed*.  A store that loses writes may let a slot *vanish* under its body, and a store whose writes or clock go back
may give it back (*regained*), or a slot that nobody wants any more (*restored*).
"""

import csv
import hashlib
import io
import itertools
import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import numpy as np
from numpy.typing import NDArray


# Kept in files and hashes by their places: new ones come last.
WHATS = (
    *('granted', 'refused', 'released', 'expired', 'overran', 'crashed', 'recovered', 'retrying'),
    *('taken', 'began', 'began late', 'ended', 'freed', 'failed', 'vanished', 'regained', 'restored'),
)
GRANTED, REFUSED, RELEASED, EXPIRED, OVERRAN, CRASHED, RECOVERED, RETRYING = range(8)
TAKEN, BEGAN, BEGAN_LATE, ENDED, FREED, FAILED, VANISHED, REGAINED, RESTORED = range(8, len(WHATS))

STARTS = (GRANTED, BEGAN, BEGAN_LATE)
"""With each a job has got what it asked for."""

# By how much each changes the three counts, which are never the same thing.
OCCUPANCY = dict.fromkeys((GRANTED, TAKEN, REGAINED, RESTORED), 1)
OCCUPANCY |= dict.fromkeys((RELEASED, EXPIRED, RECOVERED, FREED, VANISHED), -1)
RUNNING = dict.fromkeys(STARTS, 1) | dict.fromkeys((RELEASED, OVERRAN, CRASHED, ENDED), -1)
OVERRUN = {EXPIRED: 1, OVERRAN: -1, BEGAN_LATE: 1, VANISHED: 1, REGAINED: -1}


ROWS_SHOWN = 20

Row = tuple[float, int, int, int, int, int]
"""Instant, what, job, number of the pool, and occupancy and running of that pool after it."""


class Event(NamedTuple):
    """One row of a history.

    Attributes:
        time: the instant, in seconds of virtual time.
        what: one of ``WHATS``, as the module tells.
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


class Block(NamedTuple):
    """Some events that followed one another, in columns."""

    times: NDArray[np.float64]
    whats: NDArray[np.int8]
    jobs: NDArray[np.int64]
    pools: NDArray[np.int32]
    occupancy: NDArray[np.int64]
    running: NDArray[np.int64]

    @classmethod
    def empty(cls) -> 'Block':
        """No events."""
        whole = np.empty(0, np.int64)
        return cls(np.empty(0), np.empty(0, np.int8), whole, np.empty(0, np.int32), whole, whole)

    def followed_by(self, block: 'Block') -> 'Block':
        """These events and then those."""
        pairs: Iterable[tuple[Any, Any]] = zip(self, block, strict=True)
        return Block(*map(np.concatenate, pairs))

    @classmethod
    def of(cls, rows: Sequence[Row]) -> 'Block':
        """The events that were noted as rows, of which there must be one at least."""
        times, whats, jobs, pools, occupancy, running = zip(*rows, strict=True)
        return cls(
            np.array(times, np.float64),
            np.array(whats, np.int8),
            np.array(jobs, np.int64),
            np.array(pools, np.int32),
            np.array(occupancy, np.int64),
            np.array(running, np.int64),
        )


def changes(steps: dict[int, int]) -> NDArray[np.int64]:
    """By how much each kind of event changes a count, at its place in ``WHATS``."""
    by_what = np.zeros(len(WHATS), np.int64)
    for what, step in steps.items():
        by_what[what] = step
    return by_what


class Digest:
    """A hash of a history, made while it happens: equal for two runs in which just the same happened.

    It is the SHA-256 of the hashes of the six columns, as little-endian numbers, and of the pools' keys.
    """

    def __init__(self) -> None:
        self._columns = [hashlib.sha256() for _ in Block._fields]

    def add(self, block: Block) -> None:
        """Take in the events that follow."""
        columns: Iterable[NDArray[Any]] = block
        for column, values in zip(self._columns, columns, strict=True):
            column.update((values if sys.byteorder == 'little' else values.byteswap()).tobytes())

    def hexdigest(self, key_names: Iterable[str]) -> str:
        """The hash of all events so far, in pools with these keys, in order of their numbers."""
        keys = b''.join(len(name := key.encode()).to_bytes(8, 'little') + name for key in key_names)
        whole = b''.join(column.digest() for column in self._columns)
        return hashlib.sha256(whole + hashlib.sha256(keys).digest()).hexdigest()


class History:
    """The events of a run in order of time, kept in columns: some 40 bytes for each.

    Attributes:
        times, whats, jobs, pools, occupancy, running: the columns; ``whats`` are places in ``WHATS``, ``pools`` in
            ``key_names``.
        key_names: the keys of the pools.

    Example::

        for event in result.history: ...
        result.history.to_csv('events.csv')
    """

    def __init__(self, key_names: list[str]) -> None:
        self.times = array('d')
        self.whats = array('b')
        self.jobs = array('q')
        self.pools = array('i')
        self.occupancy = array('q')
        self.running = array('q')
        self.key_names = key_names

    def add(self, block: Block) -> None:
        """Add the events that follow."""
        columns: Iterable[NDArray[Any]] = block
        for column, values in zip(self._columns(), columns, strict=True):
            column.frombytes(values.tobytes())

    def _columns(self) -> 'list[array[float] | array[int]]':
        return [self.times, self.whats, self.jobs, self.pools, self.occupancy, self.running]

    def block(self) -> Block:
        """The columns as arrays."""
        return Block(*(np.asarray(column) for column in self._columns()))

    def __len__(self) -> int:
        return len(self.times)

    def __repr__(self) -> str:
        return f'<History of {len(self):,} events>'

    def __getitem__(self, index: int) -> Event:
        return self._event(*(column[index] for column in self._columns()))  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[Event]:
        return itertools.starmap(self._event, zip(*self._columns(), strict=True))

    def _event(self, time: float, what: int, job: int, pool: int, occupancy: int, running: int) -> Event:
        return Event(time, WHATS[what], job, self.key_names[pool], occupancy, running)

    def write_csv(self, file: TextIO) -> None:
        """Write the events as CSV with a header."""
        writer = csv.writer(file, lineterminator='\n')
        writer.writerow(Event._fields)
        # repr keeps every digit of the instants, so that two histories are equal byte for byte or not at all.
        writer.writerows((repr(event.time), *event[1:]) for event in self)

    def to_csv(self, path: str | Path | None = None) -> str:
        """The history as CSV with a header; written to ``path`` if one is given."""
        text = io.StringIO()
        self.write_csv(text)
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
        """A SHA-256 that is equal for two runs in which just the same happened, see :class:`Digest`."""
        digest = Digest()
        if len(self):
            digest.add(self.block())
        return digest.hexdigest(self.key_names)
