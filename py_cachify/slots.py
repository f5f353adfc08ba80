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
from typing import NamedTuple

from py_cachify.backends.base import AsyncBackend, Backend
from py_cachify.backends.memory import MemoryBackend
from py_cachify.cancellation import to_its_end
from py_cachify.drivers import arun, run
from py_cachify.process import new_token
from py_cachify.protocols import NOT_UNDONE, Lease


QUICK_FAILURE = 0.1
"""In seconds: a client that repeats requests by itself takes longer than that to give up."""

logger = logging.getLogger('py_cachify')


class Wanted(NamedTuple):
    """A slot of a pool, as the store is asked for it: the key with its prefix, sizes, seconds."""

    key: str
    max_size: int
    slot_exp: float | None


class Held(NamedTuple):
    """A slot that this process holds."""

    lease: Lease
    wanted: Wanted
    since: float
    pid: int


class SyncHeld(NamedTuple):
    """The same, with where to give it back."""

    held: Held
    backend: Backend


class AsyncHeld(NamedTuple):
    """The same, with where to give it back."""

    held: Held
    backend: AsyncBackend | MemoryBackend


def take(backend: Backend, wanted: Wanted) -> SyncHeld | None:
    """A slot, or ``None`` where the pool is full."""
    lease = None
    token = new_token()
    try:
        lease = run(backend.protocol.acquire(wanted.key, token, wanted.max_size, wanted.slot_exp), backend.perform)
        return None if lease is None else SyncHeld(_held(lease, wanted), backend)
    except Exception as error:
        _log_undone_acquire(wanted, token, error)
        raise
    except BaseException:
        # An interrupt that fell between the grant and its being noted.
        if lease is not None:
            run(backend.protocol.release(lease), backend.perform)
        raise


async def atake(backend: AsyncBackend | MemoryBackend, wanted: Wanted) -> AsyncHeld | None:
    """The same, awaited; a task that is cancelled meanwhile is left with no slot."""
    token = new_token()
    steps = backend.protocol.acquire(wanted.key, token, wanted.max_size, wanted.slot_exp)
    if isinstance(backend, MemoryBackend):
        lease = run(steps, backend.perform)
        return None if lease is None else AsyncHeld(_held(lease, wanted), backend)
    asked, cancelled = await to_its_end(arun(steps, backend.aperform))
    if not asked.cancelled() and isinstance(failed := asked.exception(), Exception):
        _log_undone_acquire(wanted, token, failed)
    if cancelled is None:
        lease = asked.result()
        return None if lease is None else AsyncHeld(_held(lease, wanted), backend)
    if not asked.cancelled() and asked.exception() is None and (lease := asked.result()) is not None:
        await agive_back(AsyncHeld(_held(lease, wanted), backend), body_failed=True)
    raise cancelled


def give_back(taken: SyncHeld, *, body_failed: bool) -> None:
    """End the holding; ``body_failed`` says that an error of the body is on its way to the caller."""
    try:
        _give_back(taken, body_failed)
    except Exception:
        raise
    except BaseException:
        give_back_quietly(taken)
        raise


def give_back_quietly(taken: SyncHeld) -> None:
    """End a holding whose end was interrupted and may have been asked for already."""
    held, backend = taken
    if held.pid == os.getpid():
        run(backend.protocol.release(held.lease), backend.perform)


def _give_back(taken: SyncHeld, body_failed: bool) -> None:
    held, backend = taken
    if held.pid != os.getpid():
        return
    began = time.monotonic()
    try:
        try:
            in_time = run(backend.protocol.release(held.lease), backend.perform)
        except Exception:
            if not _is_worth_another_try(began):
                raise
            in_time = run(backend.protocol.release(held.lease), backend.perform)
    except Exception as error:
        if held.wanted.slot_exp is None and not body_failed:
            raise
        _log_failed_release(held, error)
    else:
        if not in_time:
            _log_overrun(held)


async def agive_back(taken: AsyncHeld, *, body_failed: bool) -> None:
    """The same, awaited, and to its end: a task that is cancelled meanwhile still gives its slot back."""
    held, backend = taken
    if held.pid != os.getpid():
        return
    if isinstance(backend, MemoryBackend):
        give_back(SyncHeld(held, backend), body_failed=body_failed)
        return
    if asyncio._get_running_loop() is None:  # noqa: SLF001 - as in entries.py
        # A coroutine that is thrown away when no loop runs: nobody can carry out a request.
        _log_failed_release(held, RuntimeError('no event loop is running'))
        return
    began = time.monotonic()
    steps = backend.protocol.release(held.lease)
    asked, cancelled = await to_its_end(arun(steps, backend.aperform))
    if asked.cancelled() and inspect.getgeneratorstate(steps) == inspect.GEN_CREATED:
        # A loop that ends cancels every task, this request's too, and did so before it had begun.
        asked, again = await to_its_end(arun(steps, backend.aperform))
        cancelled = cancelled or again or asyncio.CancelledError()
    elif not asked.cancelled() and isinstance(asked.exception(), Exception) and _is_worth_another_try(began):
        asked, again = await to_its_end(arun(backend.protocol.release(held.lease), backend.aperform))
        cancelled = cancelled or again
    try:
        in_time = asked.result()
    except Exception as error:
        if held.wanted.slot_exp is None and not body_failed and cancelled is None:
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


def _held(lease: Lease, wanted: Wanted) -> Held:
    return Held(lease, wanted, time.monotonic(), os.getpid())


def _log_overrun(held: Held) -> None:
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
        slot_exp,
        held.lease.token,
    )


def _log_failed_release(held: Held, error: Exception) -> None:
    logger.warning(
        'pool %r: a slot could not be given back (%r) and may stay taken %s. [token %s]',
        held.wanted.key,
        error,
        _how_long(held.wanted),
        held.lease.token,
    )


def _log_undone_acquire(wanted: Wanted, token: str, error: Exception) -> None:
    if any(NOT_UNDONE in note for note in getattr(error, '__notes__', ())):
        logger.warning(
            'pool %r: an acquire failed (%r) and could not be undone: if it was carried out, a slot stays taken %s.'
            ' [token %s]',
            wanted.key,
            error,
            _how_long(wanted),
            token,
        )
    else:
        logger.info('pool %r: an acquire failed (%r) and was undone. [token %s]', wanted.key, error, token)


def _how_long(wanted: Wanted) -> str:
    return 'for ever' if wanted.slot_exp is None else f'until it expires, within {wanted.slot_exp} s'
