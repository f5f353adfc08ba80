"""taskiq runs decorated functions in its receiver, and retries a refused task."""

import asyncio
import datetime
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import redis.asyncio
import taskiq
import taskiq.api
from taskiq_redis import ListQueueBroker, ListRedisScheduleSource, RedisAsyncResultBackend

from py_cachify import CachifyPoolFullError, init_cachify, pool, pooled
from tests.library.frameworks.shared_desk import ENOUGH, NAMES, SIZE, empty_desk, hold, most_at_once, note_refusal


SOON = 0.1
"""In seconds: when a refused task is run again."""


class Retries(taskiq.SmartRetryMiddleware):
    """taskiq's own middleware, and a note of each refusal."""

    async def on_error(self, message: Any, result: Any, exception: BaseException) -> None:
        if isinstance(exception, CachifyPoolFullError):
            await asyncio.to_thread(note_refusal)
        await super().on_error(message, result, exception)


@asynccontextmanager
async def receiving(socket: str) -> AsyncIterator[taskiq.AsyncBroker]:
    """Yield a broker on the real server, whose tasks a receiver runs."""
    address = f'unix://{socket}'
    broker = ListQueueBroker(address).with_result_backend(RedisAsyncResultBackend(address))
    source = ListRedisScheduleSource(address)
    retries = Retries(types_of_exceptions=[CachifyPoolFullError], default_delay=SOON, schedule_source=source)
    await broker.with_middlewares(retries).startup()
    scheduler = taskiq.TaskiqScheduler(broker, [source])
    often = datetime.timedelta(seconds=SOON)
    background = [
        asyncio.create_task(taskiq.api.run_receiver_task(broker, sync_workers=SIZE + 1)),
        asyncio.create_task(taskiq.api.run_scheduler_task(scheduler, interval=often, loop_interval=often)),
    ]
    try:
        yield broker
    finally:
        for task in background:
            task.cancel()
        await asyncio.wait(background)
        # Its shutdown() closes nothing.
        await source._connection_pool.disconnect()
        await broker.shutdown()


async def send_all(task: Any) -> None:
    """Send the tasks and wait for the results."""
    sent = [await task.kiq(name) for name in NAMES]
    results = [await each.wait_result(check_interval=0.02, timeout=ENOUGH) for each in sent]
    assert [result.return_value for result in results] == [f'{name} is done' for name in NAMES]


def run(socket: str, body: Coroutine[Any, Any, None]) -> None:
    """Run a test on an event loop, and check what its tasks left."""
    with empty_desk(socket) as server:

        async def main() -> None:
            async with redis.asyncio.Redis(unix_socket_path=socket) as asynchronous:
                init_cachify(server, asynchronous)
                await body

        asyncio.run(main())
        assert most_at_once(server) == SIZE
        assert pool('taskiq', max_size=SIZE).size() == 0


def test_a_refused_async_task_is_retried(socket: str) -> None:
    """The task has the name of the function; no more run at once than the pool allows."""

    async def body() -> None:
        async with receiving(socket) as broker:

            @broker.task(retry_on_error=True, max_retries=10_000)
            @pooled('taskiq', max_size=SIZE, raise_on_full=True)
            async def report(name: str) -> str:
                return await asyncio.to_thread(hold, name)

            assert report.task_name == f'{__name__}:report'
            await send_all(report)
            function: Any = report.original_func
            assert await function.size('a') == 0

    run(socket, body())


def test_a_refused_task_is_retried(socket: str) -> None:
    """taskiq runs a function that is not ``async`` in a thread."""

    async def body() -> None:
        async with receiving(socket) as broker:

            @broker.task(retry_on_error=True, max_retries=10_000)
            @pooled('taskiq', max_size=SIZE, raise_on_full=True)
            def report(name: str) -> str:
                return hold(name)

            await send_all(report)

    run(socket, body())
