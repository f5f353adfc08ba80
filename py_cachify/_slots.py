"""Take a slot and give it back: the bracket that ``pool`` and ``@pooled`` put around a body.

A slot is given back on the backend and in the process that took it, whatever ``init_cachify()`` or
``fork()`` did in between.  An error while it is given back never hides the body's own: it is logged, as the
slot's expiry heals it.  Only a slot without expiry would stay for ever, so there it is raised.
"""

import asyncio
import logging
import os
import time
from contextlib import suppress
from typing import Any, Generic, NamedTuple, Never, TypeVar

from py_cachify._cancellation import Request
from py_cachify._process import new_token
from py_cachify.backends.base import AsyncBackend, Backend
from py_cachify.backends.memory import MemoryBackend
from py_cachify.drivers import arun, run
from py_cachify.protocols import NOT_UNDONE, Lease


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
    pid = os.getpid()
    token = new_token(pid)
    lease = None
    try:
        lease = backend.acquire(key, token, max_size, slot_exp)
        return None if lease is None else Held(lease, wanted, backend, time.monotonic(), pid)
    except Exception as error:
        _log_undone_acquire(wanted, token, error)
        raise
    except BaseException:
        # An interrupt that fell between the grant and its being noted.
        if lease is not None:
            backend.release(lease)
        raise


class Taking(Request[Lease | None]):
    """The request for a slot, to be awaited; a task that is cancelled meanwhile is left with none::

        taking = Taking(backend, wanted)
        await taking
        held = taking.held() if taking.interruption is None else await taking.undo()

    These three lines stand where a slot is taken, as a coroutine for them would take as long as what they do.
    """

    def __init__(self, backend: AsyncBackend, wanted: Wanted) -> None:
        self._backend = backend
        self._wanted = wanted
        self._pid = os.getpid()
        self._token = new_token(self._pid)
        key, max_size, slot_exp = wanted
        super().__init__(backend.acquire(key, self._token, max_size, slot_exp))

    def held(self) -> Held[AsyncBackend] | None:
        """The slot, or ``None`` where the pool is full; raises what the request raised."""
        try:
            lease = self.result()
        except Exception as error:
            _log_undone_acquire(self._wanted, self._token, error)
            raise
        return None if lease is None else Held(lease, self._wanted, self._backend, time.monotonic(), self._pid)

    async def undo(self) -> Never:
        """After an interruption: give back what was granted, and let the interruption go on."""
        held = None
        with suppress(BaseException):
            held = self.held()
        if held is not None:
            await agive_back(held, body_failed=True)
        raise self.interruption or asyncio.CancelledError


async def atake(backend: AsyncBackend | MemoryBackend, wanted: Wanted) -> AsyncHeld | None:
    """The same, awaited."""
    if isinstance(backend, MemoryBackend):
        return take(backend, wanted)
    taking = Taking(backend, wanted)
    await taking
    return taking.held() if taking.interruption is None else await taking.undo()


def give_back(held: SyncHeld, *, body_failed: bool) -> None:
    """End the holding; ``body_failed`` says that an error of the body is on its way to the caller."""
    try:
        lease, wanted, backend, _, pid = held
        if pid != os.getpid():
            return
        began = time.monotonic()
        asked_again = False
        try:
            in_time = backend.release(lease)
        except Exception:
            if not _is_worth_another_try(began):
                raise
            asked_again = True
            in_time = backend.release(lease)
    except Exception as error:
        if wanted.slot_exp is None and not body_failed:
            raise
        _log_failed_release(held, error)
    except BaseException:
        give_back_quietly(held)
        raise
    else:
        # The first of two requests may have found the slot, and only its reply was lost.
        if not in_time and (not asked_again or _is_outlived(held)):
            _log_overrun(held)


def give_back_quietly(held: SyncHeld) -> None:
    """End a holding whose end was interrupted and may have been asked for already."""
    if held.pid == os.getpid():
        held.backend.release(held.lease)


async def agive_back(held: AsyncHeld, *, body_failed: bool) -> None:
    """The same, awaited, and to its end: a task that is cancelled meanwhile still gives its slot back."""
    lease, wanted, backend, _, pid = held
    if isinstance(backend, Backend):
        give_back(held, body_failed=body_failed)  # type: ignore[arg-type]  # its backend is narrowed, itself is not
        return
    if pid != os.getpid():
        return
    if asyncio._get_running_loop() is None:  # noqa: SLF001 - as in _entries.py
        # A coroutine that is thrown away when no loop runs: nobody can carry out a request.
        _log_failed_release(held, RuntimeError('no event loop is running'))
        return
    began = time.monotonic()
    request = Request(backend.release(lease))
    await request
    interruption = request.interruption
    error = request.exception()
    if request.cancelled() or (isinstance(error, Exception) and _is_worth_another_try(began)):
        # Cancelled from within: by a loop that ends, for one, if the client has tasks of its own.
        interruption = interruption or (error if isinstance(error, asyncio.CancelledError) else None)
        request = Request(backend.release(lease))
        await request
        interruption = interruption or request.interruption
    try:
        in_time = request.result()
    except Exception as failed:
        if wanted.slot_exp is None and not body_failed and interruption is None:
            raise
        _log_failed_release(held, failed)
    else:
        # As above, also where the first was cancelled from within.
        if not in_time and (error is None or _is_outlived(held)):
            _log_overrun(held)
    if interruption is not None:
        raise interruption


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


def _is_outlived(held: Held[Any]) -> bool:
    """Whether the slot's life is over, by the clock of this process."""
    slot_exp = held.wanted.slot_exp
    return slot_exp is not None and time.monotonic() - held.since >= slot_exp


def _log_overrun(held: Held[Any]) -> None:
    seconds = time.monotonic() - held.since
    slot_exp = held.wanted.slot_exp
    if _is_outlived(held):
        why = 'for it had expired: give slot_exp more than the longest body takes'
    else:
        why = 'before its time by the clock of this process: the store lost it, or its clock ran ahead'
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
    return 'for ever' if wanted.slot_exp is None else f'until it expires, within {wanted.slot_exp:g} s'
