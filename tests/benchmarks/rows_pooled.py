"""A call of a ``@pooled`` function in memory, compared with ``with pool`` around the same call."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from itertools import cycle, islice
from typing import Any

from py_cachify import init_cachify, pool, pooled
from tests.benchmarks.bench import Bench
from tests.benchmarks.rounds import Chunk, ratios
from tests.benchmarks.table import Row, microseconds


STATIC_TARGET, FIELD_TARGET = 1.2, 1.5
USERS = range(1_000)
"""The values of a key's field: each has its own key."""
MAX_SIZE = 8


def _function(user_id: int) -> int:
    return user_id


async def _async_function(user_id: int) -> int:
    return user_id


def sync_rows(bench: Bench) -> list[Row]:
    """Return the rows for functions."""
    init_cachify()
    of = pool('users', MAX_SIZE)

    def bracket(count: int) -> float:
        began = time.perf_counter()
        for user_id in islice(cycle(USERS), count):
            with of:
                _function(user_id)
        return time.perf_counter() - began

    def calls(function: Callable[[int], Any]) -> Chunk:
        def chunk(count: int) -> float:
            began = time.perf_counter()
            for user_id in islice(cycle(USERS), count):
                function(user_id)
            return time.perf_counter() - began

        return chunk

    static, field = pooled('users', MAX_SIZE)(_function), pooled('users-{user_id}', MAX_SIZE)(_function)
    return _rows(bench, '@pooled, sync', {'with': bracket, 'static': calls(static), 'field': calls(field)})


def async_rows(bench: Bench) -> list[Row]:
    """Return the rows for coroutine functions."""
    init_cachify()
    of = pool('users', MAX_SIZE)

    async def bracket(count: int) -> float:
        began = time.perf_counter()
        for user_id in islice(cycle(USERS), count):
            async with of:
                await _async_function(user_id)
        return time.perf_counter() - began

    async def calls(function: Callable[[int], Coroutine[Any, Any, Any]], count: int) -> float:
        began = time.perf_counter()
        for user_id in islice(cycle(USERS), count):
            await function(user_id)
        return time.perf_counter() - began

    static, field = pooled('users', MAX_SIZE)(_async_function), pooled('users-{user_id}', MAX_SIZE)(_async_function)
    with asyncio.Runner() as runner:
        chunks: dict[str, Chunk] = {
            'with': lambda count: runner.run(bracket(count)),
            'static': lambda count: runner.run(calls(static, count)),
            'field': lambda count: runner.run(calls(field, count)),
        }
        return _rows(bench, '@pooled, async', chunks)


def _rows(bench: Bench, name: str, chunks: dict[str, Chunk]) -> list[Row]:
    times = bench.times(chunks)
    bracket = times['with']
    return [
        Row(
            f'{name}, {key}',
            ratios(times[which], bracket),
            'with pool',
            microseconds(times[which], bracket),
            bound=target,
        )
        for which, key, target in (('static', 'static key', STATIC_TARGET), ('field', '{user_id}', FIELD_TARGET))
    ]
