"""The library under test, through its public names."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, ExitStack
from typing import Any

from py_cachify import CachifyPoolFullError, init_cachify, pool
from tests.benchmarks.clients import make_client
from tests.benchmarks.contention import AsyncAttempt, Attempt
from tests.benchmarks.sizes import MAX_SIZE


LONG = 3600
"""The ``slot_exp`` of slots that are to outlast a row."""


def hold(of: pool, slots: int) -> ExitStack:
    """Take so many slots through one pool object.  They are never given back, and end with their store."""
    stack = ExitStack()
    for _ in range(slots):
        stack.enter_context(of)
    return stack


async def ahold(of: pool, slots: int) -> AsyncExitStack:
    """The same through ``async with``."""
    stack = AsyncExitStack()
    for _ in range(slots):
        await stack.enter_async_context(of)
    return stack


def attempts(socket: str) -> Callable[[], Attempt]:
    """For threads, which share one pool object."""
    init_cachify(make_client(socket))
    shared = pool('contended', MAX_SIZE)

    def attempt(body: Callable[[], None]) -> bool:
        try:
            with shared:
                body()
        except CachifyPoolFullError:
            return False
        return True

    return lambda: attempt


def async_attempts(client: Any) -> Callable[[], AsyncAttempt]:
    """For tasks, which share one too."""
    init_cachify(None, client)
    shared = pool('contended', MAX_SIZE)

    async def attempt(body: Callable[[], Awaitable[None]]) -> bool:
        try:
            async with shared:
                await body()
        except CachifyPoolFullError:
            return False
        return True

    return lambda: attempt
