"""What ``--json`` prints: one document, of ASCII characters only, so no terminal obeys it.

Instants are in seconds since 1970, durations in seconds.  What is unknown is ``null``; what never
ends is ``null`` too, beside ``"expires": false``.
"""

import json
import math
from collections.abc import Iterable, Sequence
from typing import Any

from py_cachify.ctl.texts import ago
from py_cachify.ctl.values import Pool, Slot, Summary, Waiter, max_sizes, total


def dump(document: dict[str, Any], *, indent: int | None = 2) -> str:
    """Return a document as text; on one line with ``indent=None``."""
    return json.dumps(document, indent=indent, allow_nan=False)


def list_document(summaries: Sequence[Summary], where: dict[str, Any]) -> dict[str, Any]:
    """Return all pools; ``where`` says on which server and under which prefix."""
    return {**where, **total(summaries)._asdict(), 'list': [_summary(each) for each in summaries]}


def pool_document(pool: Pool, where: dict[str, Any]) -> dict[str, Any]:
    """Return one pool with its holders and its waiters.

    A pool without either is not ``stored``, and so cannot be told from a wrong key.
    """
    return {
        **where,
        'key': pool.key,
        'at': pool.now,
        'stored': bool(pool.slots or pool.waiters),
        'occupancy': len(pool.slots),
        'max_sizes': list(max_sizes(pool)),
        'holders': [slot_document(each, pool.now) for each in pool.slots],
        'waiters': _waiters(pool.waiters, pool.now),
    }


def slot_document(slot: Slot, now: float) -> dict[str, Any]:
    """Return a slot and who holds it."""
    expires = not math.isinf(slot.remaining)
    return {
        'id': slot.id,
        **_person(slot, now),
        'expires': expires,
        'remaining': round(slot.remaining, 6) if expires else None,
        'life': slot.life,
        'renewed': slot.renewed,
        'claimed': slot.claimed,
    }


def _waiters(waiters: Iterable[Waiter], now: float) -> list[dict[str, Any]]:
    return [{'rank': each.rank, **_person(each, now)} for each in waiters]


def _person(one: Slot | Waiter, now: float) -> dict[str, Any]:
    since = ago(one.asked_at, now)
    return {
        'token': one.token,
        'label': one.label,
        'host': one.host,
        'process': one.pid,
        'asked_at': one.asked_at,
        'asked_ago': None if since is None else round(since, 6),
        'max_size': one.max_size,
    }


def _summary(summary: Summary) -> dict[str, Any]:
    return {
        'key': summary.key,
        'at': summary.now,
        'occupancy': summary.occupancy,
        'max_sizes': list(summary.max_sizes),
        'waiting': summary.waiting,
        'oldest': None if summary.oldest is None else slot_document(summary.oldest, summary.now),
    }
