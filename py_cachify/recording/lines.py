"""The lines of a recording: how an attempt is written, and how a line is read again."""

import csv
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from py_cachify.events import ENDS, Event


COLUMNS = ('v', 'arrival', 'key', 'template', 'outcome', 'wait', 'holding', 'max_size', 'slot_exp')
VERSION = '1'
HEADER = ','.join(COLUMNS) + '\n'
MOST_POOLS = 10_000
"""How many pools have their texts kept; more would cost memory without end."""

MOST_MINUTES = 1_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# What a spreadsheet may take for the beginning of a formula, also in full width.
_FORMULA = ('=', '+', '-', '@', '\uff1d', '\uff0b', '\uff0d', '\uff20', "'")
_ESCAPES = (
    {chr(code): f'\\x{code:02x}' for code in (*range(32), *range(127, 160))}
    # A spreadsheet that separates fields by ; would begin a new one, with what may be a formula.
    | {'\\': '\\\\', '\n': '\\n', '\r': '\\r', ';': '\\x3b', '\u2028': '\\u2028', '\u2029': '\\u2029'}
)
_TO_ESCAPE = str.maketrans(_ESCAPES)
_ESCAPED = re.compile(r'\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|.?)')
_UNESCAPED = {escaped: char for char, escaped in _ESCAPES.items()}


class Attempt(NamedTuple):
    """One attempt to take a slot, as it was recorded.

    Attributes:
        arrival: when it began, in UTC.
        key: the pool, a keyed hash unless the recording has clear keys.
        template: the key of a decorated function as it was written, or ``None``.
        outcome: ``'released'``, ``'overrun'``, ``'refused'``, ``'timed_out'`` or ``'failed'``.
        wait: from the arrival to the slot, or to the end of an attempt without one, in seconds.
        holding: how long the slot was held, in seconds; ``None`` if there was none.
        max_size: how many slots of the pool the attempt allowed.
        slot_exp: the life of a slot in seconds, or ``None`` if it never expires.

    Example::

        sum(attempt.outcome == 'refused' for attempt in read_recording('pool.csv'))
    """

    arrival: datetime
    key: str
    template: str | None
    outcome: str
    wait: float
    holding: float | None
    max_size: int
    slot_exp: float | None


class LineMaker:
    """Turns the events that end an attempt into lines.

    A line costs each attempt its time, so whatever is the same for the next attempt is kept.
    """

    def __init__(self, name: Callable[[str, str], str | None]) -> None:
        """Write for a pool what ``name(prefix, key)`` returns, and nothing if that is ``None``."""
        self._name = name
        self._pools: dict[tuple[str, str, str | None, int, float | None], tuple[str, str] | None] = {}
        self._minutes: dict[int, str] = {}

    def line(self, event: Event, now: float) -> str | None:
        """Return the line of an attempt that ended at ``now``, in seconds since 1970.

        Return ``None`` if its pool is not recorded.
        """
        kind, key, template, waited, held, max_size, _token, slot_exp, prefix, _queued, _error = event
        pool = prefix, key, template, max_size, slot_exp
        texts = self._pools.get(pool, ())
        if not texts:
            if texts is None:
                return None
            texts = self._texts(*pool)
            if texts is None:
                return None
        middle, end = texts
        arrival = now - waited if held is None else now - waited - held
        minute, micros = divmod(round(arrival * 1e6), 60_000_000)
        begin = self._minutes.get(minute) or self._minute(minute)
        holding = '' if held is None else f'{held:.6f}'
        return f'{begin}{micros // 1_000_000:02d}.{micros % 1_000_000:06d}{middle}{kind},{waited:.6f},{holding}{end}'

    def _texts(
        self, prefix: str, key: str, template: str | None, max_size: int, slot_exp: float | None
    ) -> tuple[str, str] | None:
        if len(self._pools) >= MOST_POOLS:
            self._pools.clear()
        name = self._name(prefix, key)
        texts = None
        if name is not None:
            life = '' if slot_exp is None else repr(float(slot_exp)).removesuffix('.0')
            texts = f'Z,{field(name)},{field(template or "")},', f',{max_size},{life}\n'
        self._pools[prefix, key, template, max_size, slot_exp] = texts
        return texts

    def _minute(self, minute: int) -> str:
        if len(self._minutes) >= MOST_MINUTES:
            self._minutes.clear()
        # Durations of a virtual clock may be longer than all time since 1970.
        instant = EPOCH + timedelta(minutes=max(0, minute))
        text = f'{VERSION},{instant:%Y-%m-%dT%H:%M:}'
        self._minutes[minute] = text
        return text


def field(text: str) -> str:
    """Return a text as a field: on one line, quoted if need be, and no formula."""
    safe = text.translate(_TO_ESCAPE)
    if safe.startswith(_FORMULA):
        safe = f"'{safe}"
    if ',' in safe or '"' in safe:
        doubled = safe.replace('"', '""')
        return f'"{doubled}"'
    return safe


def restored(text: str) -> str:
    """Return the text that :func:`field` was given, from what a CSV reader made of the field.

    Raises:
        ValueError: it contains an escape that :func:`field` does not write.
    """
    text = text.removeprefix("'")
    return _ESCAPED.sub(_unescaped, text) if '\\' in text else text


def _unescaped(found: 're.Match[str]') -> str:
    char = _UNESCAPED.get(found[0])
    if char is None:
        raise ValueError(f'a recording contains no escape {found[0]!r}')
    return char


def parse(line: str) -> Attempt:
    """Return the attempt of a complete line, without its end.

    Raises:
        ValueError, csv.Error: this is no line of a recording.

    Example::

        parse('1,2026-07-01T09:00:00.123456Z,reports,,refused,0.000214,,2,600')
    """
    [cells] = csv.reader([line], strict=True)
    version, arrival, key, template, outcome, wait, holding, max_size, slot_exp = cells
    if version != VERSION or outcome not in ENDS or not arrival.endswith('Z'):
        raise ValueError('this is no line of a recording')
    attempt = Attempt(
        datetime.fromisoformat(arrival),
        restored(key),
        restored(template) or None,
        outcome,
        _duration(wait),
        _duration(holding) if holding else None,
        int(max_size),
        _duration(slot_exp) if slot_exp else None,
    )
    if attempt.max_size < 1 or attempt.slot_exp == 0:
        raise ValueError('no pool has such a size, and no slot such a life')
    return attempt


def _duration(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < math.inf:
        raise ValueError('a duration is finite, and not negative')
    return seconds
