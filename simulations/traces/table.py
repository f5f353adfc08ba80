"""Read a table of jobs, CSV or similar, with a row for each job.

A row needs two of these three: when the job arrived, how long it held its slot, and when it ended.
"""

import csv
import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TextIO

from simulations.traces.columns import Columns, TraceError, possible, trace_lines
from simulations.traces.times import ISO, UNITS, MixedZonesError, TimestampReader, iso_seconds, unit_reader
from simulations.traces.trace import Trace


DELIMITERS = ',;\t|'
_PARQUET = 'PAR1'
_THINGS = {'arrival': 'an arrival', 'holding': 'a holding time', 'end': 'an end'}

Column = str | int
"""A column, given by its name in the header, or by its number, counted from 1."""


def read_table(
    path: str | Path,
    *,
    arrival: Column | None = None,
    holding: Column | None = None,
    end: Column | None = None,
    key: Column | Sequence[Column] | None = None,
    unit: str = 's',
    instants: str | None = None,
    delimiter: str | None = None,
    header: bool | None = None,
) -> Trace:
    """Read the jobs of a table.

    Args:
        path: the file; gzip is recognised by its first bytes.  Blank lines are skipped, and so are
            lines before the table that begin with ``#``.
        arrival: the column with the instant of arrival.
        holding: the column with the holding time.
        end: the column with the instant at which the job ended.  Give two of these three.  By
            default the columns ``arrival`` and ``holding`` are read, and ``key`` if there is one,
            as ``Trace.to_csv`` writes them.
        key: the column or columns whose values choose the pool of a job; a job without a value
            there has no key.
        unit: the unit of the holding times, and of instants that are numbers: d, h, min, s, ms, us
            or ns.
        instants: how instants are written: one of the units, or ``iso`` for ISO 8601 timestamps.
            Timestamps become seconds since 1970, and are in UTC if they name no time zone.  By
            default the first row with valid instants decides.
        delimiter: one character.  By default the most frequent of ``, ; tab |`` in the first line,
            or a blank if there are none.
        header: whether the first row names the columns.  By default it does if a column is given by
            name, or if the row has no number where there should be one.

    Returns:
        the jobs in order of arrival; ``skipped`` counts the rows that could not be used, by reason.

    Raises:
        TraceError: the file cannot be read, lacks a column, or contains no usable row.
        TypeError, ValueError: an argument is not allowed; the message names it.

    Example::

        read_table('requests.csv', end='finished_at', holding='duration', unit='ms', key='tenant')
    """
    path = Path(path)
    request = _Request.of(arrival, holding, end, key, unit, instants, header)
    if delimiter is not None and (not isinstance(delimiter, str) or len(delimiter) != 1):
        raise ValueError(f'delimiter must be one character, got {delimiter!r}')
    with trace_lines(path) as lines:
        try:
            rows = _rows(path, lines, delimiter)
            first = next(rows, None)
            if first is None:
                raise TraceError(f'{path} is empty')
            has_header = request.has_header(first)
            layout = _Layout.of(path, request, first, has_header)
            columns = _read(request, layout, rows if has_header else itertools.chain([first], rows))
        except MixedZonesError as error:
            raise TraceError(f'{path} {error}') from None
        except csv.Error as error:
            raise TraceError(f'{path} cannot be read as a table: {error}') from None
    return columns.trace(path, f'has no usable row: no record {{count}} has {request.times_in_words()}')


class _Request(NamedTuple):
    """The checked request for what to read from a table."""

    times: dict[str, Column]
    keys: tuple[Column, ...]
    optional_key: bool
    unit: str
    instants: str | None
    header: bool | None

    @classmethod
    def of(
        cls,
        arrival: Column | None,
        holding: Column | None,
        end: Column | None,
        key: Column | Sequence[Column] | None,
        unit: str,
        instants: str | None,
        header: bool | None,
    ) -> '_Request':
        given = {'arrival': arrival, 'holding': holding, 'end': end}
        times = {role: column for role, column in given.items() if column is not None}
        keys = () if key is None else (key,) if isinstance(key, str | int) else tuple(key)
        optional_key = not times and not keys
        if not times:
            times = {'arrival': 'arrival', 'holding': 'holding'}
        if len(times) != 2:
            raise ValueError(f'give two of arrival, holding and end, not {", ".join(times)}')
        if optional_key:
            keys = ('key',)
        for column in (*times.values(), *keys):
            if not isinstance(column, str | int) or isinstance(column, bool):
                raise TypeError(f'a column is given by its name or its number, not {column!r}')
            if isinstance(column, int) and column < 1:
                raise ValueError(f'columns are counted from 1, got {column!r}')
        if unit not in UNITS:
            raise ValueError(f'unit must be one of {", ".join(UNITS)}, got {unit!r}')
        if instants is not None and instants not in (*UNITS, ISO):
            raise ValueError(f'instants must be one of {", ".join(UNITS)} or {ISO}, got {instants!r}')
        named = [column for column in (*times.values(), *keys) if isinstance(column, str)]
        if header is False and named:
            raise ValueError(f'without a header there is no column {named[0]!r}: give its number instead')
        return cls(times, keys, optional_key, unit, instants, header)

    def has_header(self, first: list[str]) -> bool:
        if self.header is not None:
            return self.header
        columns = (*self.times.values(), *self.keys)
        if any(isinstance(column, str) for column in columns):
            return True
        cells = [
            first[number - 1] for number in self.times.values() if isinstance(number, int) and number <= len(first)
        ]
        return any(map(str.strip, cells)) and not any(_is_number(cell) or _is_timestamp(cell) for cell in cells)

    def times_in_words(self) -> str:
        return ' and '.join(_THINGS[role] for role in self.times)


class _Layout(NamedTuple):
    """The position of each value in a row, counted from 0."""

    times: dict[str, int]
    keys: tuple[int, ...]

    @classmethod
    def of(cls, path: Path, request: _Request, first: list[str], has_header: bool) -> '_Layout':
        names = [name.strip() for name in first] if has_header else []
        keys = request.keys
        if request.optional_key and 'key' not in names:
            keys = ()
        return cls(
            {
                role: _place(path, column, names, len(first), tuple(request.times))
                for role, column in request.times.items()
            },
            tuple(_place(path, column, names, len(first), ('key',)) for column in keys),
        )


def _place(path: Path, column: Column, names: list[str], width: int, roles: tuple[str, ...]) -> int:
    if isinstance(column, int):
        if column > width:
            raise TraceError(f'{path} has no column {column}: its first row has {width}')
        return column - 1
    if column not in names:
        columns = 'name of your column' if len(roles) == 1 else 'names of your columns'
        raise TraceError(
            f'{path} has no column {column!r}; its columns are {_some_of(names)}: pass the {columns} as'
            f' {" and ".join(f"{role}=…" for role in roles)} ({", ".join(f"--{role}" for role in roles)})'
        )
    if names.count(column) > 1:
        raise TraceError(f'{path} has {names.count(column)} columns named {column!r}: give the number of one of them')
    return names.index(column)


def _some_of(names: list[str]) -> str:
    """Return the first names, as far as a message of a few lines can show them."""
    texts: list[str] = []
    for name in names:
        text = repr(name if len(name) <= 40 else f'{name[:40]}…')
        if sum(map(len, texts)) + len(text) > 240:
            return f'{", ".join(texts)} and {len(names) - len(texts):,} more'
        texts.append(text)
    return ', '.join(texts)


def _rows(path: Path, lines: TextIO, delimiter: str | None) -> Iterator[list[str]]:
    """Yield the rows that are not blank, from the first line that is not a comment."""
    for line in lines:
        if not line.strip() or line.startswith('#'):
            continue
        if line.startswith(_PARQUET):
            raise TraceError(
                f'{path} is a Parquet file: read it with pandas or pyarrow and give its columns to'
                ' Trace.from_columns, or write it as CSV'
            )
        separator = delimiter or max(DELIMITERS, key=line.count)
        if delimiter is None and separator not in line:
            separator = ' '
        reader = csv.reader(itertools.chain([line], lines), delimiter=separator, skipinitialspace=True)
        yield from filter(None, reader)


def _read(request: _Request, layout: _Layout, rows: Iterator[list[str]]) -> Columns:
    columns = Columns()
    skipped, keys = columns.skipped, layout.keys
    width = max(*layout.times.values(), *keys) + 1 if keys else max(layout.times.values()) + 1
    (one, place_one), (other, place_other) = layout.times.items()
    readers: dict[str, Callable[[str], float]] | None = None
    for row in rows:
        if len(row) < width:
            skipped['with too few columns'] += 1
            continue
        readers = readers or _readers(request, layout, row)
        if readers is None:
            skipped['without instants that are numbers or timestamps'] += 1
            continue
        try:
            role, cell = one, row[place_one]
            first = readers[role](cell)
            role, cell = other, row[place_other]
            second = readers[role](cell)
        except MixedZonesError:
            raise
        except ValueError:
            skipped[_misread(role, cell, readers[role])] += 1
            continue
        if one == 'holding':
            arrival, holding = second - first, first
        else:
            arrival, holding = first, second if other == 'holding' else second - first
        if holding < 0:
            skipped['with a negative holding time' if 'holding' in layout.times else 'that end before they begin'] += 1
        elif not possible(arrival, holding):
            skipped['with a time that is not finite'] += 1
        else:
            columns.add(arrival, holding, _key([row[place].strip() for place in keys]))
    return columns


def _key(parts: list[str]) -> str | None:
    return '/'.join(parts) if any(parts) else None


def _readers(request: _Request, layout: _Layout, row: list[str]) -> dict[str, Callable[[str], float]] | None:
    """Return a reader for each time, or ``None`` if the row has no valid instants.

    The row decides how instants are written unless that was given.
    """
    instants = request.instants
    if instants is None:
        cells = [row[place] for role, place in layout.times.items() if role != 'holding']
        if all(map(_is_number, cells)):
            instants = request.unit
        elif all(map(_is_timestamp, cells)):
            instants = ISO
        else:
            return None
    instant = TimestampReader() if instants == ISO else unit_reader(instants)
    return {'arrival': instant, 'end': instant, 'holding': unit_reader(request.unit)}


def _misread(role: str, cell: str, reader: Callable[[str], float]) -> str:
    thing = _THINGS[role]
    if not cell.strip():
        return f'without {thing}'
    return f'with {thing} that is not a {"timestamp" if isinstance(reader, TimestampReader) else "number"}'


def _is_number(text: str) -> bool:
    return _can(float, text)


def _is_timestamp(text: str) -> bool:
    return _can(iso_seconds, text)


def _can(read: Callable[[str], float], text: str) -> bool:
    try:
        read(text)
    except ValueError:
        return False
    return True
