"""Texts for people: names, durations and instants, without what could command a terminal.

Keys, labels, hosts and the server's own messages come from outside.  ``safe()`` is applied to each
of them before it is shown.
"""

import math
from datetime import UTC, datetime

from py_cachify.ctl.values import Slot, Waiter


NEVER = 'never'


def safe(text: str) -> str:
    """Return a text on one line that no terminal obeys: escapes stand for all that is unprintable.

    Example::

        safe('a\\x1b[2Jb')      # 'a\\\\x1b[2Jb'
    """
    if text.isprintable():
        return text
    return ''.join(each if each.isprintable() else _escaped(each) for each in text)


def shortened(text: str, longest: int = 120) -> str:
    """Return what :func:`safe` returns, without the middle of a text that is very long."""
    whole = safe(text)
    kept = longest // 2
    return whole if len(whole) <= longest else f'{whole[:kept]}…{whole[-kept:]}'


def absence(name: str) -> str:
    """Return what to say of a pool that is not stored; ``name`` is its key with the prefix."""
    return (
        f"No slot of '{shortened(name)}' is taken, and nobody waits. The server stores nothing of such a pool, so a"
        ' wrong KEY or --prefix looks the same: KEY is given without the prefix, as `pool-ctl list` shows it.'
    )


def _escaped(character: str) -> str:
    return character.encode('ascii', 'backslashreplace').decode() if ord(character) > 127 else repr(character)[1:-1]


def duration(seconds: float | None) -> str:
    """Return a duration with its two largest units.

    It is ``'never'`` if it is infinite, and ``'?'`` if it is unknown.

    Example::

        duration(192.4)     # '3m 12s'
    """
    if seconds is None or math.isnan(seconds):
        return '?'
    if math.isinf(seconds):
        return NEVER
    sign, seconds = ('-' if seconds <= -0.05 else ''), abs(seconds)
    if seconds < 9.95:
        return f'{sign}{seconds:.1f}s'
    whole = round(seconds)
    for large, size, small, smaller in (('d', 86400, 'h', 3600), ('h', 3600, 'm', 60), ('m', 60, 's', 1)):
        if whole >= size:
            return f'{sign}{whole // size:,}{large} {whole % size // smaller:02}{small}'
    return f'{sign}{whole}s'


def ago(asked_at: float | None, now: float) -> float | None:
    """Return how many seconds ago that was; 0 if the asker's clock is ahead."""
    return None if asked_at is None else max(0.0, now - asked_at)


def instant(seconds: float | None) -> str:
    """Return an instant in UTC as ISO 8601 writes it; ``'?'`` if it is unknown or no real one."""
    try:
        return '?' if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec='milliseconds')
    except (ValueError, OverflowError, OSError):
        return '?'


def who(one: Slot | Waiter | None) -> str:
    """Return who that is in a few words: its label, or else its process, and its host."""
    if one is None:
        return '?'
    name = safe(one.label) or (f'process {one.pid}' if one.pid is not None else '')
    host = safe(one.host or '')
    return ' on '.join(each for each in (name, host) if each) or '?'


def sizes(max_sizes: tuple[int, ...]) -> str:
    """Return the ``max_size`` of a pool; several if its users disagree, ``'?'`` if unknown."""
    return '/'.join(map(str, max_sizes)) or '?'


def size_range(max_sizes: tuple[int, ...], dash: str) -> str:
    """Return the smallest and the largest ``max_size`` of a pool, or the only one.

    Example::

        size_range((3, 4, 5), '-')      # '3-5'
    """
    return f'{max_sizes[0]}{dash}{max_sizes[-1]}' if len(max_sizes) > 1 else sizes(max_sizes)


def count(number: int, one: str, several: str = '') -> str:
    """Return a number with its noun.

    Example::

        count(1, 'slot'), count(2, 'slot')      # ('1 slot', '2 slots')
    """
    return f'{number:,} {one if number == 1 else several or one + "s"}'
