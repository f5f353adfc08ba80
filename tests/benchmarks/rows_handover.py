"""Single waiters: how soon one gets a slot, what a thousand cost, and what ``wait`` costs alone."""

import asyncio
import random
import time
from collections.abc import Sequence
from contextlib import closing
from statistics import median
from typing import Any

import redis.asyncio

from py_cachify import init_cachify
from py_cachify.pools import pool
from tests.benchmarks.bench import Bench
from tests.benchmarks.handover import HandOver, OtherProcess, waiter
from tests.benchmarks.loops import async_with_loop, with_loop
from tests.benchmarks.ours import ahold
from tests.benchmarks.rounds import Chunk, heap_set_aside, ratios, spread
from tests.benchmarks.sizes import MANY_TASKS, MAX_SIZE, ROOM
from tests.benchmarks.table import Absolute, Row, microseconds


OTHER_PROCESS_TARGET, SAME_PROCESS_TARGET = 3.1, 2.2
"""From a release to the body of the waiter, in round trips after an equal pause."""
IDLE_TARGET = 250
"""Commands a second of ``MANY_TASKS`` waiters while nothing moves."""

IN_A_ROUND = 20
"""How many hand-overs a round has, at most; its ratio is that of two medians."""
_CONNECTIONS, _NAME = 100, 'idle-waiters'


# --- from a release to a body


def handover_rows(bench: Bench) -> list[Row]:
    """Return the rows of a waiter in another process than the holder, and in the same one."""
    rows = []
    for kind in ('threads', 'tasks'):
        with closing(OtherProcess(kind, f'other-{kind}', bench.socket)) as other:
            found = _hand_overs(bench, kind, f'other-{kind}', other)
            rows.append(_handover_row(f'waiting, hand-over, two processes, {kind}', found, OTHER_PROCESS_TARGET))
        found = _hand_overs(bench, kind, f'same-{kind}', None)
        rows.append(_handover_row(f'waiting, hand-over, one process, {kind}', found, SAME_PROCESS_TARGET))
    return rows


def _hand_overs(bench: Bench, kind: str, key: str, other: OtherProcess | None) -> list[list[HandOver]]:
    in_a_round = max(2, min(IN_A_ROUND, round(bench.plan.waiting * IN_A_ROUND)))
    with waiter(kind, key, bench.socket, other) as waiting:
        for _ in range(in_a_round):
            waiting.measure()  # connects, and subscribes
        with heap_set_aside(), bench.store_cores([] if other is None else [other.pid]):
            rounds = []
            for _ in range(bench.plan.rounds):
                rounds.append([waiting.measure() for _ in range(in_a_round)])
                bench.tick()
    return rounds


def _handover_row(measure: str, rounds: Sequence[Sequence[HandOver]], target: float) -> Row:
    every = [each for one in rounds for each in one]
    low, high = _interval(every)
    return Row(
        measure,
        spread([_ratio(one) for one in rounds]),
        'a round trip after a pause',
        microseconds([each.took for each in every], [each.trip for each in every]),
        bound=target,
        seen=f'of all {len(every)}: {_ratio(every):.2f}, 95 % interval {low:.2f} to {high:.2f}',
    )


def _ratio(hand_overs: Sequence[HandOver]) -> float:
    return median(each.took for each in hand_overs) / median(each.trip for each in hand_overs)


def _interval(hand_overs: Sequence[HandOver]) -> tuple[float, float]:
    """Return the 95 % interval of the ratio of the medians, by drawing the hand-overs again."""
    draw = random.Random(1)
    found = sorted(_ratio(draw.choices(hand_overs, k=len(hand_overs))) for _ in range(400))
    return found[9], found[-10]


# --- a thousand that wait while nothing moves


def idle_rows(bench: Bench) -> list[Row]:
    """Return the row of ``MANY_TASKS`` tasks that wait while all slots stay taken."""
    with asyncio.Runner() as runner:
        return [runner.run(_idle_row(bench))]


async def _idle_row(bench: Bench) -> Row:
    connections = redis.asyncio.BlockingConnectionPool(
        max_connections=_CONNECTIONS,
        timeout=None,
        connection_class=redis.asyncio.UnixDomainSocketConnection,
        path=bench.socket,
        client_name=_NAME,
    )
    client = redis.asyncio.Redis(connection_pool=connections)
    waiting = init_cachify(None, client, is_global=False).pool('idle', MAX_SIZE, wait=None)
    slots = await ahold(waiting, MAX_SIZE)
    tasks = [asyncio.create_task(_wait(waiting)) for _ in range(MANY_TASKS)]
    seconds = 5 * bench.plan.waiting
    rates: list[float] = []
    try:
        while await waiting.aqueue_size() < MANY_TASKS:  # noqa: ASYNC110 - the server knows
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.2 * seconds)
        working = time.process_time()
        for _ in range(bench.plan.waiting_rounds):
            before, began = await _scripts_run(client), time.monotonic()
            await asyncio.sleep(seconds)
            rates.append((await _scripts_run(client) - before) / (time.monotonic() - began))
        working = (time.process_time() - working) / (seconds * bench.plan.waiting_rounds)
        subscriptions, normal = [await _connections(client, kind) for kind in ('pubsub', 'normal')]
        still = await waiting.aqueue_size()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await slots.aclose()
        left = await waiting.aqueue_size(), await waiting.asize()
        await client.aclose()
        await connections.disconnect()
    limits = [float(IDLE_TARGET)] * len(rates)
    broken = {'waiters were lost': MANY_TASKS - still, 'waiters are left': left[0], 'slots are left': left[1]}
    return Row(
        f'waiting, {MANY_TASKS:,} idle tasks',
        ratios(rates, limits),
        f'{IDLE_TARGET} commands a second',
        Absolute(median(rates), IDLE_TARGET, 'a second'),
        bound=1,
        seen=f'{subscriptions} subscription, {normal} other connections, {working:.1%} of a core',
        unmet=() if subscriptions == 1 else (f'{subscriptions} subscriptions',),
        broken=tuple(f'{number} {what}' for what, number in broken.items() if number),
    )


async def _wait(waiting: pool) -> None:
    async with waiting:
        raise AssertionError('a waiter got a slot although all are taken')


async def _connections(client: Any, kind: str) -> int:
    return sum(each['name'] == _NAME for each in await client.client_list(_type=kind))


async def _scripts_run(client: Any) -> int:
    calls = await client.info('commandstats')
    return sum(calls[name]['calls'] for name in ('cmdstat_evalsha', 'cmdstat_eval') if name in calls)


# --- without contention


def uncontended_rows(bench: Bench) -> list[Row]:
    """Return the rows of a pool that may wait and need not, compared with one without ``wait``."""
    rows = []
    with bench.client() as client, bench.async_client() as (runner, async_client):
        store = init_cachify(client, async_client, is_global=False)
        plain, waiting = store.pool('plain', ROOM), store.pool('may-wait', ROOM, wait=10)
        for side in ('sync', 'async'):
            chunks: dict[str, Chunk] = {
                'plain': with_loop(plain) if side == 'sync' else async_with_loop(runner, plain),
                'waiting': with_loop(waiting) if side == 'sync' else async_with_loop(runner, waiting),
            }
            with bench.store_cores():
                times = bench.times(chunks)
            rows.append(
                Row(
                    f'waiting, {side}, a free pool with wait=10',
                    ratios(times['waiting'], times['plain']),
                    'the pool without wait',
                    microseconds(times['waiting'], times['plain']),
                    bound=None,
                )
            )
    return rows
