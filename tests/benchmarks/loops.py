"""The timed loops, the same for the library and for the code that it is compared with.

The module imports only the standard library, because the loops also measure other packages, in
their own environments.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from itertools import repeat
from typing import Any

from tests.benchmarks.rounds import Chunk


# A single `redis.call(…)` each: no scripts that keep slots can be shorter than these two.
ADD = "return redis.call('ZADD', KEYS[1], ARGV[1], ARGV[2])"
REMOVE = "return redis.call('ZREM', KEYS[1], ARGV[1])"


def with_loop(context: AbstractContextManager[Any]) -> Chunk:
    """Return the loop over ``with context: pass``."""

    def chunk(count: int) -> float:
        began = time.perf_counter()
        for _ in repeat(None, count):
            with context:
                pass
        return time.perf_counter() - began

    return chunk


def async_with_loop(runner: asyncio.Runner, context: AbstractAsyncContextManager[Any], tasks: int = 1) -> Chunk:
    """Return the loop over ``async with context: pass``, in one task or in several."""

    async def work(count: int) -> None:
        for _ in repeat(None, count):
            async with context:
                pass

    return _in_tasks(runner, work, tasks)


def limit_loop(client: Any) -> Chunk:
    """Return the loop of LIMIT: two bare round trips with the client's own ``evalsha``."""
    add, remove = client.script_load(ADD), client.script_load(REMOVE)

    def chunk(count: int) -> float:
        began = time.perf_counter()
        for _ in repeat(None, count):
            client.evalsha(add, 1, 'limit', '1', 'member')
            client.evalsha(remove, 1, 'limit', 'member')
        return time.perf_counter() - began

    return chunk


def async_limit_loop(runner: asyncio.Runner, client: Any, tasks: int = 1) -> Chunk:
    """Return the loop of LIMIT with an asynchronous client, in one task or in several."""
    add, remove = runner.run(load_limit(client))

    async def work(count: int) -> None:
        for _ in repeat(None, count):
            await client.evalsha(add, 1, 'limit', '1', 'member')
            await client.evalsha(remove, 1, 'limit', 'member')

    return _in_tasks(runner, work, tasks)


async def load_limit(client: Any) -> tuple[str, str]:
    """Load the scripts of LIMIT into the server, and return their digests."""
    return await client.script_load(ADD), await client.script_load(REMOVE)


def _in_tasks(runner: asyncio.Runner, work: Callable[[int], Coroutine[Any, Any, None]], tasks: int) -> Chunk:
    """Return the loop in which each task does all operations; the time is divided by the tasks."""

    async def chunk(count: int) -> float:
        began = time.perf_counter()
        if tasks == 1:
            await work(count)
        else:
            await asyncio.gather(*(work(count) for _ in range(tasks)))
        return (time.perf_counter() - began) / tasks

    return lambda count: runner.run(chunk(count))
