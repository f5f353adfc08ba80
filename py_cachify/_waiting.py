"""Wait for a slot before a body, for ``pool`` and ``@pooled``: the driver of a waiting protocol."""

import asyncio
import logging
import math
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, NamedTuple

from py_cachify import _deadlocks as deadlocks
from py_cachify import _waiters as waiters
from py_cachify._attempts import Attempt
from py_cachify._cancellation import Request
from py_cachify._giving_back import agive_back, give_back
from py_cachify._process import read_pid
from py_cachify._spec import SlotSpec
from py_cachify._taking import log_undone_acquire
from py_cachify._waiters import TaskWaiter, ThreadWaiter
from py_cachify.arguments import check_max_waiting, check_wait
from py_cachify.backends.base import AsyncBackend, Backend
from py_cachify.backends.memory import Alarm, MemoryBackend
from py_cachify.commands import AwaitTurn, Command, LeaveQueue, Refusal, Steps, Turn, UndoSlot
from py_cachify.drivers import arun, run
from py_cachify.errors import CachifyPoolFullError, CachifyPoolTimeoutError, taken_slots
from py_cachify.pauses import Pauses
from py_cachify.protocols import NOT_UNDONE, Lease, NoLease, SlotProtocol, has_note
from py_cachify.slots import Slot


class Waiting(NamedTuple):
    """How a pool waits.

    Attributes:
        wait: for how long, in seconds; ``None`` for any time.
        max_waiting: how many others may wait already; ``None`` for any number.
    """

    wait: float | None
    max_waiting: int | None


def make_waiting(wait: Any, max_waiting: Any) -> Waiting | None:
    """Return how a pool waits, from its arguments; ``None`` if it does not wait.

    Raises:
        TypeError, ValueError: an argument is wrong.
    """
    checked = Waiting(check_wait(wait), check_max_waiting(max_waiting))
    return None if checked.wait == 0 else checked


logger = logging.getLogger('py_cachify')

_warned_of_blocking = False


class _Wait:
    """What threads and tasks have in common: a place in the queue, and the time that is left."""

    def __init__(
        self,
        backend: Backend | AsyncBackend,
        spec: SlotSpec,
        waiting: Waiting,
        waiter: ThreadWaiter | TaskWaiter,
        pool: Any,
        attempt: Attempt,
        has_body: bool,
    ) -> None:
        if waiting.max_waiting is not None and backend.protocol.queue_size is None:
            raise TypeError(
                'max_waiting needs a store that can queue, memory, Redis or Valkey: with a client of the plain'
                ' contract, omit it'
            )
        self.backend, self.spec, self.waiting, self.waiter = backend, spec, waiting, waiter
        self._pool, self._attempt, self._has_body = pool, attempt, has_body
        self.asked = backend.now()
        self._is_unanswered = False
        self.owner = deadlocks.current_owner()
        self.frame: FrameType | None = None
        self.store = backend.store
        self.listener = backend.listener()
        self.alarm: Alarm | None = None
        clock: Callable[[], float] = time.monotonic
        if isinstance(backend, MemoryBackend):
            self.alarm, clock = backend.client.alarm(), backend.client.now
        self.pauses = Pauses(waiting.wait, clock, isinstance(backend, MemoryBackend), self._is_told)
        self.pid = read_pid()
        channel = 0 if self.listener is None else self.listener.channel
        self.token = backend.new_token(self.pid, spec.terms, channel)
        self.is_queued = False

    def _is_told(self) -> bool:
        return self.listener is not None and self.listener.is_listening

    def steps(self, protocol: SlotProtocol) -> Steps[Lease | NoLease]:
        """Return the steps of the acquire."""
        if protocol.wait is None:
            raise TypeError(f'the protocol {protocol.name} cannot wait for a slot: use it without wait')
        waiters.register(self.token, self.waiter)
        spec = self.spec
        return protocol.wait(spec.key, self.token, spec.max_size, spec.slot_exp, self.waiting.max_waiting, None)

    def begin_to_wait(self) -> None:
        """Note that the waiter is in the queue, before each pause."""
        if self.is_queued:
            return
        self.is_queued = True
        self._attempt.tell('queued')
        if self.waiting.wait is None:
            deadlocks.check_own(self.store, self.spec.key, self.spec.max_size, self.owner)
        if self.listener is not None:
            self.listener.join(self.token, self.waiter)

    def set_alarm(self) -> Callable[[], None]:
        """Let the clock of a store in memory end the wait; return what cancels this."""
        if self.alarm is None or self.pauses.until == math.inf:
            return _nothing
        return self.alarm(self.pauses.until, self._ring)

    def _ring(self) -> None:
        # The clock may have moved on by the time the waiter reacts.
        self.pauses.note_end()
        self.waiter.tell(Turn.ASK)

    def note_request(self) -> None:
        """Note that a request is about to be sent.

        If the one before it was not answered, it may have given the slot, whose life began then.
        """
        if not self._is_unanswered:
            self.asked = self.backend.now()
        self._is_unanswered = True

    def note_answer(self) -> None:
        """Note that the last request was answered."""
        self._is_unanswered = False

    def after_pause(self, told: Turn | None) -> Turn:
        """Return why the waiter stops waiting, after it was woken or its pause ended."""
        if told is Turn.GRANTED:
            # By a request of this process, which was sent before.
            self.asked = self.backend.now() if self.waiter.granted_at is None else self.waiter.granted_at
            return told
        return Turn.OVER if self.pauses.is_over() else Turn.ASK

    def slot(self, lease: Lease) -> Slot:
        """Return the slot; ``asked`` is the instant of the request that gave it."""
        if self._has_body:
            # Without a body, anybody may give it back.
            deadlocks.add(lease.token, self.store, self.spec.key, self.owner, self.frame)
        return Slot(lease, self.spec, self.backend, self.asked, self.pid, self._pool)

    def end(self) -> None:
        """Forget the waiter."""
        waiters.forget(self.token)
        if self.is_queued and self.listener is not None:
            self.listener.leave(self.token)


def _nothing() -> None:
    pass


class Wait(_Wait):
    """The wait of a thread::

    wait = Wait(backend, spec, waiting, pool, attempt, frame)
    held = wait.take()                  # false if it got no slot
    """

    def __init__(
        self,
        backend: Backend,
        spec: SlotSpec,
        waiting: Waiting,
        pool: Any,
        attempt: Attempt,
        frame: FrameType | None = None,
        has_body: bool = True,
    ) -> None:
        """Begin to wait; ``frame`` is the one whose body holds the slot afterwards, if any."""
        self._backend = backend
        self._waiter = ThreadWaiter()
        super().__init__(backend, spec, waiting, self._waiter, pool, attempt, has_body)
        self.frame = frame

    def waited(self) -> float:
        """Return how long it has waited, in seconds."""
        return self.pauses.waited()

    def take(self) -> Slot | NoLease:
        """Take a slot and return it, or what is false: why there is none."""
        lease: Lease | NoLease = None
        try:
            lease = run(self.steps(self._backend.protocol), self._perform)
            self.end()
            return self.slot(lease) if lease else lease
        except BaseException as error:
            try:
                if not lease:
                    log_undone_acquire(self.spec, self.token, error)
                else:
                    # An interrupt that arrived after the grant, but before this function returned.
                    give_back(self.slot(lease), body_failed=True)
            finally:
                # Despite another interrupt, or a listener would go on for this waiter.
                try:
                    self.end()
                except BaseException:
                    self.end()
            raise

    def _perform(self, command: Command[Any]) -> Any:
        if isinstance(command, AwaitTurn):
            return self._await_turn(command)
        self.note_request()
        answer = self._backend.perform(command)
        self.note_answer()
        return answer

    def _await_turn(self, turn: AwaitTurn) -> Turn:
        if not self.is_queued:
            _check_loop(self.store, self.spec)
        self.begin_to_wait()
        pause = self.pauses.after(turn)
        if isinstance(pause, Turn):
            return pause
        if self.alarm is None:
            return self.after_pause(self._waiter.wait(pause))
        cancel = self.set_alarm()
        try:
            return self.after_pause(self._waiter.wait(None))
        finally:
            cancel()


def _check_loop(store: object, spec: SlotSpec) -> None:
    """Refuse a wait that stops the tasks which it waits for; warn of one that stops others."""
    global _warned_of_blocking
    loop = asyncio._get_running_loop()  # noqa: SLF001 - as in _entries.py
    if loop is None:
        return
    deadlocks.check_tasks(store, spec.key, spec.max_size, loop)
    if not _warned_of_blocking:
        _warned_of_blocking = True
        logger.warning(
            'pool %r: a synchronous `with` waits for a slot in a thread that runs an event loop, whose tasks all stop'
            ' meanwhile; use `async with` there (this is logged once)',
            spec.key,
        )


class PendingWait(Request[Lease | NoLease]):
    """The wait of a task, to be awaited; a task that is cancelled meanwhile gets no slot::

    pending = PendingWait(backend, spec, waiting, pool, attempt)
    held = await pending.take()         # false if it got no slot
    """

    def __init__(
        self,
        backend: AsyncBackend | MemoryBackend,
        spec: SlotSpec,
        waiting: Waiting,
        pool: Any,
        attempt: Attempt,
        has_body: bool = True,
    ) -> None:
        self._backend = backend
        self._waiter = TaskWaiter()
        self._pausing = False
        self._wait = _Wait(backend, spec, waiting, self._waiter, pool, attempt, has_body)
        self.waiting = waiting
        super().__init__(self._take())

    def waited(self) -> float:
        """Return how long it has waited, in seconds."""
        return self._wait.pauses.waited()

    async def take(self) -> Slot | NoLease:
        """Take a slot and return it, or what is false: why there is none."""
        wait = self._wait
        try:
            await self
        finally:
            wait.end()
        error = self.exception()
        lease = self.result() if error is None else None
        held = wait.slot(lease) if lease else None
        if self.interruption is not None:
            if held is not None:
                await agive_back(held, body_failed=True)
            if error is not None and has_note(error, NOT_UNDONE):
                # Nobody sees this error.
                log_undone_acquire(wait.spec, wait.token, error)
            raise self.interruption
        if error is not None:
            log_undone_acquire(wait.spec, wait.token, error)
            raise error
        return held or (None if lease else lease)

    async def _take(self) -> Lease | NoLease:
        try:
            return await arun(self._wait.steps(self._backend.protocol), self._perform)
        except GeneratorExit:
            # Nothing can be awaited now.  In memory nothing needs to be.
            if isinstance(self._backend, MemoryBackend):
                self._backend.undo_slot(self._wait.spec.key, self._wait.token)
            else:
                waiters.abandon(self._wait.token)
            raise

    async def _perform(self, command: Command[Any]) -> Any:
        if isinstance(command, AwaitTurn):
            return await self._await_turn(command)
        self._wait.note_request()
        # A request for which no connection is free does not outlast the wait.  One that gives up
        # what was asked for is sent after its end, so it has time.
        gives_up = isinstance(command, LeaveQueue | UndoSlot)
        self.unsent_until = None if gives_up else self._wait.pauses.until
        if isinstance(self._backend, MemoryBackend):
            answer = self._backend.perform(command)
        else:
            answer = await self._backend.aperform(command)
        self._wait.note_answer()
        return answer

    async def _await_turn(self, turn: AwaitTurn) -> Turn:
        if self.interruption is not None:
            # It was cancelled during the last request, whose answer is known now.
            raise asyncio.CancelledError
        wait = self._wait
        wait.begin_to_wait()
        pause = wait.pauses.after(turn)
        if isinstance(pause, Turn):
            return pause
        cancel = wait.set_alarm()
        self._pausing = True
        try:
            return wait.after_pause(await self._waiter.wait(pause if wait.alarm is None else None))
        finally:
            self._pausing = False
            cancel()

    def _patience(self) -> float | None:
        # A waiter that is not asking anything leaves at once.
        if self._pausing or isinstance(self._backend, MemoryBackend):
            return 0.0
        return self._backend.patience


def refusal_error(key: str, max_size: int, refusal: NoLease, wait: Wait | PendingWait | None) -> CachifyPoolFullError:
    """Return the error of an acquire that got no slot; ``wait`` is ``None`` if it did not wait."""
    match refusal:
        case Refusal.TIMED_OUT if wait is not None:
            return CachifyPoolTimeoutError(key, max_size, wait.waited())
        case Refusal.PROMISED:
            return CachifyPoolFullError(key, max_size, 'its free slots are promised to those who wait')
        case Refusal.CROWDED if wait is not None:
            most = wait.waiting.max_waiting
            return CachifyPoolFullError(key, max_size, f'{taken_slots(max_size)}, and max_waiting={most} wait already')
        case _:
            return CachifyPoolFullError(key, max_size)
