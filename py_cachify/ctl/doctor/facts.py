"""What a check may look at: values, read from a server before the first check."""

import heapq
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from py_cachify.ctl.doctor.following import FOLLOWED, follow, mortal_slots, seconds_until_near
from py_cachify.ctl.doctor.permissions import Permissions, read_permissions
from py_cachify.ctl.names import Names
from py_cachify.ctl.reading import AT_A_TIME, find_pools, read_batch
from py_cachify.ctl.servers import Node, Server, as_text, read_time
from py_cachify.ctl.values import Pool, max_sizes


SETTINGS = ('save', 'appendonly', 'appendfsync', 'min-replicas-to-write', 'stop-writes-on-bgsave-error')

SAMPLES = 6
PAUSE = 0.2
"""The clock is compared so often, with so many seconds between two samples."""

MISSED = 1 / 3
"""A slot that is renewed has less than this share only if its holder has missed two renewals, or
no longer renews it because its ``renew_for`` is over."""

CLOCK_TOLERANCE = 1.0
"""By how many seconds a clock may differ before it is a finding."""


class NodeFacts(NamedTuple):
    """A server, or one primary of a cluster.

    Attributes:
        name: where it is; empty for a single server.
        info: what ``INFO`` says; ``None`` if the user may not ask.
        settings: what ``CONFIG GET`` says of ``SETTINGS``; ``None`` if the user may not ask.
        step: by how much its clock moved more than that of this machine, in seconds; the largest.
    """

    name: str
    info: Mapping[str, Any] | None
    settings: Mapping[str, str] | None
    step: float


class PoolFacts(NamedTuple):
    """A pool.

    Attributes:
        key: its key, without the prefix.
        sizes: each ``max_size`` in use, ascending.
        taken: how many slots are taken, without claims.
        endless: how many of them never expire.
        mortal: how many different slots were seen that expire and are not renewed.
        near: how many of them were near their expiry once.
        missed: how many of those that are renewed have missed two renewals, or their ``renew_for``
            is over.
        ahead: by how much a slot lives longer than its full life, or a waiter's deadline is too far
            away, in seconds; the largest.
        kept: the names of its keys that have no expiry although nothing in them needs that.
    """

    key: str
    sizes: tuple[int, ...]
    taken: int
    endless: int
    mortal: int
    near: int
    missed: int
    ahead: float
    kept: tuple[str, ...]


class Facts(NamedTuple):
    """All that the checks look at.

    Attributes:
        nodes: the servers.
        pools: the pools that the user may read.
        permissions: what a user may not do.
        ttl_refused: whether the user may not ask for the expiry of keys.
        forbidden: how many keys under the prefix, which may be pools, the user may not read.
    """

    nodes: tuple[NodeFacts, ...]
    pools: tuple[PoolFacts, ...]
    permissions: Permissions
    ttl_refused: bool
    forbidden: int


def read_facts(server: Server, prefix: str, user: str | None, seconds: float) -> Facts:
    """Read all that the checks look at, and follow slots for so many seconds.

    Raises:
        redis.RedisError: the server does not answer, or the user may not even list pools.
    """
    ttls: list[bool] = []
    forbidden: set[str] = set()
    names = find_pools(server, prefix)
    pools: dict[str, PoolFacts] = {}
    soon: list[tuple[float, str, Pool]] = []
    for pool, facts in _pools(server, prefix, names, ttls, forbidden):
        pools[pool.key] = facts
        if (until := seconds_until_near(pool)) < seconds:
            soon.append((until, pool.key, pool))
    first = [pool for _, _, pool in heapq.nsmallest(FOLLOWED, soon)]
    for pool, mortal, near in follow(server, prefix, first, (each.key for each in names), seconds, forbidden=forbidden):
        facts = pools.get(pool.key) or pool_facts(pool)
        pools[pool.key] = facts._replace(mortal=mortal, near=near)
    nodes = tuple(_node(node) for node in server.nodes())
    # A user who may only use some pools is asked about one of them.
    readable = next(iter(pools), None) if forbidden else None
    return Facts(
        nodes,
        tuple(pools[key] for key in sorted(pools)),
        read_permissions(server, prefix, user, pool=readable),
        True in ttls,
        len(forbidden),
    )


def _node(node: Node) -> NodeFacts:
    info = _unless_refused(lambda: dict(node.client.info('all')))
    settings = _unless_refused(lambda: _settings(node.client))
    return NodeFacts(node.name, info, settings, clock_step(lambda: read_time(node.client)))


def _settings(client: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in SETTINGS:
        # One by one, because a server before 7.0 takes only one name.
        for key, value in client.config_get(name).items():
            found[as_text(key)] = as_text(value)
    return found


def _unless_refused(ask: Callable[[], Any]) -> Any:
    from redis.exceptions import ResponseError

    try:
        return ask()
    except ResponseError:
        # No permission, or a service without this command.
        return None


def clock_step(
    server_time: Callable[[], float],
    local_time: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> float:
    """Return by how much a clock moved more than the local one between two samples; the largest.

    How long an answer takes is taken off, so a slow network is no step.
    """
    largest = 0.0
    last: tuple[float, float, float] | None = None
    for turn in range(SAMPLES):
        if turn:
            sleep(PAUSE)
        before = local_time()
        instant = server_time()
        after = local_time()
        if last is not None:
            least, most = before - last[2], after - last[1]
            moved = instant - last[0]
            step = moved - most if moved > most else min(0.0, moved - least)
            largest = step if abs(step) > abs(largest) else largest
        last = instant, before, after
    return largest


def _pools(
    server: Server, prefix: str, found: Sequence[Names], ttls: list[bool], forbidden: set[str]
) -> Iterator[tuple[Pool, PoolFacts]]:
    rest = iter(found)
    while batch := list(islice(rest, AT_A_TIME)):
        pools = {pool.key: pool for pool in read_batch(server, prefix, batch, forbidden=forbidden)}
        asked = [names for names in batch if names.key.removeprefix(prefix) in pools]
        kept = _without_expiry(server, asked)
        ttls.append(kept is None)
        for each in asked:
            pool = pools[each.key.removeprefix(prefix)]
            if pool.slots or pool.waiters or (kept or {}).get(each.key):
                yield pool, pool_facts(pool, (kept or {}).get(each.key, ()))


def _without_expiry(server: Server, names: Sequence[Names]) -> dict[str, tuple[str, ...]] | None:
    """Return the names of each pool's keys that never expire; ``None`` if the user may not ask."""
    from redis.exceptions import NoPermissionError

    asked = [(each.key, name) for each in names for name in (each.slots, each.queue) if name is not None]
    try:
        answers = server.ask([('pttl', name) for _, name in asked])
    except NoPermissionError:
        return None
    found: dict[str, tuple[str, ...]] = {}
    for (key, name), left in zip(asked, answers, strict=True):
        if left == -1:
            found[key] = (*found.get(key, ()), name.decode())
    return found


def pool_facts(pool: Pool, endless_keys: Sequence[str] = ()) -> PoolFacts:
    """Return what the checks look at of a pool, with the names of its keys that never expire."""
    held = [slot for slot in pool.slots if not slot.claimed]
    endless = sum(math.isinf(slot.remaining) for slot in held)
    lives = [(slot, slot.life) for slot in held if slot.life is not None and not math.isinf(slot.remaining)]
    mortal = dict(mortal_slots(pool))
    ahead = [slot.remaining - life for slot, life in lives]
    return PoolFacts(
        pool.key,
        max_sizes(pool),
        len(held),
        endless,
        len(mortal),
        sum(mortal.values()),
        sum(slot.renewed and slot.remaining < MISSED * life for slot, life in lives),
        max([pool.ahead, 0.0, *ahead]),
        # A slot that never expires keeps the key of the slots, rightfully.
        tuple(name for name in endless_keys if not (endless and '~queue~' not in name)),
    )
