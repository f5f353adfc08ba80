"""Many tasks of one event loop, compared with bare round trips of a client with 100 connections.

The library has a client with the default settings.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from statistics import median, quantiles
from typing import Any, NamedTuple

from py_cachify import init_cachify, pool
from tests.benchmarks.bench import Bench
from tests.benchmarks.clients import make_async_client, make_blocking_client
from tests.benchmarks.connections import ConnectionCount
from tests.benchmarks.delaying_proxy import DelayingProxy
from tests.benchmarks.loops import async_limit_loop, async_with_loop, load_limit
from tests.benchmarks.recorded import Requests, record
from tests.benchmarks.rounds import Chunk, heap_set_aside, ratios, turns
from tests.benchmarks.sizes import (
    BARE_CONNECTIONS,
    BODY,
    DELAY,
    LATENCY_BODIES,
    LATENCY_TASKS,
    MAX_SIZE,
    MOST_TASKS,
    ROOM,
    TASKS,
)
from tests.benchmarks.table import Absolute, Row, microseconds


TARGETS = dict(zip(TASKS, (0.70, 0.55, 0.47, 0.42), strict=True))
"""By the number of tasks."""
DELAYED_TARGETS = dict(zip(TASKS, (1.08, 1.0, 0.68, 0.56), strict=True))
MEDIAN_TARGET, TAIL_TARGET = 1.05, 1.0
"""The latency of an acquire: its median, and the 95 % quantile."""
REQUESTING_TARGET, SUBSCRIBING_TARGET = 8, 1
"""How many connections may be opened."""

BARE = f'LIMIT with {BARE_CONNECTIONS} connections'
PIPELINED_TASKS = 100
"""How many tasks are compared with a pipeline."""
_PAIRS_A_SECOND, _FEWEST_PAIRS = 30_000, 3
"""The pairs of requests in a round: in all for each second of the plan, and of one task."""
_ACQUIRES_A_SECOND = 300
"""The acquires of one task in a round of latencies, for each second of the plan."""


def task_rows(bench: Bench) -> list[Row]:
    """Return the rows of tasks on a pool that has room for all."""
    return _rows(bench, bench.socket, TARGETS, bench.cores)


def delayed_rows(bench: Bench) -> list[Row]:
    """Return the same rows with a longer round trip."""
    with DelayingProxy(bench.socket, DELAY) as proxy:
        return _rows(bench, proxy.socket, DELAYED_TARGETS, _delayed(bench), proxy.report)


def _delayed(bench: Bench) -> str:
    return f'{2 * DELAY * 1000:.0f} ms added, {bench.cores}'


def _rows(
    bench: Bench, socket: str, targets: dict[int, float], where: str, report: Callable[[], str] = str
) -> list[Row]:
    rows = []
    with _clients(socket) as (runner, client, bare):
        shared = init_cachify(None, client, is_global=False).pool('many-tasks', ROOM)
        for tasks, target in targets.items():
            chunks = {
                'LIMIT': async_limit_loop(runner, bare, tasks),
                'ours': async_with_loop(runner, shared, tasks),
            }
            report()  # the row's own report begins here
            with bench.store_cores():
                times = bench.times(chunks, count=_pairs(bench, tasks))
            rows.append(
                Row(
                    f'tasks, {tasks}, {where}',
                    ratios(times['ours'], times['LIMIT']),
                    BARE,
                    microseconds(times['ours'], times['LIMIT']),
                    bound=target,
                    seen=report(),
                    broken=_left(runner, shared),
                )
            )
    return rows


def _pairs(bench: Bench, tasks: int) -> int:
    """Return how many pairs of requests each task makes in a round."""
    return max(_FEWEST_PAIRS, round(bench.plan.seconds * _PAIRS_A_SECOND / tasks))


@contextmanager
def _clients(socket: str) -> Iterator[tuple[asyncio.Runner, Any, Any]]:
    """Yield an event loop, the library's client, and the client that it is compared with."""
    with asyncio.Runner() as runner:
        client, bare = make_async_client(socket), make_blocking_client(socket, BARE_CONNECTIONS)
        try:
            yield runner, client, bare
        finally:
            runner.run(client.aclose())
            runner.run(bare.aclose())


def _left(runner: asyncio.Runner, of: pool) -> tuple[str, ...]:
    left = runner.run(of.asize())
    return (f'{left} slots are left',) if left else ()


# --- the latency of an acquire


Held = Callable[[float], Awaitable[float]]
"""Holds a slot for so many seconds, and returns how long it took to get the slot."""


def latency_rows(bench: Bench) -> list[Row]:
    """Return the rows of tasks that take a slot, hold it for a random time, and so on."""
    with DelayingProxy(bench.socket, DELAY) as proxy, _clients(proxy.socket) as (runner, client, bare):
        shared = init_cachify(None, client, is_global=False).pool('latencies', ROOM)
        holds = {'LIMIT': runner.run(_bare_hold(bare)), 'ours': _hold(shared)}
        times = max(2, round(bench.plan.seconds * _ACQUIRES_A_SECOND))
        found: dict[str, list[list[float]]] = {name: [] for name in holds}
        for hold in holds.values():
            runner.run(_latencies(hold, 2))  # connects, and loads scripts
        proxy.report()
        with heap_set_aside(), bench.store_cores():
            for name in turns(list(holds), bench.plan.rounds, bench.tick):
                found[name].append(runner.run(_latencies(holds[name], times)))
        seen, broken = proxy.report(), _left(runner, shared)
    rows = []
    for what, of, target in (('median', median, MEDIAN_TARGET), ('95 %', _tail, TAIL_TARGET)):
        ours, against = ([of(one) for one in found[name]] for name in ('ours', 'LIMIT'))
        rows.append(
            Row(
                f'tasks, latency of an acquire, {what}, {LATENCY_TASKS} with random bodies, {_delayed(bench)}',
                ratios(ours, against),
                BARE,
                microseconds(ours, against),
                bound=target,
                seen=seen,
                broken=broken,
            )
        )
    return rows


def _tail(latencies: list[float]) -> float:
    return quantiles(latencies, n=20, method='inclusive')[-1]


async def _latencies(hold: Held, times: int) -> list[float]:
    """Let all tasks hold a slot so many times; the holding times are the same at each call."""

    async def work(seed: int) -> list[float]:
        draw = random.Random(seed)
        # Otherwise all would ask at once at first.
        await asyncio.sleep(draw.expovariate(1 / LATENCY_BODIES))
        return [await hold(draw.expovariate(1 / LATENCY_BODIES)) for _ in range(times)]

    each = await asyncio.gather(*(work(seed) for seed in range(LATENCY_TASKS)))
    return [latency for of_task in each for latency in of_task]


def _hold(of: pool) -> Held:
    async def hold(seconds: float) -> float:
        asked = time.perf_counter()
        async with of:
            took = time.perf_counter() - asked
            await asyncio.sleep(seconds)
        return took

    return hold


async def _bare_hold(client: Any) -> Held:
    add, remove = await load_limit(client)

    async def hold(seconds: float) -> float:
        asked = time.perf_counter()
        await client.evalsha(add, 1, 'limit', '1', 'member')
        took = time.perf_counter() - asked
        await asyncio.sleep(seconds)
        await client.evalsha(remove, 1, 'limit', 'member')
        return took

    return hold


# --- against one pipeline


def pipeline_rows(bench: Bench) -> list[Row]:
    """Return the row of tasks compared with the library's own scripts in two pipelines."""
    with _clients(bench.socket) as (runner, client, bare):
        requests = record(bench.socket, 'pipelined', ROOM, PIPELINED_TASKS)
        shared = init_cachify(None, client, is_global=False).pool('not-pipelined', ROOM)
        chunks = {
            'pipeline': _pipeline_loop(runner, bare, requests),
            'ours': async_with_loop(runner, shared, PIPELINED_TASKS),
        }
        with bench.store_cores():
            times = bench.times(chunks, count=_pairs(bench, PIPELINED_TASKS))
        return [
            Row(
                f'tasks, {PIPELINED_TASKS}, scripts in a pipeline, {bench.cores}',
                ratios(times['ours'], times['pipeline']),
                'the same scripts in one pipeline for all acquires, one for all releases',
                microseconds(times['ours'], times['pipeline']),
                bound=None,
                broken=_left(runner, shared),
            )
        ]


async def send_together(client: Any, commands: Sequence[tuple[Any, ...]]) -> None:
    """Send commands in one pipeline without a transaction."""
    pipeline = client.pipeline(transaction=False)
    for command in commands:
        pipeline.execute_command(*command)
    await pipeline.execute()


def _pipeline_loop(runner: asyncio.Runner, client: Any, requests: Requests) -> Chunk:
    async def chunk(count: int) -> float:
        began = time.perf_counter()
        for _ in range(count):
            await send_together(client, requests.acquires)
            await send_together(client, requests.releases)
        return (time.perf_counter() - began) / len(requests.acquires)

    return lambda count: runner.run(chunk(count))


# --- connections


class _Opened(NamedTuple):
    all: int
    subscribed: int


def connection_rows(bench: Bench) -> list[Row]:
    """Return the row of the connections that many tasks open, without and then with waiting."""
    found = []
    with bench.client() as observer:
        for _ in range(bench.plan.waiting_rounds):
            found.append(_opened(bench.socket, observer))
            bench.tick()
    most = REQUESTING_TARGET + SUBSCRIBING_TARGET
    opened, subscribed = [float(each.all) for each in found], max(each.subscribed for each in found)
    requesting = max(each.all - each.subscribed for each in found)
    return [
        Row(
            f'tasks, connections opened by {MOST_TASKS}',
            ratios(opened, [float(most)] * len(opened)),
            f'{most} connections',
            Absolute(median(opened), most, 'connections'),
            bound=1,
            seen=f'at most {requesting} for requests, {subscribed} to subscribe',
            unmet=tuple(
                f'more than {limit} {purpose}'
                for number, limit, purpose in (
                    (requesting, REQUESTING_TARGET, 'for requests'),
                    (subscribed, SUBSCRIBING_TARGET, 'to subscribe'),
                )
                if number > limit
            ),
        )
    ]


def _opened(socket: str, observer: Any) -> _Opened:
    with asyncio.Runner() as runner:
        client = make_async_client(socket)
        store = init_cachify(None, client, is_global=False)
        count = ConnectionCount(observer)
        try:
            for of in (store.pool('room-for-all', ROOM), store.pool('some-wait', MAX_SIZE, wait=None)):
                runner.run(_hold_in_tasks(of))
            return _Opened(count.opened(), count.subscribed())
        finally:
            runner.run(client.aclose())


async def _hold_in_tasks(of: pool) -> None:
    async def work() -> None:
        for _ in range(_FEWEST_PAIRS):
            async with of:
                await asyncio.sleep(BODY)

    await asyncio.gather(*(work() for _ in range(MOST_TASKS)))
