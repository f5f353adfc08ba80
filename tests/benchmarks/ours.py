"""The library under test, through its public names."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, ExitStack
from typing import Any

from py_cachify import CachifyPoolFullError, init_cachify, pool
from tests.benchmarks.clients import make_client
from tests.benchmarks.contention import AsyncAttempt, Attempt
from tests.benchmarks.sizes import MAX_SIZE


LONG = 3600
"""The ``slot_exp`` of slots that must outlast a row, in seconds."""


def hold(of: pool, slots: int) -> ExitStack:
    """Take slots through one pool object, which are never released and end with their store."""
    stack = ExitStack()
    for _ in range(slots):
        stack.enter_context(of)
    return stack


async def ahold(of: pool, slots: int) -> AsyncExitStack:
    """Take slots through one pool object with ``async with``, and never release them."""
    stack = AsyncExitStack()
    for _ in range(slots):
        await stack.enter_async_context(of)
    return stack


def attempts(socket: str) -> Callable[[], Attempt]:
    """Return what makes the attempts of threads, which share one pool object."""
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
    """Return what makes the attempts of tasks, which share one pool object."""
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
