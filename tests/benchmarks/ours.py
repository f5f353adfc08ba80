"""The library under test, through its public names."""

from contextlib import AsyncExitStack, ExitStack

from py_cachify import pool


HELD = 10_000
"""How many other slots are live in a crowded pool."""
ROOM = 20_000
"""The ``max_size`` of pools that are to be crowded, and of those that they are compared with."""


def hold(of: pool, slots: int) -> ExitStack:
    """Take so many slots through one pool object.  Never closed: they end with their store."""
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
