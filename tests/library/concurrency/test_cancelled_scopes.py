"""Ten thousand cancellations, by every means of asyncio and anyio, on a real server.

By hand: ``CANCELLATIONS=10000 pytest tests/library/concurrency/test_cancelled_scopes.py``; a sample
otherwise.
"""

import asyncio
import os
import random
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import anyio
import pytest
import redis
import redis.asyncio

from py_cachify import CachifyPoolFullError, init_cachify, pool


CANCELLATIONS = int(os.environ.get('CANCELLATIONS', '2000'))
AT_ONCE = 20
LONGEST = 0.004

Hold = Callable[[], Coroutine[Any, Any, None]]


async def by_cancel(hold: Hold, seconds: float) -> None:
    task = asyncio.ensure_future(hold())
    await asyncio.sleep(seconds)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def by_timeout(hold: Hold, seconds: float) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(seconds):
            await hold()


async def by_wait_for(hold: Hold, seconds: float) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(hold(), seconds)


class _EnoughError(Exception):
    pass


async def by_task_group(hold: Hold, seconds: float) -> None:
    async def fail() -> None:
        await asyncio.sleep(seconds)
        raise _EnoughError

    async def together() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(hold())
            tasks.create_task(fail())

    with pytest.raises(BaseExceptionGroup) as group:
        await together()
    assert group.group_contains(_EnoughError)


async def by_anyio_scope(hold: Hold, seconds: float) -> None:
    with anyio.move_on_after(seconds) as scope:
        await hold()
    assert scope.cancelled_caught


async def by_anyio_group(hold: Hold, seconds: float) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(hold)
        await anyio.sleep(seconds)
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize('cancel', [by_cancel, by_timeout, by_wait_for, by_task_group, by_anyio_scope, by_anyio_group])
def test_whatever_cancels_leaves_no_slot(
    cancel: Callable[[Hold, float], Awaitable[None]], socket: str, server: 'redis.Redis'
) -> None:
    """At random moments of acquire, body and release; at most three run, and nothing stays."""
    chance = random.Random(cancel.__name__)
    running = peak = granted = 0

    async def main() -> None:
        async with redis.asyncio.Redis(unix_socket_path=socket) as client:
            made = init_cachify(async_client=client)
            three = made.pool('reports', max_size=3, slot_exp=None)

            async def hold() -> None:
                nonlocal running, peak, granted
                while True:
                    try:
                        async with three:
                            running, granted = running + 1, granted + 1
                            peak = max(peak, running)
                            try:
                                await asyncio.sleep(chance.random() * 0.001)
                            finally:
                                running -= 1
                    except CachifyPoolFullError:
                        await asyncio.sleep(0)

            async def worker(times: int) -> None:
                for _ in range(times):
                    await cancel(hold, chance.random() * LONGEST)

            await asyncio.gather(*(worker(CANCELLATIONS // AT_ONCE) for _ in range(AT_ONCE)))
            assert await three.asize() == 0

    asyncio.run(main())
    # An acquire whose answer was late has left a tombstone.
    assert (running, [key for key in server.scan_iter() if b'~undone~' not in key]) == (0, [])
    assert 0 < peak <= 3
    # How many depends on the load of the machine; the test needs at least some.
    assert granted >= CANCELLATIONS // 200


def test_a_pool_of_one_kind_in_a_copied_scope_of_another() -> None:
    """A synchronous pool inside an asynchronous one, both left by one cancellation."""

    async def main() -> None:
        init_cachify()
        outer, inner = pool('outer', max_size=1, slot_exp=None), pool('inner', max_size=1, slot_exp=None)

        async def hold() -> None:
            async with outer:
                with inner:
                    await asyncio.Event().wait()

        await by_cancel(hold, 0.01)
        assert (await outer.asize(), inner.size()) == (0, 0)

    asyncio.run(main())
