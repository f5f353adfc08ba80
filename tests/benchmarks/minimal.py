"""The minimal semaphore with expiry, the reference of the contended rows.

One script drops expired slots, counts and adds; ``ZREM`` releases.  It has no defence against lost
replies, interrupts or cancellation, and leaves its key in the store for ever.  Do not use it for
anything else.
"""

import uuid
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from itertools import count
from types import TracebackType
from typing import Any

from tests.benchmarks.clients import make_client
from tests.benchmarks.contention import AsyncAttempt, Attempt
from tests.benchmarks.sizes import MAX_SIZE


KEY = 'minimal'
SLOT_EXP = 600

_ACQUIRE = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[3])
return 1
"""

_process, _serial = uuid.uuid4().hex, count()


def attempts(socket: str) -> Callable[[], Attempt]:
    """Return what makes the attempts of threads."""
    client = make_client(socket)
    acquire = client.script_load(_ACQUIRE)

    def attempt(body: Callable[[], None]) -> bool:
        token = f'{_process}{next(_serial)}'
        if not client.evalsha(acquire, 1, KEY, MAX_SIZE, SLOT_EXP, token):
            return False
        try:
            body()
        finally:
            client.zrem(KEY, token)
        return True

    return lambda: attempt


async def async_attempts(client: Any) -> Callable[[], AsyncAttempt]:
    """Return what makes the attempts of tasks."""
    acquire = await client.script_load(_ACQUIRE)

    async def attempt(body: Callable[[], Awaitable[None]]) -> bool:
        token = f'{_process}{next(_serial)}'
        if not await client.evalsha(acquire, 1, KEY, MAX_SIZE, SLOT_EXP, token):
            return False
        try:
            await body()
        finally:
            await client.zrem(KEY, token)
        return True

    return lambda: attempt


class Slot(AbstractContextManager[None]):
    """The minimal semaphore as a context manager, for one holder at a time."""

    def __init__(self, client: Any, key: str, max_size: int) -> None:
        self._client, self._key, self._max_size = client, key, max_size
        self._acquire = client.script_load(_ACQUIRE)

    def __enter__(self) -> None:
        self._token = f'{_process}{next(_serial)}'
        if not self._client.evalsha(self._acquire, 1, self._key, self._max_size, SLOT_EXP, self._token):
            raise RuntimeError('the minimal semaphore is full')

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._client.zrem(self._key, self._token)


class AsyncSlot(AbstractAsyncContextManager[None]):
    """The minimal semaphore as an asynchronous context manager for one holder at a time."""

    def __init__(self, client: Any, digest: str, key: str, max_size: int) -> None:
        self._client, self._key, self._max_size = client, key, max_size
        self._acquire = digest

    @classmethod
    async def made(cls, client: Any, key: str, max_size: int) -> 'AsyncSlot':
        """Load the script into the server, and return a semaphore that uses it."""
        return cls(client, await client.script_load(_ACQUIRE), key, max_size)

    async def __aenter__(self) -> None:
        self._token = f'{_process}{next(_serial)}'
        if not await self._client.evalsha(self._acquire, 1, self._key, self._max_size, SLOT_EXP, self._token):
            raise RuntimeError('the minimal semaphore is full')

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._client.zrem(self._key, self._token)
