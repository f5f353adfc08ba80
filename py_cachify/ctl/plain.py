"""What a pipe gets: one line for each thing, fields separated by tabs, names of the fields first.

Nothing is coloured or cut off.  Durations are in seconds, instants in UTC.  ``-`` stands for what
is empty or unknown.
"""

import math
from collections.abc import Iterable, Iterator

from py_cachify.ctl.texts import ago, instant, safe, sizes
from py_cachify.ctl.values import Pool, Slot, Summary, Waiter


LIST = ('pool', 'taken', 'max_size', 'waiting', 'held', 'label', 'host', 'process')
SHOW = ('what', 'id', 'label', 'host', 'process', 'asked', 'remaining', 'renewed', 'max_size', 'token')


def list_lines(summaries: Iterable[Summary]) -> Iterator[str]:
    """Yield the pools; from ``held`` on, the fields are those of the slot that is held longest."""
    yield _line(*LIST)
    for each in summaries:
        yield _line(*summary_fields(each))


def summary_fields(summary: Summary) -> tuple[str, ...]:
    """Return the fields of a pool, in the order of ``LIST``."""
    held = _seconds(ago(summary.oldest.asked_at, summary.now) if summary.oldest else None)
    taken, size, waiting = str(summary.occupancy), sizes(summary.max_sizes), str(summary.waiting)
    return summary.key, taken, size, waiting, held, *_person(summary.oldest)


def pool_lines(pool: Pool) -> Iterator[str]:
    """Yield the holders of a pool, the longest first, and then who waits, in order."""
    yield _line(*SHOW)
    for slot in pool.slots:
        kind = 'claim' if slot.claimed else 'holder'
        rest = instant(slot.asked_at), _seconds(slot.remaining), 'yes' if slot.renewed else 'no'
        yield _line(kind, slot.id, *_person(slot), *rest, _number(slot.max_size), slot.token)
    for waiter in pool.waiters:
        rest = instant(waiter.asked_at), '', ''
        yield _line('waiter', '', *_person(waiter), *rest, _number(waiter.max_size), waiter.token)


def _person(one: Slot | Waiter | None) -> tuple[str, str, str]:
    return ('', '', '') if one is None else (one.label, one.host or '', _number(one.pid))


def _number(number: int | None) -> str:
    return '' if number is None else str(number)


def _seconds(seconds: float | None) -> str:
    if seconds is None:
        return ''
    return 'never' if math.isinf(seconds) else f'{seconds:.3f}'


def _line(*fields: str) -> str:
    return '\t'.join(safe(field) or '-' for field in fields)
