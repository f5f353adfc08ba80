"""A pool in a cell of a notebook: its key, how many slots it has, how many are taken, and how long each still lives.

It asks the store as it is at that instant, once, and never raises: what went wrong is a line in place of what was
asked for.  Nothing is asked of an asynchronous client, which a cell cannot await here, nor of a plain client as many
questions as a large pool has slots.
"""

import html
import math
from collections.abc import Callable

from py_cachify import _slots as slots
from py_cachify._settings import Settings
from py_cachify.arguments import UnsetType, kind_of
from py_cachify.backends.atomic import AtomicBackend


MOST_SHOWN = 24
"""Slots with a box of their own, those that expire first."""
MOST_ASKED = 200
"""Slots of a plain client that are asked for, one by one."""

_BOX = 'display:inline-block;min-width:4.5em;margin:1px;padding:2px 6px;text-align:center;border:1px '
_TAKEN = _BOX + 'solid #0072B2;background:#0072B2;color:#fff'
_FREE = _BOX + 'dashed #888'


def as_html(key: str, max_size: int, slot_exp: float | UnsetType | None, settings: Callable[[], Settings]) -> str:
    """The pool as HTML; arguments as :class:`py_cachify.pool` has them."""
    rows = [('key', _code(key)), ('max_size', f'{max_size:,}')]
    boxes = ''
    try:
        found = settings()
        life = found.wanted(key, max_size, slot_exp).slot_exp
        rows.append(('slot_exp', 'never expires' if life is None else f'{life:g} s'))
        occupancy, boxes = _occupancy(found, found.prefix + key, max_size)
        rows.append(('occupancy', occupancy))
    except Exception as error:
        rows.append(('occupancy', _unknown(error)))
    cells = ''.join(f'<tr><th style="text-align:left">{name}</th><td>{value}</td></tr>' for name, value in rows)
    return f'<div><strong>pool</strong><table>{cells}</table>{boxes}</div>'


def _occupancy(settings: Settings, key: str, max_size: int) -> tuple[str, str]:
    """How many slots are taken, in words, and a box for each slot where the store tells about each."""
    backend = settings.backends.sync
    if backend is None:
        return 'ask <code>await ….asize()</code>: there is an asynchronous client only', ''
    why = ''
    try:
        remaining = backend.remaining(key)
    except Exception as error:
        # A user of the server may be allowed to count, and not to list.
        remaining, why = None, f'; the slots themselves: {_unknown(error)}'
    if remaining is not None:
        return f'{len(remaining):,} of {max_size:,}', _boxes(remaining, max_size)
    if max_size > MOST_ASKED and not isinstance(backend, AtomicBackend):
        return f'not counted, as this client would be asked {max_size:,} times: <code>size()</code> does', ''
    return f'{slots.size(backend, key, max_size):,} of {max_size:,}{why}', ''


def _boxes(remaining: list[float], max_size: int) -> str:
    taken = [f'<span style="{_TAKEN}">{_left(seconds)}</span>' for seconds in sorted(remaining)]
    free = max(0, max_size - len(taken))
    shown = (taken + [f'<span style="{_FREE}">free</span>'] * min(free, MOST_SHOWN))[:MOST_SHOWN]
    more = len(taken) + free - len(shown)
    return f'<div>{"".join(shown)}{f" … and {more:,} more" if more else ""}</div>'


def _left(seconds: float) -> str:
    """A remaining time: a number and its unit."""
    if seconds == math.inf:
        return 'no expiry'
    for unit, length in (('days', 86_400), ('h', 3_600), ('min', 60)):
        if seconds > 2 * length:
            return f'{seconds / length:,.0f} {unit}'
    return f'{seconds:.1f} s' if seconds < 10 else f'{seconds:.0f} s'


def _unknown(error: Exception) -> str:
    try:
        words = str(error)
    except Exception:
        words = ''
    return f'unknown, {_code(f"{kind_of(error)}: {words}")}'


def _code(text: str) -> str:
    return f'<code>{html.escape(text)}</code>'
