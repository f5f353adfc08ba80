"""Each store that carries out whole decisions, in virtual time, for threads and for tasks."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
import redis
import redis.asyncio

from py_cachify.backends.redis import AsyncRedisBackend
from py_cachify.commands import Command
from tests.conftest import place_of
from tests.support.stores import SERVERS, VirtualClock, backend_in_virtual_time


Ask = Callable[[Command[Any]], Any]

NOW = 1_700_000_000.0
"""Virtual time begins at an instant with as many digits as a real one."""


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(NOW)


@pytest.fixture(params=['memory', *SERVERS, 'a task on valkey'])
def deciding_store(request: pytest.FixtureRequest) -> str:
    """Every store that carries out whole decisions."""
    return str(request.param)


@pytest.fixture
def ask(deciding_store: str, request: pytest.FixtureRequest, clock: VirtualClock) -> Iterator[Ask]:
    """Performs one command on an empty store, whose time is that of ``clock``."""
    if deciding_store != 'a task on valkey':
        with backend_in_virtual_time(deciding_store, place_of(deciding_store, request), clock) as backend:
            yield backend.perform
        return
    client = redis.asyncio.Redis(unix_socket_path=place_of('valkey', request))
    asynchronous = AsyncRedisBackend(client, clock)
    with asyncio.Runner() as runner:
        yield lambda command: runner.run(_awaited(asynchronous.aperform(command)))
        runner.run(client.aclose())


async def _awaited(reply: Awaitable[Any]) -> Any:
    return await reply
