"""Let a request that was begun be ended, also in a task that is cancelled meanwhile.

A cancelled ``await`` may or may not have reached the server.  So the request runs in a task of its
own, and the waiting task passes its cancellation on only once the outcome is known.  How long that
can take is the client's own time-out.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar


R = TypeVar('R')


async def to_its_end(work: Coroutine[Any, Any, R]) -> tuple['asyncio.Task[R]', asyncio.CancelledError | None]:
    """Await ``work`` whatever happens to the calling task.

    Returns the finished task, whose ``result()`` gives or raises what came of the work, and the
    cancellation that the caller must raise once it has dealt with that.
    """
    task = asyncio.ensure_future(work)
    cancelled = None
    while not task.done():
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError as error:
            cancelled = error
    return task, cancelled
