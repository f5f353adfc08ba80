"""A pool in a notebook cell: its key, its size, and how long each taken slot still lives.

It reads the store once, at that instant, and never raises: a line with the error replaces what
could not be read.  It sends nothing to an asynchronous client, which could not be awaited here.  It
does not send a plain client one request for each slot of a large pool.
"""

import html
import math
from collections.abc import Callable

from py_cachify import _slots as slots
from py_cachify._settings import Settings
from py_cachify.arguments import UnsetType, kind_of
from py_cachify.backends.atomic import AtomicBackend


BOX_LIMIT = 24
"""The number of slots that are shown as boxes; these are the ones that expire first."""
REQUEST_LIMIT = 200
"""The largest pool that is counted with a plain client, which needs a request for each slot."""

_BOX = 'display:inline-block;min-width:4.5em;margin:1px;padding:2px 6px;text-align:center;border:1px '
_TAKEN = _BOX + 'solid #0072B2;background:#0072B2;color:#fff'
_FREE = _BOX + 'dashed #888'


def as_html(key: str, max_size: int, slot_exp: float | UnsetType | None, settings: Callable[[], Settings]) -> str:
    """Return a pool as HTML; the arguments are those of :class:`py_cachify.pool`."""
    rows = [('key', _code(key)), ('max_size', f'{max_size:,}')]
    boxes = ''
    try:
        current = settings()
        life = current.slot_spec(key, max_size, slot_exp).slot_exp
        rows.append(('slot_exp', 'never expires' if life is None else f'{life:g} s'))
        occupancy, boxes = _occupancy(current, current.prefix + key, max_size)
        rows.append(('occupancy', occupancy))
    except Exception as error:
        rows.append(('occupancy', _unknown(error)))
    cells = ''.join(f'<tr><th style="text-align:left">{name}</th><td>{value}</td></tr>' for name, value in rows)
    return f'<div><strong>pool</strong><table>{cells}</table>{boxes}</div>'


def _occupancy(settings: Settings, key: str, max_size: int) -> tuple[str, str]:
    """Return how many slots are taken, in words, and boxes if the store can list the slots."""
    backend = settings.backends.sync
    if backend is None:
        return 'use <code>await ….asize()</code>, because init_cachify() received only an async_client', ''
    problem = ''
    try:
        remaining = backend.remaining(key)
    except Exception as error:
        # A user of the server may have permission to count slots, but not to list them.
        remaining, problem = None, f'; individual slots: {_unknown(error)}'
    if remaining is not None:
        return f'{len(remaining):,} of {max_size:,}', _boxes(remaining, max_size)
    if max_size > REQUEST_LIMIT and not isinstance(backend, AtomicBackend):
        return f'not counted, because this takes {max_size:,} requests: call <code>size()</code>', ''
    return f'{slots.size(backend, key, max_size):,} of {max_size:,}{problem}', ''


def _boxes(remaining: list[float], max_size: int) -> str:
    taken = [f'<span style="{_TAKEN}">{_left(seconds)}</span>' for seconds in sorted(remaining)]
    free = max(0, max_size - len(taken))
    shown = (taken + [f'<span style="{_FREE}">free</span>'] * min(free, BOX_LIMIT))[:BOX_LIMIT]
    more = len(taken) + free - len(shown)
    return f'<div>{"".join(shown)}{f" … and {more:,} more" if more else ""}</div>'


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
