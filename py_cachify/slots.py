"""Take a slot and give it back: the bracket that ``pool`` and ``@pooled`` put around a body.

A slot is given back on the backend and in the process that took it, whatever ``init_cachify()`` or
``fork()`` did in between.  An error while it is given back never hides the body's own: it is logged, as the
slot's expiry heals it.  Only a slot without expiry would stay for ever, so there it is raised.
"""

import asyncio
import inspect
import logging
import os
import time
from typing import Any, Generic, NamedTuple, TypeVar

from py_cachify.backends.base import AsyncBackend, Backend
from py_cachify.backends.memory import MemoryBackend
from py_cachify.cancellation import to_its_end
from py_cachify.drivers import arun, run
from py_cachify.process import new_token
from py_cachify.protocols import Lease


QUICK_FAILURE = 0.1
"""In seconds: a client that repeats requests by itself takes longer than that to give up."""

B = TypeVar('B', bound=Backend | AsyncBackend)

logger = logging.getLogger('py_cachify')


class Wanted(NamedTuple):
    """A slot of a pool, as the store is asked for it: the key with its prefix, sizes, seconds."""

    key: str
    max_size: int
    slot_exp: float | None


class Held(NamedTuple, Generic[B]):
    """A slot that this process holds, and where to give it back."""

    lease: Lease
    wanted: Wanted
    backend: B
    since: float
    pid: int


SyncHeld = Held[Backend]
AsyncHeld = Held[AsyncBackend] | SyncHeld


def take(backend: Backend, wanted: Wanted) -> SyncHeld | None:
    """A slot, or ``None`` where the pool is full."""
    key, max_size, slot_exp = wanted
    lease = None
    try:
        pid = os.getpid()
        lease = backend.acquire(key, new_token(pid), max_size, slot_exp)
        return None if lease is None else Held(lease, wanted, backend, time.monotonic(), pid)
    except BaseException:
        # An interrupt that fell between the grant and its being noted.
        if lease is not None:
            backend.release(lease)
        raise


async def atake(backend: AsyncBackend | MemoryBackend, wanted: Wanted) -> AsyncHeld | None:
    """The same, awaited; a task that is cancelled meanwhile is left with no slot."""
    if isinstance(backend, MemoryBackend):
        return take(backend, wanted)
    pid = os.getpid()
    steps = backend.protocol.acquire(wanted.key, new_token(pid), wanted.max_size, wanted.slot_exp)
    asked, cancelled = await to_its_end(arun(steps, backend.aperform))
    lease = None if asked.cancelled() or (cancelled and asked.exception()) else asked.result()
    held = None if lease is None else Held(lease, wanted, backend, time.monotonic(), pid)
    if cancelled is None:
        return held
    if held is not None:
        await agive_back(held, body_failed=True)
    raise cancelled


def give_back(held: SyncHeld, *, body_failed: bool) -> None:
    """End the holding; ``body_failed`` says that an error of the body is on its way to the caller."""
    try:
        lease, wanted, backend, _, pid = held
        if pid != os.getpid():
            return
        began = time.monotonic()
        try:
            in_time = backend.release(lease)
        except Exception:
            if not _is_worth_another_try(began):
                raise
            in_time = backend.release(lease)
    except Exception as error:
        if wanted.slot_exp is None and not body_failed:
            raise
        _log_failed_release(held, error)
    except BaseException:
        give_back_quietly(held)
        raise
    else:
        if not in_time:
            _log_overrun(held)


def give_back_quietly(held: SyncHeld) -> None:
    """End a holding whose end was interrupted and may have been asked for already."""
    if held.pid == os.getpid():
        held.backend.release(held.lease)


async def agive_back(held: AsyncHeld, *, body_failed: bool) -> None:
    """The same, awaited, and to its end: a task that is cancelled meanwhile still gives its slot back."""
    lease, wanted, backend, since, pid = held
    if pid != os.getpid():
        return
    if isinstance(backend, Backend):
        give_back(Held(lease, wanted, backend, since, pid), body_failed=body_failed)
        return
    if asyncio._get_running_loop() is None:  # noqa: SLF001 - as in entries.py
        # A coroutine that is thrown away when no loop runs: nobody can carry out a request.
        _log_failed_release(held, RuntimeError('no event loop is running'))
        return
    began = time.monotonic()
    steps = backend.protocol.release(lease)
    asked, cancelled = await to_its_end(arun(steps, backend.aperform))
    if asked.cancelled() and inspect.getgeneratorstate(steps) == inspect.GEN_CREATED:
        # A loop that ends cancels every task, this request's too, and did so before it had begun.
        asked, again = await to_its_end(arun(steps, backend.aperform))
        cancelled = cancelled or again or asyncio.CancelledError()
    elif not asked.cancelled() and isinstance(asked.exception(), Exception) and _is_worth_another_try(began):
        asked, again = await to_its_end(arun(backend.protocol.release(lease), backend.aperform))
        cancelled = cancelled or again
    try:
        in_time = asked.result()
    except Exception as error:
        if wanted.slot_exp is None and not body_failed and cancelled is None:
            raise
        _log_failed_release(held, error)
    else:
        if not in_time:
            _log_overrun(held)
    if cancelled is not None:
        raise cancelled


def size(backend: Backend, key: str, max_size: int) -> int:
    """The live slots of a pool."""
    return run(backend.protocol.size(key, max_size), backend.perform)


async def asize(backend: AsyncBackend | MemoryBackend, key: str, max_size: int) -> int:
    """The same, awaited."""
    steps = backend.protocol.size(key, max_size)
    if isinstance(backend, MemoryBackend):
        return run(steps, backend.perform)
    return await arun(steps, backend.aperform)


def _is_worth_another_try(began: float) -> bool:
    """Whether a release that failed is asked for again: once, and not after a client that tried long itself.

    A connection that the server closed while the body ran fails at once, and a new one may work.
    """
    return time.monotonic() - began < QUICK_FAILURE


def _log_overrun(held: Held[Any]) -> None:
    seconds = time.monotonic() - held.since
    slot_exp = held.wanted.slot_exp
    if slot_exp is None or seconds < slot_exp:
        why = 'before its time by the clock of this process: the store lost it, or its clock ran ahead'
    else:
        why = 'for it had expired: give slot_exp more than the longest body takes'
    logger.warning(
        'pool %r: a body ended after %.3f s and its slot was gone, %s. More than %d may have run at once.'
        ' [slot_exp=%s s, token %s]',
        held.wanted.key,
        seconds,
        why,
        held.wanted.max_size,
        slot_exp if slot_exp is None else f'{slot_exp:g}',
        held.lease.token,
    )


def _log_failed_release(held: Held[Any], error: Exception) -> None:
    until = 'for ever' if held.wanted.slot_exp is None else f'until it expires, within {held.wanted.slot_exp:g} s'
    logger.warning(
        'pool %r: a slot could not be given back (%r) and may stay taken %s. [token %s]',
        held.wanted.key,
        error,
        until,
        held.lease.token,
    )
