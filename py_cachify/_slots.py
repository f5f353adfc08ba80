"""Take a slot before a body and give it back afterwards, for ``pool`` and ``@pooled``.

A slot is given back on the backend and in the process that took it, whatever ``init_cachify()`` or
``fork()`` did in between.  An error while giving it back never hides the body's own error.  It is
logged, because the slot is freed when it expires.  Only a slot without expiration would stay
forever, so then the error is raised, unless the body failed.
"""

import asyncio
import logging
import os
import time
from contextlib import suppress
from typing import Any, Generic, NamedTuple, Never, TypeVar

from py_cachify import _holders as holders
from py_cachify._cancellation import Request
from py_cachify._refusals import was_refused
from py_cachify._retries import Retries
from py_cachify._signals import is_interrupt
from py_cachify._unsent import was_never_sent
from py_cachify.backends.atomic import new_tuple
from py_cachify.backends.base import AsyncBackend, Backend
from py_cachify.backends.memory import MemoryBackend
from py_cachify.commands import Steps
from py_cachify.drivers import arun, run
from py_cachify.protocols import NOT_RELEASED, NOT_UNDONE, ONLY_IF_REPEATED, Lease, NoLease, SlotProtocol, has_note


B = TypeVar('B', bound=Backend | AsyncBackend)

logger = logging.getLogger('py_cachify')


class SlotSpec(NamedTuple):
    """The arguments of an acquire: the key with its prefix, the size, and the life in seconds."""

    key: str
    max_size: int
    slot_exp: float | None


class Held(NamedTuple, Generic[B]):
    """A slot that this process holds, and where to give it back.

    ``since`` is the instant of the grant in seconds, by ``time.monotonic()``; ``pid`` is the id
    of this process.
    """

    lease: Lease
    spec: SlotSpec
    backend: B
    since: float
    pid: int


SyncHeld = Held[Backend]
AsyncHeld = Held[AsyncBackend] | SyncHeld


def take(backend: Backend, spec: SlotSpec) -> SyncHeld | NoLease:
    """Take a slot and return it, or what is false: ``None`` if the pool is full."""
    key, max_size, slot_exp = spec
    pid = os.getpid()
    token = backend.new_token(pid, max_size, slot_exp)
    lease: Lease | NoLease = None
    try:
        lease = backend.acquire(key, token, max_size, slot_exp)
        return new_tuple(Held, (lease, spec, backend, time.monotonic(), pid)) if lease else lease
    except BaseException as error:
        if not lease:
            log_undone_acquire(spec, token, error)
        else:
            # An interrupt that arrived after the grant, but before this function could return it.
            give_back(Held(lease, spec, backend, time.monotonic(), pid), body_failed=True)
        raise


class PendingSlot(Request[Lease | NoLease]):
    """The request for a slot, to be awaited; a task that is cancelled meanwhile gets none::

        pending = PendingSlot(backend, spec)
        await pending
        held = pending.held() if pending.interruption is None else await pending.undo()

    The callers repeat these three lines, because a coroutine for them would double their cost.
    """

    def __init__(self, backend: AsyncBackend, spec: SlotSpec) -> None:
        self._backend = backend
        self._spec = spec
        self._pid = os.getpid()
        key, max_size, slot_exp = spec
        self._token = backend.new_token(self._pid, max_size, slot_exp)
        super().__init__(backend.acquire(key, self._token, max_size, slot_exp))

    def _patience(self) -> float | None:
        return self._backend.patience

    def held(self) -> Held[AsyncBackend] | NoLease:
        """Return the slot, or what is false as in :func:`take`; raise what the request raised."""
        try:
            lease = self.result()
        except BaseException as error:
            log_undone_acquire(self._spec, self._token, error)
            raise
        if not lease:
            return lease
        held: Held[AsyncBackend] = new_tuple(Held, (lease, self._spec, self._backend, time.monotonic(), self._pid))
        return held

    async def undo(self) -> Never:
        """After an interruption, give back what was granted, and raise the interruption."""
        held: Held[AsyncBackend] | NoLease = None
        with suppress(BaseException):
            held = self.held()
        if held:
            await agive_back(held, body_failed=True)
        raise self.interruption or asyncio.CancelledError


async def atake(backend: AsyncBackend, spec: SlotSpec) -> AsyncHeld | NoLease:
    """Take a slot from asyncio and return it, or what is false as in :func:`take`.

    A task that is cancelled meanwhile has no slot.
    """
    pending = PendingSlot(backend, spec)
    await pending
    return pending.held() if pending.interruption is None else await pending.undo()


def give_back(held: SyncHeld, *, body_failed: bool) -> None:
    """Give a slot back, and log an overrun or a failure.

    A failure is raised only if the slot never expires and the body did not fail (``body_failed``).
    """
    try:
        lease, spec, backend, _, pid = held
        if pid != os.getpid():
            return
        if holders.held:
            holders.discard(lease.token)
        retries = None
        began = time.monotonic()
        try:
            in_time = backend.release(lease)
        except Exception as error:
            if is_interrupt(error):
                raise
            retries = _retries(held, began)
            in_time = _release_again(held, retries, error)
    except BaseException as error:
        if is_interrupt(error):
            give_back_despite(error, held)
            raise
        if spec.slot_exp is None and not body_failed:
            error.add_note(_failed_release_note(held))
            raise
        _log_failed_release(held, error)
    else:
        if not in_time and _is_overrun(held, retries):
            _log_overrun(held)


def give_back_despite(interrupt: BaseException, held: SyncHeld) -> None:
    """Give back a slot whose release was interrupted and may already have been requested.

    A failure is logged and noted on the interrupt, which the caller raises. Once that has happened,
    another call does nothing.
    """
    if held.pid != os.getpid() or has_note(interrupt, _failed_release_note(held)):
        return
    if holders.held:
        holders.discard(held.lease.token)
    began = time.monotonic()
    try:
        try:
            held.backend.release(held.lease)
        except Exception as error:
            _release_again(held, _retries(held, began), error)
    except Exception as error:
        _log_failed_release(held, error)
        interrupt.add_note(_failed_release_note(held))
    except BaseException as second:
        if has_note(second, NOT_RELEASED):
            _log_failed_release(held, second)
            second.add_note(_failed_release_note(held))
        raise


def _release_again(held: SyncHeld, retries: Retries, error: Exception) -> bool:
    """Request a release that failed with ``error`` as often as it is worthwhile."""
    while (pause := retries.pause_after(error)) is not None:
        if pause:
            time.sleep(pause)
        retries.begin()
        try:
            return held.backend.release(held.lease)
        except Exception as again:
            if is_interrupt(again):
                raise
            error = again
    raise error


async def agive_back(held: AsyncHeld, *, body_failed: bool) -> None:
    """Give a slot back from asyncio; a task that is cancelled meanwhile still gives its slot back.

    ``body_failed`` has the same meaning as in :func:`give_back`.
    """
    lease, spec, backend, _, pid = held
    if isinstance(backend, Backend):
        give_back(held, body_failed=body_failed)  # type: ignore[arg-type]  # mypy narrows the backend, but not `held`
        return
    if pid != os.getpid():
        return
    if holders.held:
        holders.discard(lease.token)
    if asyncio._get_running_loop() is None:  # noqa: SLF001 - as in _entries.py
        # A coroutine that is thrown away while no loop runs: nothing can carry out a request.
        _log_failed_release(held, RuntimeError('no event loop is running'))
        return
    retries = None
    began = time.monotonic()
    request = Request(backend.release(lease))
    await request
    interruption: BaseException | None = request.interruption
    if (error := request.exception()) is not None:
        retries = _retries(held, began)
        while error is not None and (pause := retries.pause_after(error)) is not None:
            interruption = interruption or (error if is_interrupt(error) else None)
            request = Request(_release_after(pause, backend, lease, retries))
            await request
            interruption = interruption or request.interruption
            error = request.exception()
    try:
        in_time = request.result()
    except Exception as failed:
        if spec.slot_exp is None and not body_failed and interruption is None:
            failed.add_note(_failed_release_note(held))
            raise
        _log_failed_release(held, failed)
    except BaseException as interrupt:
        if has_note(interrupt, NOT_RELEASED):
            _log_failed_release(held, interrupt)
        raise
    else:
        if not in_time and _is_overrun(held, retries):
            _log_overrun(held)
    if interruption is not None:
        raise interruption


async def _release_after(pause: float, backend: AsyncBackend, lease: Lease, retries: Retries) -> bool:
    if pause:
        await asyncio.sleep(pause)
    retries.begin()
    return await backend.release(lease)


def size(backend: Backend, key: str, max_size: int) -> int:
    """Return the number of live slots of a pool."""
    return run(backend.protocol.size(key, max_size), backend.perform)


async def asize(backend: AsyncBackend | MemoryBackend, key: str, max_size: int) -> int:
    """Return the number of live slots of a pool, from asyncio."""
    steps = backend.protocol.size(key, max_size)
    if isinstance(backend, MemoryBackend):
        return run(steps, backend.perform)
    return await arun(steps, backend.aperform)


def queue_size(backend: Backend, key: str) -> int:
    """Return how many wait for a slot of a pool."""
    return run(_count_waiting(backend.protocol, key), backend.perform)


async def aqueue_size(backend: AsyncBackend | MemoryBackend, key: str) -> int:
    """Return how many wait for a slot of a pool, from asyncio."""
    steps = _count_waiting(backend.protocol, key)
    if isinstance(backend, MemoryBackend):
        return run(steps, backend.perform)
    return await arun(steps, backend.aperform)


def _count_waiting(protocol: SlotProtocol, key: str) -> Steps[int]:
    if protocol.queue_size is None:
        raise NotImplementedError(
            'queue_size() needs a store that can queue, memory, Redis or Valkey: with a client of the plain contract,'
            ' nobody knows who waits'
        )
    return protocol.queue_size(key)


def _retries(held: Held[Any], began: float) -> Retries:
    """Return what decides about a release whose first request failed."""
    slot_exp = held.spec.slot_exp
    return Retries(began, None if slot_exp is None else held.since + slot_exp)


def _is_overrun(held: Held[Any], retries: Retries | None) -> bool:
    """Return whether a slot that was no longer there when it was given back was lost too early.

    A request that seemed to fail may have given the slot back, and only its reply was lost.
    """
    return retries is None or not retries.may_have_arrived or _has_expired(held)


def _has_expired(held: Held[Any]) -> bool:
    """Return whether the slot has expired, by the clock of this process."""
    slot_exp = held.spec.slot_exp
    if slot_exp is None:
        return False
    # A store in memory loses nothing, and its clock may be one that a test moves.
    return isinstance(held.backend, MemoryBackend) or time.monotonic() - held.since >= slot_exp


def _log_overrun(held: Held[Any]) -> None:
    seconds = time.monotonic() - held.since
    slot_exp = held.spec.slot_exp
    life = 'None' if slot_exp is None else f'{slot_exp:g} s'
    if _has_expired(held):
        end, remedy = f'expired after {life}', 'set slot_exp above the longest expected run time'
    else:
        end = "was no longer in the store, although by this process's clock it had not expired yet"
        remedy = (
            "check whether the store lost it (a restart, a failover, an eviction), the store's clock runs ahead, or the"
            ' client lost the reply to the release and sent it again, which does no harm'
        )
    logger.warning(
        'pool %r: the body ran for %.3f s, but its slot %s; more than max_size=%d bodies may have run at once; %s'
        ' [slot_exp=%s, token %s]',
        held.spec.key,
        seconds,
        end,
        held.spec.max_size,
        remedy,
        life,
        held.lease.token,
    )


def _log_failed_release(held: Held[Any], error: BaseException) -> None:
    logger.warning(
        'pool %r: a slot could not be given back (%s: %s) and may stay taken %s [token %s]',
        held.spec.key,
        type(error).__name__,
        error,
        _how_long(held.spec),
        held.lease.token,
    )


def _failed_release_note(held: Held[Any]) -> str:
    return (
        f'pool {held.spec.key!r}: a slot could not be given back and may stay taken {_how_long(held.spec)}'
        f' [token {held.lease.token}]'
    )


def log_undone_acquire(spec: SlotSpec, token: str, error: BaseException) -> None:
    """Log that an acquire failed with ``error``, and what is left of it."""
    not_undone = has_note(error, NOT_UNDONE)
    if not_undone and was_refused(error):
        logger.info(
            'pool %r: the server refused an acquire (%s: %s), so %s [token %s]',
            spec.key,
            type(error).__name__,
            error,
            ONLY_IF_REPEATED,
            token,
        )
    elif not_undone:
        logger.warning(
            'pool %r: an acquire failed (%s: %s) and could not be undone; if it was carried out, a slot stays taken %s'
            ' [token %s]',
            spec.key,
            type(error).__name__,
            error,
            _how_long(spec),
            token,
        )
    else:
        logger.info(
            'pool %r: an acquire failed (%s: %s) and %s, so no slot stays taken [token %s]',
            spec.key,
            type(error).__name__,
            error,
            'was never sent' if was_never_sent(error) else 'was undone',
            token,
        )


def _how_long(spec: SlotSpec) -> str:
    if spec.slot_exp is None:
        return 'forever, because slot_exp=None; to free it, remove its token from the store (Redis: ZREM KEY TOKEN)'
    return (
        f'until it expires, within {spec.slot_exp:g} s; to free it now, remove its token from the store'
        ' (Redis: ZREM KEY TOKEN)'
    )
