"""What a holder does with a slot, written once for threads and for asyncio."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Protocol

from py_cachify import Holder, Slot, Waiter, pool
from tests.library.waiting.crowd import LIMIT, until
from tests.support.stores import AsyncDriver, Driver, SyncDriver


class Side(Driver, Protocol):
    """Threads or asyncio: the body of a test is a coroutine, which runs with either."""

    async def acquire(self, of: pool, **options: Any) -> Slot:
        """Return ``of.acquire()`` or ``await of.aacquire()``."""
        ...

    async def release(self, slot: Slot) -> bool:
        """Return ``slot.release()`` or ``await slot.arelease()``."""
        ...

    async def renew(self, slot: Slot) -> None:
        """Call ``slot.renew()`` or ``await slot.arenew()``."""
        ...

    async def holders(self, of: pool) -> list[Holder]:
        """Return ``of.holders()`` or ``await of.aholders()``."""
        ...

    async def queue(self, of: pool) -> list[Waiter]:
        """Return ``of.queue()`` or ``await of.aqueue()``."""
        ...

    async def pause(self, seconds: float) -> None:
        """Let real time pass."""
        ...

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until something is true."""
        ...


class SyncSide(SyncDriver):
    """A thread without an event loop."""

    async def acquire(self, of: pool, **options: Any) -> Slot:
        return of.acquire(**options)

    async def release(self, slot: Slot) -> bool:
        return slot.release()

    async def renew(self, slot: Slot) -> None:
        slot.renew()

    async def holders(self, of: pool) -> list[Holder]:
        return of.holders()

    async def queue(self, of: pool) -> list[Waiter]:
        return of.queue()

    async def pause(self, seconds: float) -> None:
        time.sleep(seconds)  # noqa: ASYNC251 - no event loop runs

    async def until(self, condition: Callable[[], object]) -> None:
        until(condition)


class AsyncSide(AsyncDriver):
    """A task of an event loop."""

    async def acquire(self, of: pool, **options: Any) -> Slot:
        return await of.aacquire(**options)

    async def release(self, slot: Slot) -> bool:
        return await slot.arelease()

    async def renew(self, slot: Slot) -> None:
        await slot.arenew()

    async def holders(self, of: pool) -> list[Holder]:
        return await of.aholders()

    async def queue(self, of: pool) -> list[Waiter]:
        return await of.aqueue()

    async def pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(LIMIT):
            while not condition():  # noqa: ASYNC110 - nothing else says that it is
                await asyncio.sleep(0.005)
