"""Keep the events of a run in columns, and hash them."""

import csv
import hashlib
import io
import itertools
import sys
from array import array
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from simulations.history.events import WHATS, Block, Event


ROWS_SHOWN = 20


class Digest:
    """A hash of a history, computed while the run proceeds.

    Two runs have the same hash if exactly the same happened in both.  It is the SHA-256 of the
    hashes of the six columns, as little-endian numbers, and of the pools' keys.
    """

    def __init__(self) -> None:
        self._columns = [hashlib.sha256() for _ in Block._fields]

    def add(self, block: Block) -> None:
        """Add the events that follow."""
        columns: Iterable[NDArray[Any]] = block
        for column, values in zip(self._columns, columns, strict=True):
            column.update((values if sys.byteorder == 'little' else values.byteswap()).tobytes())

    def hexdigest(self, key_names: Iterable[str]) -> str:
        """Return the hash of all events so far, in pools with these keys, by number."""
        keys = b''.join(len(name := key.encode()).to_bytes(8, 'little') + name for key in key_names)
        columns = b''.join(column.digest() for column in self._columns)
        return hashlib.sha256(columns + hashlib.sha256(keys).digest()).hexdigest()


class History:
    """The events of a run in order of time, kept in columns of about 40 bytes an event.

    Attributes:
        times, whats, jobs, pools, occupancy, running: the columns; ``whats`` are positions in
            ``WHATS``, ``pools`` positions in ``key_names``.
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
        """Return the columns as arrays."""
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
        # repr keeps every digit of the instants, so equal files mean equal histories.
        writer.writerows((repr(event.time), *event[1:]) for event in self)

    def to_csv(self, path: str | Path | None = None) -> str:
        """Return the history as CSV with a header, and write it to ``path`` if one is given."""
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
        """Return the SHA-256 of the history, see :class:`Digest`."""
        digest = Digest()
        if len(self):
            digest.add(self.block())
        return digest.hexdigest(self.key_names)
