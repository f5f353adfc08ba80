"""A pool in a notebook cell: its key, its size, who holds its slots, and who waits.

It reads the store once, at that instant, and never raises: a line with the error replaces what
could not be read.  It sends nothing to an asynchronous client, which could not be awaited here.  It
does not send a plain client one request for each slot of a large pool.
"""

import html
import math
from collections.abc import Callable
from typing import Any

from py_cachify import _looking as looking
from py_cachify._settings import Settings
from py_cachify.arguments import UnsetType, kind_of
from py_cachify.backends.atomic import AtomicBackend
from py_cachify.backends.base import Backend
from py_cachify.occupants import Holder, Waiter


BOX_LIMIT = 24
"""The number of slots that are shown as boxes; these are the ones that expire first."""
ROW_LIMIT = 12
"""The number of holders and of waiters that are shown: those that expire first, or are next."""
REQUEST_LIMIT = 200
"""The largest pool that is counted with a plain client, which needs a request for each slot."""

_BOX = 'display:inline-block;min-width:4.5em;margin:1px;padding:2px 6px;text-align:center;border:1px '
_TAKEN = _BOX + 'solid #0072B2;background:#0072B2;color:#fff'
_FREE = _BOX + 'dashed #888'
_LEFT = 'style="text-align:left"'


def as_html(key: str, max_size: int, slot_exp: float | UnsetType | None, settings: Callable[[], Settings]) -> str:
    """Return a pool as HTML; the arguments are those of :class:`py_cachify.pool`."""
    rows = [('key', _code(key)), ('max_size', f'{max_size:,}')]
    boxes = ''
    try:
        current = settings()
        life = current.slot_spec(key, max_size, slot_exp).slot_exp
        rows.append(('slot_exp', 'never expires' if life is None else f'{life:g} s'))
        more, boxes = _occupancy(current, current.prefix + key, max_size)
        rows += more
    except Exception as error:
        rows.append(('occupancy', _unknown(error)))
    cells = ''.join(f'<tr><th {_LEFT}>{name}</th><td>{value}</td></tr>' for name, value in rows)
    return f'<div><strong>pool</strong><table>{cells}</table>{boxes}</div>'


def _occupancy(settings: Settings, key: str, max_size: int) -> tuple[list[tuple[str, str]], str]:
    """Return rows that say how full the pool is, and what shows its slots and its queue."""
    backend = settings.backends.sync
    if backend is None:
        words = 'use <code>await ….asize()</code>, because init_cachify() received only an async_client'
        return [('occupancy', words)], ''
    if not isinstance(backend, AtomicBackend):
        if max_size > REQUEST_LIMIT:
            words = f'not counted, because this takes {max_size:,} requests: call <code>size()</code>'
            return [('occupancy', words)], ''
        return [('occupancy', f'{looking.size(backend, key, max_size):,} of {max_size:,}')], ''
    return _all(backend, key, max_size)


def _all(backend: Backend, key: str, max_size: int) -> tuple[list[tuple[str, str]], str]:
    try:
        holders = looking.holders(backend, key, max_size)
        waiters = looking.queue(backend, key)
    except Exception as error:
        # A user of the server may have permission to count slots, but not to list them.
        counted = looking.size(backend, key, max_size)
        return [('occupancy', f'{counted:,} of {max_size:,}; individual slots: {_unknown(error)}')], ''
    rows = [('occupancy', f'{len(holders):,} of {max_size:,}')]
    if waiters:
        rows.append(('queue', f'{len(waiters):,} waiting'))
    shown = _boxes([holder.remaining or 0.0 for holder in holders], max_size)
    return rows, shown + _holders_table(holders) + _queue_table(waiters)


def _boxes(remaining: list[float], max_size: int) -> str:
    taken = [f'<span style="{_TAKEN}">{_left(seconds)}</span>' for seconds in sorted(remaining)]
    free = max(0, max_size - len(taken))
    shown = (taken + [f'<span style="{_FREE}">free</span>'] * min(free, BOX_LIMIT))[:BOX_LIMIT]
    more = len(taken) + free - len(shown)
    return f'<div>{"".join(shown)}{f" … and {more:,} more" if more else ""}</div>'


def _holders_table(holders: list[Holder]) -> str:
    rows = [
        [*_who(holder), _left(holder.remaining or 0.0), 'yes' if holder.renewing else 'no']
        for holder in holders[:ROW_LIMIT]
    ]
    return _table('holders', ['label', 'where', 'remaining', 'renewed'], rows, len(holders))


def _queue_table(waiters: list[Waiter]) -> str:
    rows = [[str(waiter.rank), *_who(waiter)] for waiter in waiters[:ROW_LIMIT]]
    return _table('queue', ['waiting before it', 'label', 'where'], rows, len(waiters))


def _who(occupant: Holder | Waiter) -> list[str]:
    place = f'process {occupant.pid}' if occupant.pid is not None else ''
    where = ', '.join(filter(None, [occupant.host and html.escape(occupant.host), place]))
    return [html.escape(occupant.label), where or 'unknown']


def _table(caption: str, heads: list[str], rows: list[list[Any]], count: int) -> str:
    if not rows:
        return ''
    head = ''.join(f'<th {_LEFT}>{name}</th>' for name in heads)
    body = ''.join('<tr>' + ''.join(f'<td {_LEFT}>{cell}</td>' for cell in row) + '</tr>' for row in rows)
    more = f'<div>… and {count - len(rows):,} more</div>' if count > len(rows) else ''
    return f'<table><caption {_LEFT}>{caption}</caption><tr>{head}</tr>{body}</table>{more}'


def _left(seconds: float) -> str:
    """Return a remaining time as a number and its unit."""
    if seconds == math.inf:
        return 'no expiry'
    for unit, length in (('days', 86_400), ('h', 3_600), ('min', 60)):
        if seconds > 2 * length:
            return f'{seconds / length:,.0f} {unit}'
    return f'{seconds:.1f} s' if seconds < 10 else f'{seconds:.0f} s'


def _unknown(error: Exception) -> str:
    try:
        message = str(error)
    except Exception:
        message = ''
    return f'unknown, {_code(f"{kind_of(error)}: {message}")}'


def _code(text: str) -> str:
    return f'<code>{html.escape(text)}</code>'
