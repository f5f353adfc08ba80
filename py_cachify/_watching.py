"""What happens while a slot is held: it is renewed, and its loss has a consequence."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Any
from weakref import ref

from py_cachify._alarms import dispatcher, loop_alarm
from py_cachify._attempts import UNHEARD
from py_cachify._held import HELD, LOST, Held, Watch
from py_cachify._renewers import Renewer, renewer_for
from py_cachify.backends.memory import MemoryBackend


logger = logging.getLogger('py_cachify')


STORES_THAT_HOLD = (
    'a store that can extend the life of a slot, memory, Redis or Valkey: a client of the plain contract cannot,'
    ' without the risk of reviving a slot that somebody else has taken'
)


class Cancellation:
    """Cancels the task whose slot was lost, as ``asyncio.timeout()`` does.

    Attributes:
        sent: whether it did.
    """

    def __init__(self, task: 'asyncio.Task[Any]') -> None:
        self._task = task
        self._before = task.cancelling()
        self.sent = False
        self._withdrawn = False

    def send(self) -> None:
        """Cancel the task, if the body still runs."""
        if not self._withdrawn and not self.sent:
            self.sent = True
            self._task.cancel()

    def withdraw(self) -> bool:
        """Take the cancellation back at the exit; return whether it was the only one."""
        self._withdrawn = True
        return self.sent and self._task.uncancel() <= self._before


class SlotWatch(Watch):
    """Renews a slot from :meth:`start` on, and does what ``on_lost`` says when it is lost."""

    def __init__(
        self,
        held: Held[Any],
        loop: asyncio.AbstractEventLoop | None = None,
        cancellation: Cancellation | None = None,
        *,
        has_body: bool,
    ) -> None:
        self._held = ref(held)
        self._loop = loop
        self._has_body = has_body
        self.cancellation = cancellation
        self._is_noticed = False
        self._is_stopped = False
        backend = held.backend
        self._alarm = dispatcher.call_at if loop is None else loop_alarm(loop)
        if isinstance(backend, MemoryBackend):
            self._alarm = backend.client.alarm() or self._alarm
        self._renewer: Renewer | None = None
        self._cancel_alarm: Callable[[], object] = _nothing

    def start(self, held: Held[Any]) -> None:
        """Begin, when the slot knows this watch: whatever comes between, its release ends it."""
        if held.spec.options.renews:
            self._renewer = renewer_for(held.backend, self._loop)
            self._renewer.add(held)
        self._cancel_alarm = self._set_alarm(held)

    def _set_alarm(self, held: Held[Any]) -> Callable[[], None]:
        return self._alarm(held.expires(), self._look)

    def _look(self) -> None:
        """Notice the loss, unless the slot was renewed since the alarm was set."""
        held = self._held()
        if held is None or self._is_stopped or not held.is_of_this_process():
            return
        if held.is_lost():
            self.notice_loss()
        elif held.state is HELD:
            self._cancel_alarm = self._set_alarm(held)

    def stop(self) -> None:
        self._is_stopped = True
        self._cancel_alarm()
        held = self._held()
        if self._renewer is not None and held is not None:
            self._renewer.discard(held)

    def notice_loss(self) -> None:
        held = self._held()
        # Also after stop(), because the release may be what finds that the slot is gone.
        if held is None or held.state is not LOST or self._is_noticed or not held.is_of_this_process():
            return
        self._is_noticed = True
        self.stop()
        on_lost = held.spec.options.on_lost
        if on_lost == 'cancel':
            if self.cancellation is not None and self._loop is not None:
                # Never from within the task, which may end without waiting for anything any more.
                self._call_soon(self._loop, self.cancellation.send)
        elif callable(on_lost):
            self._in_loop(lambda: _call(on_lost, held))
        elif on_lost == 'log' or not self._has_body:
            logger.warning(
                'pool %r: a slot was lost while its holder runs on, so more than max_size=%d holders may run at once;'
                " %s; to end the holder, use on_lost='raise', 'cancel' or a function [slot_exp=%g s, token %s]",
                held.spec.key,
                held.spec.max_size,
                'the store no longer has it' if held.was_gone else 'it expired',
                held.spec.slot_exp or 0,
                held.lease.token,
            )
        if held.attempt is not UNHEARD:
            # The slot keeps the attempt no longer than this call.
            self._in_loop(partial(held.attempt.tell, 'lost'))

    def _in_loop(self, call: Callable[[], object]) -> None:
        """Call a function in the loop whose task holds the slot; or where losses are noticed."""
        if self._loop is None:
            if self._alarm == dispatcher.call_at:
                dispatcher.call_at(0.0, call)
            else:
                call()
        elif asyncio._get_running_loop() is self._loop:  # noqa: SLF001 - as in _entries.py
            call()
        else:
            self._call_soon(self._loop, call)

    def _call_soon(self, loop: asyncio.AbstractEventLoop, call: Callable[[], object]) -> None:
        try:
            loop.call_soon_threadsafe(call)
        except RuntimeError:
            logger.warning('a slot was lost whose event loop is closed, so nothing was done about it')


def _nothing() -> None:
    pass


def _call(on_lost: Callable[[Any], object], held: Held[Any]) -> None:
    try:
        on_lost(held)
    except Exception:
        logger.exception('pool %r: on_lost failed [token %s]', held.spec.key, held.lease.token)
