"""Renew the slots that this process holds: in a thread, in an event loop, or by a test's clock.

A thread for each client renews what threads hold; each event loop renews what its tasks hold.  All
three hold the slots weakly: a slot that nobody refers to any more is not renewed, and this is
logged.
"""

import asyncio
import contextvars
import logging
import math
import os
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from py_cachify._alarms import dispatcher
from py_cachify._attempts import UNHEARD
from py_cachify._held import Held
from py_cachify._process import after_fork, give_lock
from py_cachify._waiters import ThreadWaiter
from py_cachify.backends.base import AsyncBackend, Backend
from py_cachify.backends.memory import Alarm, MemoryBackend
from py_cachify.commands import Steps, Turn
from py_cachify.drivers import arun, run
from py_cachify.protocols import SlotProtocol
from py_cachify.renewals import Batch, Renewals


logger = logging.getLogger('py_cachify')

IDLE = 10.0
"""In seconds: how long a thread continues without a slot to renew."""

Group = tuple[Backend | AsyncBackend, str]
"""A backend and the key of a pool."""


class Renewer:
    """What the three have in common: the slots, and what becomes of the replies."""

    lock: threading.RLock

    def __init__(self, now: Callable[[], float]) -> None:
        give_lock(self)
        self._now = now
        self._pid = os.getpid()
        self._renewals: Renewals[Group, weakref.ref[Held[Any]]] = Renewals()

    def add(self, held: Held[Any]) -> None:
        """Renew a slot from now on."""
        life, renew_for = held.spec.slot_exp, held.spec.options.renew_for
        if life is None:
            raise ValueError('a slot that never expires needs no renewal')
        group, token = (held.backend, held.spec.key), held.lease.token
        slot = weakref.ref(held, lambda _: self._note_dropped(group, token, life))
        with self.lock:
            self._renewals.add(group, token, slot, life=life, renew_for=renew_for, now=self._now())
        self._begin()

    def discard(self, held: Held[Any]) -> None:
        """Renew a slot no longer."""
        with self.lock:
            self._renewals.discard((held.backend, held.spec.key), held.lease.token)

    def _begin(self) -> None:
        """See to it that what is due is renewed."""
        raise NotImplementedError

    def _call(self, call: Callable[[], object]) -> None:
        """Call a function of the program, which may take long."""
        call()

    def _note_dropped(self, group: Group, token: str, life: float) -> None:
        # Called by the garbage collector at any instant, perhaps while this thread changes what is
        # renewed.  So it changes nothing itself: the next cycle finds that the slot is gone.
        if self._pid == os.getpid() and self._renewals.has(group, token):
            logger.warning(
                'pool %r: a slot was dropped without being given back; it is no longer renewed, and is freed within'
                ' %g s; keep what acquire() returns, and call its release() [token %s]',
                group[1],
                life,
                token,
            )

    def _due(self) -> tuple[list[Batch[Group, Any]], float]:
        """Return what is due, and the instant at which more will be."""
        with self.lock:
            return self._renewals.due(self._now()), self._renewals.next_due()

    def _slots(self, batch: Batch[Group, Any]) -> list[Held[Any]]:
        """Return the slots of a batch that are still held; forget those that were dropped."""
        found = []
        for token, member in batch.members.items():
            slot = member.slot()
            if slot is None:
                with self.lock:
                    self._renewals.discard(batch.group, token)
            elif slot.is_renewable() and slot.is_of_this_process():
                found.append(slot)
        return found

    def _answered(
        self, batch: Batch[Group, Any], slots: list[Held[Any]], asked: float, there: tuple[bool, ...]
    ) -> None:
        with self.lock:
            self._renewals.answered(batch.group)
        for slot, is_there in zip(slots, there, strict=True):
            if slot.note_renewal(asked, is_there):
                if slot.attempt is not UNHEARD:
                    self._call(partial(slot.attempt.tell, 'renewed'))
            # One whose release has begun meanwhile may be gone because of it.
            elif slot.is_lost() and slot.watch is not None:
                slot.watch.notice_loss()

    def _failed(self, batch: Batch[Group, Any], error: Exception) -> None:
        with self.lock:
            is_first = self._renewals.failed(batch.group, self._now())
        if is_first:
            logger.info(
                'pool %r: slots could not be renewed (%s: %s); this is tried again until they expire',
                batch.group[1],
                type(error).__name__,
                error,
            )

    def _renew(self, batch: Batch[Group, Any]) -> None:
        backend, key = batch.group
        slots = self._slots(batch)
        if not slots or not isinstance(backend, Backend):
            return
        asked = self._now()
        try:
            there = run(_steps(backend.protocol, key, slots), backend.perform)
        except Exception as error:
            self._failed(batch, error)
        else:
            self._answered(batch, slots, asked, there)


def _steps(protocol: SlotProtocol, key: str, slots: list[Held[Any]]) -> Steps[tuple[bool, ...]]:
    if protocol.renew is None:
        raise TypeError(f'the protocol {protocol.name} cannot renew a slot: use it without renew_for')
    return protocol.renew(key, tuple((slot.lease.token, slot.spec.slot_exp) for slot in slots))


class ThreadRenewer(Renewer):
    """Renews the slots that threads took by one client, in a daemon thread."""

    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__(now)
        self._waiter = ThreadWaiter()
        self._thread: threading.Thread | None = None
        self._wakes_at = math.inf
        _thread_renewers.add(self)

    def forget(self) -> None:
        """Forget everything: a forked process has neither this thread nor its parent's slots."""
        ThreadRenewer.__init__(self, self._now)

    def _begin(self) -> None:
        with self.lock:
            if self._thread is None:
                # Known only once it runs: an interrupt, or a lack of threads, may prevent that.
                thread = threading.Thread(target=self._run, name='py-cachify renewer', daemon=True)
                thread.start()
                self._thread = thread
            elif self._renewals.next_due() < self._wakes_at:
                self._waiter.tell(Turn.ASK)

    def _call(self, call: Callable[[], object]) -> None:
        # In another thread, so that no other slot is renewed too late.
        dispatcher.call_at(0.0, call)

    def _run(self) -> None:
        idle_since = math.inf
        while True:
            with self.lock:
                if self._thread is not threading.current_thread():
                    return
                batches, next_due = self._due()
                now = self._now()
                idle_since = math.inf if self._renewals else min(idle_since, now)
                if now - idle_since >= IDLE:
                    self._thread = None
                    return
                self._wakes_at = -math.inf if batches else min(next_due, now + IDLE)
            for batch in batches:
                try:
                    self._renew(batch)
                except BaseException:
                    # Such as one of a filter of the program's log: other slots are renewed.
                    with suppress(BaseException):
                        logger.exception('the renewal of slots of the pool %r failed', batch.group[1])
            # This variable would keep alive what nobody else refers to.
            batches = []
            if self._wakes_at > now:
                self._waiter.wait(self._wakes_at - now)


_thread_renewers: 'WeakSet[ThreadRenewer]' = WeakSet()


class LoopRenewer(Renewer):
    """Renews the slots that the tasks of one event loop took; each request is a task for itself."""

    def __init__(self) -> None:
        super().__init__(time.monotonic)
        self._wakes_at = math.inf
        self._tasks: set[asyncio.Task[None]] = set()

    def _begin(self) -> None:
        with self.lock:
            due = self._renewals.next_due()
            if due >= self._wakes_at:
                return
            self._wakes_at = due
        # Not kept: it refers to the loop, which this is kept for as long as it lives.
        asyncio.get_running_loop().call_later(max(0.0, due - self._now()), self._cycle)

    def _cycle(self) -> None:
        self._wakes_at = math.inf
        loop = asyncio.get_running_loop()
        batches, _ = self._due()
        for batch in batches:
            backend = batch.group[0]
            if isinstance(backend, MemoryBackend):
                self._renew(batch)
                continue
            # In an empty context: it belongs to none of the tasks whose slots it renews.
            task = asyncio.Task(
                self._arenew(batch), loop=loop, name='py-cachify renewal', context=contextvars.Context()
            )
            task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001 - as a listener's
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self._begin()

    async def _arenew(self, batch: Batch[Group, Any]) -> None:
        backend, key = batch.group
        slots = self._slots(batch)
        if not slots or not isinstance(backend, AsyncBackend):
            return
        asked = self._now()
        try:
            there = await arun(_steps(backend.protocol, key, slots), backend.aperform)
        except Exception as error:
            self._failed(batch, error)
            self._begin()
        else:
            self._answered(batch, slots, asked, there)


class ClockRenewer(Renewer):
    """Renews slots in a store in memory whose clock a test moves."""

    def __init__(self, now: Callable[[], float], alarm: Alarm) -> None:
        super().__init__(now)
        self._alarm = alarm
        self._wakes_at = math.inf

    def _begin(self) -> None:
        due = self._renewals.next_due()
        if due < self._wakes_at:
            self._wakes_at = due
            self._alarm(due, partial(self._cycle, due))

    def _cycle(self, due: float) -> None:
        if self._wakes_at == due:
            self._wakes_at = math.inf
        for batch in self._due()[0]:
            self._renew(batch)
        self._begin()


_loop_renewers: 'WeakKeyDictionary[asyncio.AbstractEventLoop, LoopRenewer]' = WeakKeyDictionary()


def renewer_for(backend: Backend | AsyncBackend, loop: asyncio.AbstractEventLoop | None) -> Renewer:
    """Return what renews the slots of this backend; ``loop`` is the loop of the task, if any."""
    found: Renewer | None
    made: Renewer
    if isinstance(backend, MemoryBackend) and (alarm := backend.client.alarm()) is not None:
        found = vars(backend).get('_renewer')
        made = found or vars(backend).setdefault('_renewer', ClockRenewer(backend.now, alarm))
        return made
    if loop is not None:
        found = _loop_renewers.get(loop)
        if found is None:
            found = _loop_renewers[loop] = LoopRenewer()
        return found
    found = vars(backend).get('_renewer')
    # In one step, because several threads may take their first slot at the same time.
    made = found or vars(backend).setdefault('_renewer', ThreadRenewer(backend.now))
    return made


def _forget_all() -> None:
    for renewer in list(_thread_renewers):
        renewer.forget()
    _loop_renewers.clear()


after_fork(_forget_all)
