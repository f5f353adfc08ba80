"""Take a slot for a body, or for whoever keeps it: at once, without waiting."""

import asyncio
import logging
from contextlib import suppress
from typing import Any, Never

from py_cachify._cancellation import Request
from py_cachify._giving_back import agive_back, give_back, how_long
from py_cachify._process import read_pid
from py_cachify._refusals import was_refused
from py_cachify._spec import SlotSpec
from py_cachify._unsent import was_never_sent
from py_cachify.backends.base import AsyncBackend, Backend
from py_cachify.protocols import NOT_UNDONE, ONLY_IF_REPEATED, Lease, NoLease, has_note
from py_cachify.slots import Slot


logger = logging.getLogger('py_cachify')


def take(backend: Backend, spec: SlotSpec, pool: Any) -> Slot | NoLease:
    """Take a slot and return it, or what is false: ``None`` if the pool is full.

    ``pool`` is what :attr:`Slot.pool` comes from.
    """
    pid = read_pid()
    token = backend.new_token(pid, spec.terms, 0)
    since = backend.now()
    lease: Lease | NoLease = None
    try:
        lease = backend.acquire(spec.key, token, spec.max_size, spec.slot_exp)
        return Slot(lease, spec, backend, since, pid, pool) if lease else lease
    except BaseException as error:
        if not lease:
            log_undone_acquire(spec, token, error)
        else:
            # An interrupt that arrived after the grant, but before this function could return it.
            give_back(Slot(lease, spec, backend, since, pid, pool), body_failed=True)
        raise


class PendingSlot(Request[Lease | NoLease]):
    """The request for a slot, to be awaited; a task that is cancelled meanwhile gets none::

        pending = PendingSlot(backend, spec, pool)
        await pending
        held = pending.held() if pending.interruption is None else await pending.undo()

    The callers repeat these three lines, because a coroutine for them would double their cost.
    """

    def __init__(self, backend: AsyncBackend, spec: SlotSpec, pool: Any) -> None:
        self._backend = backend
        self._spec = spec
        self._pool = pool
        self._pid = read_pid()
        self._token = backend.new_token(self._pid, spec.terms, 0)
        self._since = backend.now()
        super().__init__(backend.acquire(spec.key, self._token, spec.max_size, spec.slot_exp))

    def _patience(self) -> float | None:
        return self._backend.patience

    def held(self) -> Slot | NoLease:
        """Return the slot, or what is false as in :func:`take`; raise what the request raised."""
        try:
            lease = self.result()
        except BaseException as error:
            log_undone_acquire(self._spec, self._token, error)
            raise
        if not lease:
            return lease
        return Slot(lease, self._spec, self._backend, self._since, self._pid, self._pool)

    async def undo(self) -> Never:
        """After an interruption, give back what was granted, and raise the interruption."""
        held: Slot | NoLease = None
        with suppress(BaseException):
            held = self.held()
        if held:
            await agive_back(held, body_failed=True)
        raise self.interruption or asyncio.CancelledError


async def atake(backend: AsyncBackend, spec: SlotSpec, pool: Any) -> Slot | NoLease:
    """Take a slot from asyncio and return it, or what is false as in :func:`take`.

    A task that is cancelled meanwhile has no slot.
    """
    pending = PendingSlot(backend, spec, pool)
    await pending
    return pending.held() if pending.interruption is None else await pending.undo()


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
            how_long(spec),
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
