"""Read pools from a server: names by ``SCAN``, then the members of many pools in one round trip.

Nothing is written.  What is no pool is left out: a key of another type, or a sorted set with a
member that is no token.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

from py_cachify.commands import DEADLINE
from py_cachify.ctl.members import DEADLINE_MARK, Member, read_any_token, read_member
from py_cachify.ctl.names import Names, names_of, sort_names
from py_cachify.ctl.servers import CtlError, Server
from py_cachify.ctl.texts import safe, shortened
from py_cachify.ctl.values import Pool, Slot, Waiter, by_age, make_slot, make_waiter


T = TypeVar('T')

FIRST = 20
"""How many members of a sorted set are read to see whether it is a pool."""

AT_A_TIME = 500
"""How many pools are read in one round trip."""

LONG_AT_A_TIME = 10
"""How many of them if they have more than ``FIRST`` slots or waiters."""

Scored = Sequence[tuple[bytes, float]]
"""Members with their scores."""


def find_pools(server: Server, prefix: str) -> list[Names]:
    """Return the names of all pools that there may be, by key."""
    return sort_names(server.scan(prefix))


def read_pools(server: Server, prefix: str) -> Iterator[Pool]:
    """Yield each pool of which a slot is taken or for which somebody waits, by key.

    Args:
        server: where.
        prefix: that of all keys, as ``init_cachify(prefix=…)`` has it.

    Raises:
        redis.RedisError: the server does not answer, or refuses the user.

    Example::

        [pool.key for pool in read_pools(connect('redis://localhost'), 'PYC-')]
    """
    names = iter(find_pools(server, prefix))
    while batch := list(islice(names, AT_A_TIME)):
        for pool in read_batch(server, prefix, batch):
            if pool.slots or pool.waiters:
                yield pool


def read_pool(server: Server, prefix: str, key: str) -> Pool:
    """Return one pool; it is empty if the server knows nothing of it.

    Args:
        server: where.
        prefix: that of all keys.
        key: that of the pool; or, if there is nothing under it, what ``pool-ctl list`` prints for
            a key with unprintable characters or a very long one.

    Raises:
        CtlError: what the server has under this key is no pool, or ``list`` prints two keys so.
        redis.RedisError: the server does not answer, or refuses the user.
    """
    pool = _read_literally(server, prefix, key)
    if pool.slots or pool.waiters or not ('\\' in key or '…' in key):
        return pool
    names = [each.key.removeprefix(prefix) for each in find_pools(server, prefix)]
    printed = [name for name in names if key in (safe(name), shortened(name))]
    if len(printed) > 1:
        raise CtlError(
            f'{len(printed)} pools are printed as {safe(key)!r}: pass the key of one of them as --json has it,'
            " with the escapes resolved, in bash as $'…'"
        )
    return _read_literally(server, prefix, printed[0]) if printed else pool


def _read_literally(server: Server, prefix: str, key: str) -> Pool:
    for pool in read_batch(server, prefix, [names_of(prefix + key)]):
        return pool
    raise CtlError(f'{prefix + key!r} is no pool: pass a KEY that `pool-ctl list` shows')


def read_batch(
    server: Server, prefix: str, batch: Sequence[Names], *, forbidden: set[str] | None = None
) -> Iterator[Pool]:
    """Yield the pools with these names; without those that are none.

    Args:
        server: where.
        prefix: that of all keys.
        batch: the names.
        forbidden: takes the keys, with the prefix, of pools that the user may not read, which are
            left out; ``None`` to raise an error for the first.

    Raises:
        redis.RedisError: the server does not answer, or refuses the user.
    """
    sets = [name for names in batch for name in (names.slots, names.queue) if name is not None]
    clock = server.clock()
    found, refused = _read_members(server, sets, any_key=forbidden is not None)
    for names in batch:
        if forbidden is not None and (names.slots in refused or names.queue in refused):
            forbidden.add(names.key)
            continue
        # The order of a pool's own names: the slots are what makes a queue belong to a pool.
        key = names.slots or names.queue
        assert key is not None
        pool = _make_pool(names, prefix, clock(key), found)
        if pool is not None:
            yield pool


def _make_pool(names: Names, prefix: str, now: float, found: dict[bytes, Scored | None]) -> Pool | None:
    slots = _read(_slots, found.get(names.slots, ()) if names.slots is not None else (), now)
    queue = _read(_waiters, found.get(names.queue, ()) if names.queue is not None else (), now)
    if slots is None or queue is None:
        return None
    waiters, ahead = queue
    return Pool(names.key.removeprefix(prefix), now, slots, waiters, ahead)


def _read(read: Callable[[Scored, float], T | None], scored: Scored | None, now: float) -> T | None:
    return None if scored is None else read(scored, now)


def _slots(scored: Scored, now: float) -> tuple[Slot, ...] | None:
    """Return the live slots of a pool; ``None`` if one member is no token."""
    slots = []
    for text, score in scored:
        member = read_member(text)
        if member is None:
            return None
        if score > now:
            slots.append(make_slot(member, score - now))
    return by_age(slots)


def _waiters(scored: Scored, now: float) -> tuple[tuple[Waiter, ...], float] | None:
    """Return who waits, and by how much the latest deadline is too far away."""
    silent: set[bytes] = set()
    tickets: list[tuple[bytes, Member]] = []
    ahead = 0.0
    mark = DEADLINE_MARK.encode()
    for text, score in sorted(scored, key=lambda each: (each[1], each[0])):
        ticket = read_ticket(text.removeprefix(mark))
        if ticket is None:
            return None
        if text.startswith(mark):
            # The instant by which the waiter must ask again, negated.
            if -score <= now:
                silent.add(text.removeprefix(mark))
            ahead = max(ahead, -score - now - DEADLINE)
        else:
            tickets.append((text, ticket))
    there = [ticket for text, ticket in tickets if text not in silent]
    return tuple(make_waiter(ticket, rank) for rank, ticket in enumerate(there)), ahead


def read_ticket(text: bytes) -> Member | None:
    """Return what a ticket says; ``None`` if the text is none."""
    try:
        token = text.decode()
    except UnicodeDecodeError:
        return None
    said = read_any_token(token)
    return None if said is None else Member(token, False, said)


def _read_members(
    server: Server, sets: Sequence[bytes], *, any_key: bool
) -> tuple[dict[bytes, Scored | None], set[bytes]]:
    """Return the members of sorted sets with their scores; ``None`` for what is no pool's.

    With ``any_key``, the second value has the names that the user may not read.
    """
    refused: set[bytes] = set()
    answers = _ranges(server, sets, FIRST - 1, refused if any_key else None)
    long = [name for name in sets if len(answers[name] or ()) >= FIRST and _are_tokens(answers[name] or ())]
    for begin in range(0, len(long), LONG_AT_A_TIME):
        answers |= _ranges(server, long[begin : begin + LONG_AT_A_TIME], -1, None)
    return answers, refused


def _are_tokens(scored: Scored) -> bool:
    mark = DEADLINE_MARK.encode()
    return all(read_member(text.removeprefix(mark)) is not None for text, _ in scored)


def _ranges(server: Server, sets: Sequence[bytes], last: int, refused: set[bytes] | None) -> dict[bytes, Scored | None]:
    requests = [('zrange', name, 0, last, False, True) for name in sets]
    answers = dict(zip(sets, server.ask(requests, any_key=refused is not None), strict=True))
    if refused is not None:
        refused.update(name for name, answer in answers.items() if _is_refused(answer))
    return {name: None if _is_refused(answer) else _scored(answer) for name, answer in answers.items()}


def _is_refused(answer: Any) -> bool:
    from redis.exceptions import NoPermissionError

    return isinstance(answer, NoPermissionError)


def _scored(answer: Any) -> Scored | None:
    from redis.exceptions import RedisError, ResponseError

    if isinstance(answer, ResponseError):
        # Another type; or the node is busy, which the caller must know.
        if not str(answer).startswith('WRONGTYPE'):
            raise answer
        return None
    if isinstance(answer, RedisError):
        raise answer
    return [(member, float(score)) for member, score in answer]
