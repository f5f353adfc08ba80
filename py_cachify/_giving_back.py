"""Give a slot back after its body, or when its holder says so.

A slot is given back on the backend and in the process that took it, whatever ``init_cachify()`` or
``fork()`` did in between.  An error while giving it back never hides the body's own error.  It is
logged, because the slot is freed when it expires.  Only a slot without expiration would stay
forever, so then the error is raised, unless the body failed.
"""

import asyncio
import logging
import math
import time
from typing import Any

from py_cachify import _deadlocks as deadlocks
from py_cachify import _process as process
from py_cachify._attempts import UNHEARD
from py_cachify._cancellation import Request
from py_cachify._held import HELD, LEAVING, LOST, RELEASED, AsyncHeld, Held, SyncHeld
from py_cachify._retries import Retries
from py_cachify._signals import is_interrupt
from py_cachify._spec import SlotSpec
from py_cachify.backends.base import AsyncBackend, Backend
from py_cachify.protocols import NOT_RELEASED, Lease, has_note


logger = logging.getLogger('py_cachify')


def release(held: SyncHeld) -> bool:
    """Give a slot back because its holder says so; return whether it was still there.

    A failure is raised; then the slot may be given back again.
    """
    begin_release(held)
    try:
        retries, in_time = _request(held)
    except Exception as error:
        tell_end(held, error)
        raise
    return _noted(held, in_time, retries)


def tell_end(held: Held[Any], error: BaseException | None = None) -> None:
    """Say how the attempt of a slot ended, if it did; ``error`` is what giving it back raised."""
    if held.state is RELEASED:
        held.attempt.tell('released')
    elif held.has_ended:
        held.attempt.tell('overrun')
    elif error is not None:
        held.attempt.tell('failed', error=error)


def give_back(held: SyncHeld, *, body_failed: bool) -> None:
    """Give a slot back at the end of its body, and log an overrun or a failure.

    A failure is raised only if the slot never expires and the body did not fail (``body_failed``).
    """
    try:
        if held.pid != process.pid or (held.state is not HELD and held.has_left()):
            return
        # Most slots need nothing of this, and a pool in memory would notice the call.
        if held.watch is not None or deadlocks.held:
            begin_release(held)
        else:
            held.releases += 1
        began = time.monotonic()
        retries = None
        try:
            in_time = held.backend.release(held.lease)
        except Exception as error:
            retries, in_time = _request_again(held, began, error)
    except BaseException as error:
        if is_interrupt(error):
            give_back_despite(error, held)
            raise
        if held.spec.slot_exp is None and not body_failed:
            error.add_note(_failed_release_note(held))
            raise
        _log_failed_release(held, error)
    else:
        if in_time and held.state is not LOST:
            held.state = RELEASED
        elif not _ended(held, in_time, retries):
            _log_overrun(held)


def begin_release(held: Held[Any]) -> None:
    """Note that somebody begins to give it back."""
    held.releases += 1
    leave(held)


def leave(held: Held[Any]) -> None:
    """Note that it is being given back: nothing renews it from now on."""
    if held.state is HELD:
        held.state = LEAVING
    if held.watch is not None:
        held.watch.stop()
    if deadlocks.held:
        deadlocks.discard(held.lease.token)


def _request(held: SyncHeld) -> tuple[Retries | None, bool]:
    """Request it; return what failed before, if anything, and whether the slot was there."""
    began = time.monotonic()
    try:
        return None, held.backend.release(held.lease)
    except Exception as error:
        return _request_again(held, began, error)


def _request_again(held: SyncHeld, began: float, error: Exception) -> tuple[Retries, bool]:
    """Request a release again whose first request, at ``began``, failed with ``error``."""
    if is_interrupt(error):
        raise error
    leave(held)
    retries = _retries(held, began)
    return retries, _release_again(held, retries, error)


def _ended(held: Held[Any], in_time: bool, retries: Retries | None) -> bool:
    """Note the outcome of a release; return whether the slot was still there."""
    was_there = in_time or not _is_overrun(held, retries)
    if held.state is LOST and not held.has_ended:
        # By the clock of this process; the store may have kept it longer.
        held.has_ended = True
    elif was_there or (held.releases > 1 and not _has_expired(held)):
        # If it was not, somebody else gives it back at the same time, and was first.
        held.state = RELEASED
    elif held.state is not RELEASED:
        # Otherwise another thread has given it back meanwhile.
        held.state, held.has_ended, held.was_gone = LOST, True, not _has_expired(held)
    return was_there


def _noted(held: Held[Any], in_time: bool, retries: Retries | None) -> bool:
    """Note the outcome as :func:`_ended` does, and its loss: no exit will."""
    there = _ended(held, in_time, retries)
    # First, because a loss that is found only now is an overrun.
    tell_end(held)
    if held.watch is not None:
        held.watch.notice_loss()
    return there


def give_back_despite(interrupt: BaseException, held: SyncHeld) -> None:
    """Give back a slot whose release was interrupted and may already have been requested.

    A failure is logged and noted on the interrupt, which the caller raises. Once that has happened,
    another call does nothing.
    """
    if held.pid != process.pid:
        return
    if held.has_left() or has_note(interrupt, _failed_release_note(held)):
        tell_end(held, interrupt)
        return
    try:
        begin_release(held)
        _request(held)
        # Whether it was there says nothing, because the first request may have given it back.
        if held.state is LOST:
            held.has_ended = True
        else:
            held.state = RELEASED
        tell_end(held)
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


async def arelease(held: AsyncHeld) -> bool:
    """Give a slot back as :func:`release` does, from asyncio."""
    if isinstance(held.backend, Backend):
        return release(held)
    begin_release(held)
    released = _AsyncRelease(held)
    await released.request()
    try:
        in_time = released.result()
    except BaseException as error:
        tell_end(held, error)
        if released.interruption is None or is_interrupt(error):
            raise
        _log_failed_release(held, error)
        raise released.interruption from error
    there = _noted(held, in_time, released.retries)
    if released.interruption is not None:
        raise released.interruption
    return there


async def agive_back(held: AsyncHeld, *, body_failed: bool) -> None:
    """Give a slot back from asyncio; a task that is cancelled meanwhile still gives its slot back.

    ``body_failed`` has the same meaning as in :func:`give_back`.
    """
    if isinstance(held.backend, Backend):
        try:
            give_back(held, body_failed=body_failed)
        except Exception as failure:
            tell_end(held, failure)
            raise
        # A pool in memory would notice a call.
        if held.attempt is not UNHEARD:
            tell_end(held)
        return
    if held.has_left() or held.pid != process.pid:
        return
    begin_release(held)
    if asyncio._get_running_loop() is None:  # noqa: SLF001 - as in _entries.py
        # A coroutine that is thrown away while no loop runs: nothing can carry out a request.
        _log_failed_release(held, RuntimeError('no event loop is running'))
        return
    released = _AsyncRelease(held)
    try:
        await released.request()
    except BaseException as interrupt:
        # Such as the end of a coroutine that is thrown away.
        tell_end(held, interrupt)
        raise
    try:
        in_time = released.result()
    except Exception as failed:
        if held.spec.slot_exp is None and not body_failed and released.interruption is None:
            failed.add_note(_failed_release_note(held))
            tell_end(held, failed)
            raise
        _log_failed_release(held, failed)
    except BaseException as interrupt:
        if has_note(interrupt, NOT_RELEASED):
            _log_failed_release(held, interrupt)
        tell_end(held, interrupt)
        raise
    else:
        if not _ended(held, in_time, released.retries):
            _log_overrun(held)
        tell_end(held)
    if released.interruption is not None:
        raise released.interruption


class _AsyncRelease:
    """The release of a slot by an asynchronous client, requested again where that is worthwhile.

    Attributes:
        retries: what failed, if anything.
        interruption: what the caller raises afterwards.
    """

    def __init__(self, held: Held[AsyncBackend]) -> None:
        self._held = held
        self._request: Request[bool]
        self.retries: Retries | None = None
        self.interruption: BaseException | None = None

    async def request(self) -> None:
        """Request it, and wait for the outcome, even if the task is cancelled."""
        held = self._held
        began = time.monotonic()
        request = self._request = Request(held.backend.release(held.lease))
        request.unsent_until = held.expires()
        await request
        self.interruption = request.interruption
        if (error := request.exception()) is None:
            return
        retries = self.retries = _retries(held, began)
        while error is not None and (pause := retries.pause_after(error)) is not None:
            self.interruption = self.interruption or (error if is_interrupt(error) else None)
            request = self._request = Request(_release_after(pause, held.backend, held.lease, retries))
            request.unsent_until = held.expires()
            await request
            self.interruption = self.interruption or request.interruption
            error = request.exception()

    def result(self) -> bool:
        """Return whether the slot was there, or raise what the last request raised."""
        return self._request.result()


async def _release_after(pause: float, backend: AsyncBackend, lease: Lease, retries: Retries) -> bool:
    if pause:
        await asyncio.sleep(pause)
    retries.begin()
    return await backend.release(lease)


def _retries(held: Held[Any], began: float) -> Retries:
    """Return what decides about a release whose first request failed."""
    expires = held.expires()
    # A store in memory, whose clock may be another one, never fails for want of a connection.
    return Retries(began, None if expires == math.inf else expires)


def _is_overrun(held: Held[Any], retries: Retries | None) -> bool:
    """Return whether a slot that was no longer there when it was given back was lost too early.

    A request that seemed to fail may have given the slot back, and only its reply was lost.
    """
    return retries is None or not retries.may_have_arrived or _has_expired(held)


def _has_expired(held: Held[Any]) -> bool:
    """Return whether the slot has expired, by the clock of this process."""
    now: float = held.backend.now()
    return now >= held.expires()


def _log_overrun(held: Held[Any]) -> None:
    if held.state is not LOST:
        # Another thread has given it back meanwhile.
        return
    tell_end(held)
    if held.watch is not None:
        # Its loss had the consequence that `on_lost` says.
        held.watch.notice_loss()
        return
    seconds = held.backend.now() - held.since
    slot_exp = held.spec.slot_exp
    life = 'None' if slot_exp is None else f'{slot_exp:g} s'
    if _has_expired(held):
        end, remedy = f'expired after {life}', 'set slot_exp above the longest expected run time'
    else:
        end = "was no longer in the store, although by this process's clock it had not expired yet"
        remedy = (
            'check whether somebody released it by its token, the store lost it (a restart, a failover, an eviction),'
            " the store's clock runs ahead, or the client lost the reply to the release and sent it again, which does"
            ' no harm'
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
    held.attempt.tell('failed', error=error)
    logger.warning(
        'pool %r: a slot could not be given back (%s: %s) and may stay taken %s [token %s]',
        held.spec.key,
        type(error).__name__,
        error,
        how_long(held.spec),
        held.lease.token,
    )


def _failed_release_note(held: Held[Any]) -> str:
    return (
        f'pool {held.spec.key!r}: a slot could not be given back and may stay taken {how_long(held.spec)}'
        f' [token {held.lease.token}]'
    )


def how_long(spec: SlotSpec) -> str:
    """Return how long a slot that was not given back may stay taken, in words."""
    if spec.slot_exp is None:
        return 'forever, because slot_exp=None; to free it, remove its token from the store (Redis: ZREM KEY TOKEN)'
    return (
        f'until it expires, within {spec.slot_exp:g} s; to free it now, remove its token from the store'
        ' (Redis: ZREM KEY TOKEN)'
    )
