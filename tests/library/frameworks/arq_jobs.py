"""The jobs of arq, and what must be true of them; ``arq_by_hand.py`` runs this.

arq runs a decorated function in the event loop of a worker, and retries a refused job.
"""

import asyncio
import importlib.metadata
import os
import sys
from typing import Any

import arq
import redis.asyncio
from arq.connections import RedisSettings

from py_cachify import init_cachify, pool, pooled
from tests.library.frameworks.shared_desk import (
    ENOUGH,
    NAMES,
    SERVER,
    SIZE,
    client,
    empty_desk,
    hold,
    most_at_once,
    note_refusal,
    worker,
)


SOON = 0.05
"""In seconds: the delay before a refused job is tried again."""

MODULE = 'tests.library.frameworks.arq_jobs'


async def try_again(context: Any, name: str) -> None:
    """Put a refused job back."""
    await asyncio.to_thread(note_refusal)
    raise arq.Retry(defer=SOON)


@pooled('arq', max_size=SIZE, on_full=try_again)
async def report(context: Any, name: str) -> str:
    """Report something."""
    return await asyncio.to_thread(hold, name)


async def connect(context: Any) -> None:
    """Connect the worker to the pools."""
    init_cachify(client(), redis.asyncio.Redis(unix_socket_path=os.environ[SERVER]))


class WorkerSettings:
    """What the command ``arq`` reads."""

    functions = (report,)
    on_startup = connect
    max_tries = 10_000
    poll_delay = 0.02
    redis_settings = RedisSettings(unix_socket_path=os.environ.get(SERVER))


async def results(socket: str) -> list[str]:
    """Send the jobs, and wait for what they return."""
    queue = await arq.create_pool(RedisSettings(unix_socket_path=socket))
    sent = [await queue.enqueue_job('report', name) for name in NAMES]
    done = [await job.result(timeout=ENOUGH, poll_delay=0.02) for job in sent]
    await queue.aclose()
    return done


def main(socket: str) -> None:
    """Check that refused jobs are retried, and that no more run at once than the pool allows."""
    with empty_desk(socket) as server, worker(socket, '-m', 'arq', f'{MODULE}.WorkerSettings'):
        assert asyncio.run(results(socket)) == [f'{name} is done' for name in NAMES]
        assert most_at_once(server) == SIZE
        init_cachify(server, redis.asyncio.Redis(unix_socket_path=socket))
        assert pool('arq', max_size=SIZE).size() == 0
        assert asyncio.run(report.size(None, 'a')) == 0
    for name in ('arq', 'redis', 'hiredis'):
        print(name, importlib.metadata.version(name))
    print(f'{len(NAMES)} jobs are done, {SIZE} at most at once; refused jobs were retried, and no slot is left')


if __name__ == '__main__':
    main(sys.argv[1])
