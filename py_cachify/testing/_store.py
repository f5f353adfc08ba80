"""The store of a test: memory whose pools can be kept full, and which ends with the test.

A pool that is kept full has *stand-ins*: slots like any other, which never expire and which no body
holds.  Each request that says how many slots it allows adds stand-ins until as many are taken.  So
the library decides what it always decides, whatever ``max_size`` the program uses.
"""

import gc
import os
import sys
import threading
from asyncio import AbstractEventLoop, Future, all_tasks
from asyncio import _get_running_loop as running_loop
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple
from weakref import WeakSet, ref

from py_cachify import _deadlocks as deadlocks
from py_cachify._cancellation import Request
from py_cachify._entries import MAY_LACK_GIL
from py_cachify._waiters import TaskWaiter, is_abandoned, is_pausing, tell
from py_cachify._waiting import _Wait as WaitState
from py_cachify.backends.memory import Alarm, MemoryBackend, MemoryClient
from py_cachify.commands import Command, CountSlots, Listed, ListSlots, Queued, Refusal, Steps, Turn
from py_cachify.events import Event
from py_cachify.protocols import ATOMIC, SlotProtocol
from py_cachify.slots import Slot
from py_cachify.testing.clock import ManualClock
from py_cachify.tokens import make_terms, new_short_token


STAND_IN = 'kept full by a test'
"""The label of a stand-in."""

PATIENCE = 10.0
"""In real seconds: how long a test waits for its threads and tasks by default."""

A_LOOK = 0.5
"""In real seconds: how long the watcher of a store pauses between two looks at the test."""

DEBUGGERS = frozenset({'bdb', 'pdb', 'cmd', 'IPython', 'pydevd', '_pydevd_bundle'})
"""The modules that a thread is in while a person looks at it."""

MOST_STAND_INS = 1_000_000
"""How many slots a pool may have that is kept full."""


class Keeper(NamedTuple):
    """What keeps a pool full.

    Attributes:
        owner: the task, or the number of the thread, whose code ends this.
        time_passes: whether every wait for the pool moves the clock to its end.
    """

    owner: object
    time_passes: bool

    def is_stuck(self, loop: AbstractEventLoop | None) -> bool:
        """Return whether a wait that begins here stops the code that could end it.

        ``loop`` is the one whose task waits; ``None`` if the thread does.
        """
        return self.time_passes or _is_stopped(self.owner, loop)


class StoreOfTest(MemoryClient):
    """A ``MemoryClient`` with a clock of its own, whose pools can be kept full.

    Attributes:
        clock: its clock.
        events: what has happened to its slots.
        patience: after how many real seconds a wait ends with an error, if the test does nothing
            meanwhile; ``None`` for never.
        changed: notified when a waiter joins a queue or leaves it.
        store: what its backends call their store.
        sizes: the last ``max_size`` with which each pool was used, by its name.
    """

    def __init__(self) -> None:
        self.clock = ManualClock()
        super().__init__(self.clock)
        self.events: list[Event] = []
        self.patience: float | None = PATIENCE
        self.changed = threading.Condition()
        self.store = object()
        self.sizes: dict[str, int] = {}
        # Held while time passes, because a waiter that is stuck moves the clock too.
        self._moving = threading.RLock()
        self._keepers: dict[str, list[Keeper]] = {}
        self._stand_ins: dict[str, set[str]] = {}
        self._rung: dict[str, tuple[str, AbstractEventLoop | None]] = {}
        self._takers: dict[str, object] = {}
        self._given_up: dict[str, str] = {}
        self._thread = threading.get_ident()
        self._watcher: threading.Thread | None = None
        self._end = threading.Event()
        self._has_ended = False
        _stores.add(self)

    # --- time

    def advance(self, seconds: float) -> None:
        """Let time pass; see :meth:`ManualClock.advance`."""
        with self._moving:
            self.clock.advance(seconds)

    def alarm(self) -> Alarm | None:
        return self._call_for_waiter

    def _call_for_waiter(self, instant: float, call: Callable[[], object]) -> Callable[[], None]:
        """Call a function at an instant, as the clock does.

        For a waiter, note then that its time is up; if it is stuck, let its time pass at once.
        """
        wait = getattr(call, '__self__', None)
        if not isinstance(wait, WaitState):
            return self.clock.call_at(instant, call)
        loop = wait.waiter._loop if isinstance(wait.waiter, TaskWaiter) else None  # noqa: SLF001 - only tests ask for it

        def ring() -> None:
            self._rung[wait.token] = wait.spec.key, loop
            call()

        cancel = self.clock.call_at(instant, ring)
        if self._is_stuck(wait, loop):
            with self._moving:
                self._pass_until(instant, wait)
        return cancel

    def _is_stuck(self, wait: WaitState, loop: AbstractEventLoop | None) -> bool:
        """Return whether a wait that begins here stops whatever could end it."""
        key, max_size = wait.spec.key, wait.spec.max_size
        if any(keeper.is_stuck(loop) for keeper in self._keepers.get(key, ())):
            return True
        executing = set(deadlocks.frames_up_from(sys._getframe()))  # noqa: SLF001 - as in _deadlocks.py
        own = {
            holder.token
            for holder in deadlocks.holders_of(self.store, key)
            if (isinstance(holder.owner, Future) or holder.frame in executing) and _is_stopped(holder.owner, loop)
        }
        with self.lock:
            return len(own.intersection(self._slots.live.get(key, ()))) >= max_size

    def _pass_until(self, instant: float, wait: WaitState) -> None:
        """Let time pass until a wait is over, or until a slot that expires before ends it."""
        while (now := self.clock()) < instant and wait.token in self._queues.get(wait.spec.key, ()):
            with self.lock:
                # Later than now, or it would have ended.
                expiry = min(self._slots.live.get(wait.spec.key, {}).values(), default=instant)
            self.clock.advance((min(expiry, instant) if expiry > now else instant) - now)

    def overdue(self, *, elsewhere: bool) -> list[str]:
        """Return the tickets in a queue whose time is up; with ``elsewhere``, not of this loop."""
        here = running_loop() if elsewhere else None
        with self.lock:
            found = [
                token
                for token, (key, loop) in list(self._rung.items())
                if token in self._queues.get(key, ()) and (loop is None or loop is not here) and not _is_closed(loop)
            ]
            if not found and not elsewhere:
                self._rung.clear()
            return found

    # --- full pools

    def keep_full(self, key: str, keeper: Keeper, max_size: int | None) -> None:
        """Keep a pool full, from ``max_size`` slots on; by default, as many as it last had."""
        with self.lock:
            self.check_open()
            self._keepers.setdefault(key, []).append(keeper)
            try:
                self.fill(key, max_size or self.sizes.get(key, 0))
            except BaseException:
                self.let_go(key, keeper)
                raise

    def let_go(self, key: str, keeper: Keeper) -> None:
        """Keep a pool full no longer, and give the slots of its stand-ins to those who wait."""
        with self.lock:
            keepers = self._keepers.get(key, [])
            if keeper in keepers:
                keepers.remove(keeper)
            if keepers:
                return
            self._keepers.pop(key, None)
            for token in self._stand_ins.pop(key, ()):
                self._slots.remove(key, token)
            if key in self._queues:
                self._grant(key, self._clock())

    def fill(self, key: str, max_size: int) -> None:
        """Add stand-ins to a pool that is kept full, until ``max_size`` slots are taken."""
        with self.lock:
            if max_size:
                self.sizes[key] = max_size
            if key not in self._keepers:
                return
            if max_size > MOST_STAND_INS:
                raise ValueError(
                    f'full() takes each slot of a pool, and {key!r} was used with max_size={max_size}: use a max_size'
                    f' of at most {MOST_STAND_INS} in the test'
                )
            self._slots.drop_ended(self._clock())
            terms = make_terms(max_size, None, STAND_IN)
            stand_ins = self._stand_ins.setdefault(key, set())
            for _ in range(max_size - len(self._slots.live.get(key, ()))):
                token = new_short_token(os.getpid(), terms)
                stand_ins.add(token)
                self._slots.add(key, token, float('inf'))

    def stuck_holders(self) -> Iterable[deadlocks.KnownSlot]:
        """Return the slots that whoever waits here would wait for in vain."""
        with self.lock:
            loop = running_loop()
            stuck = {
                key: 'full(time_passes=True) of the test' if keeper.time_passes else 'full() of the test'
                for key, keepers in self._keepers.items()
                for keeper in keepers
                if keeper.is_stuck(loop)
            }
            if not stuck:
                return []
            # The outermost frame, because it is executing for certain.
            *_, frame = deadlocks.frames_up_from(sys._getframe())  # noqa: SLF001
            owner = _waiting_owner()
            return [
                deadlocks.KnownSlot(token, self.store, key, owner, frame, keeper)
                for key, keeper in stuck.items()
                for token in self._slots.live.get(key, ())
            ]

    def take_slot(self, key: str, token: str, max_size: int, slot_exp: float | None) -> bool | Refusal:
        with self.lock:
            self.check_open()
            self.sizes[key] = max_size
            # Weak, because this must not keep a task alive.
            taker = _waiting_owner()
            self._takers[token] = ref(taker) if isinstance(taker, Future) else taker
            if token not in self._slots.live.get(key, ()):
                self.fill(key, max_size)
            return super().take_slot(key, token, max_size, slot_exp)

    def _grant(self, key: str, now: float, asking: str | None = None) -> bool:
        queue = self._queues.get(key)
        if queue and key in self._keepers:
            self.fill(key, next(iter(queue.values())).max_size)
        return super()._grant(key, now, asking)

    # --- who waits

    def join_queue(
        self, key: str, token: str, max_size: int, slot_exp: float | None, max_waiting: int | None
    ) -> bool | Refusal | Queued:
        # Before it is queued, because a test that sees it there moves the clock.
        self._begin_to_watch()
        joined = super().join_queue(key, token, max_size, slot_exp, max_waiting)
        self._notify()
        return joined

    def ask_again(self, key: str, token: str, max_size: int, slot_exp: float | None, place: float) -> bool | Queued:
        self.check_open()
        if (reason := self._given_up.pop(token, None)) is not None:
            # The driver takes the ticket out of the queue, as after any error.
            raise RuntimeError(reason)
        return super().ask_again(key, token, max_size, slot_exp, place)

    def leave_queue(self, key: str, token: str, max_size: int, slot_exp: float | None, tombstone: bool) -> bool:
        left = super().leave_queue(key, token, max_size, slot_exp, tombstone)
        self._notify()
        return left

    def undo_slot(self, key: str, token: str) -> bool:
        undone = super().undo_slot(key, token)
        self._notify()
        return undone

    def count_pausing(self, key: str) -> int:
        """Return how many wait in a queue whom the clock can wake, because their alarms are set."""
        return sum(map(is_pausing, self.list_waiting(key)))

    def _notify(self) -> None:
        with self.changed:
            self.changed.notify_all()

    # --- who waits for nothing

    def _begin_to_watch(self) -> None:
        """Start the thread that ends waits which nothing else ends."""
        with self.lock:
            if self._watcher is None and not self._has_ended:
                self._watcher = threading.Thread(target=self._watch, name='py_cachify.testing', daemon=True)
                self._watcher.start()

    def _watch(self) -> None:
        # Looks are counted instead of seconds, because a process may be stopped in between.
        seen, looks = self._signs(), 0
        while not self._end.wait(A_LOOK):
            last, seen = seen, self._signs()
            looks = looks + 1 if seen == last else 0
            patience = self.patience
            if patience is not None and looks * A_LOOK >= patience and not self._is_debugged():
                for key in list(self._queues):
                    self._give_up(key, patience)
                looks = 0

    def _signs(self) -> object:
        """Return what changes if the test goes on: time, events, and where its thread is."""
        frame = sys._current_frames().get(self._thread)  # noqa: SLF001 - the only way to see what a thread does
        with self.lock:
            waiting = [(key, *queue) for key, queue in self._queues.items()]
            return self.clock(), len(self.events), waiting, frame and (id(frame), frame.f_lasti)

    def _is_debugged(self) -> bool:
        """Return whether somebody is looking at the thread of the test in a debugger."""
        frame = sys._current_frames().get(self._thread)  # noqa: SLF001
        # Without the lock of the interpreter, only the first frame of another thread can be read.
        frames = [frame] if MAY_LACK_GIL else deadlocks.frames_up_from(frame)
        names = {str(each.f_globals.get('__name__')).partition('.')[0] for each in frames if each is not None}
        return not names.isdisjoint(DEBUGGERS)

    def _give_up(self, key: str, patience: float) -> None:
        """End the waits for a pool, unless a thread that still works may end them."""
        with self.lock:
            queue = list(self._queues.get(key, ()))
            if self._may_end(key):
                return
            reason = (
                f'pool {key!r}: a wait for a slot has lasted {patience:g} real seconds, while the test stood still and'
                ' its clock too: call advance() of its pools while another thread or task waits, or hold the pool full'
                ' with full(key, time_passes=True); if nothing is wrong, set patience of its pools to None'
            )
            self._given_up.update(dict.fromkeys(queue, reason))
        for ticket in queue:
            tell(ticket, Turn.ASK)

    def _may_end(self, key: str) -> bool:
        """Return whether a slot of a pool has a holder who neither waits nor is the test."""
        stand_ins = self._stand_ins.get(key, ())
        owners = [self._taker(token) for token in self._slots.live.get(key, ()) if token not in stand_ins]
        owners.extend(keeper.owner for keeper in self._keepers.get(key, ()))
        waiting = [self._taker(token) for each in self._queues.values() for token in each]
        threads = sys._current_frames()  # noqa: SLF001
        for owner in owners:
            if owner in waiting:
                continue
            if isinstance(owner, Future):
                # The loops of other makes do not say which thread runs them.
                if not owner.done() and getattr(owner.get_loop(), '_thread_id', None) != self._thread:
                    return True
            elif owner in threads and owner != self._thread:
                return True
        return False

    def _taker(self, token: str) -> object:
        taker = self._takers.get(token)
        return taker() if isinstance(taker, ref) else taker

    # --- who holds

    def held(self) -> dict[str, list[Listed]]:
        """Return the live slots of each pool, without stand-ins."""
        with self.lock:
            listed = {key: self.list_slots(key) for key in list(self._slots.live)}
            return {
                key: found
                for key, slots in listed.items()
                if (found := [slot for slot in slots if slot.token not in self._stand_ins.get(key, ())])
            }

    def is_filled(self, key: str) -> bool:
        """Return whether a pool is not kept full, or is known to have slots that are taken."""
        with self.lock:
            return key not in self._keepers or bool(self._stand_ins.get(key) or self._slots.live.get(key))

    def lose(self, key: str) -> int:
        """Take the slots of a pool away, and tell their holders; return how many there were."""
        tokens = {slot.token for slot in self.held().get(key, ())}
        # Found among all objects, so that a program pays nothing for what only tests need.
        slots = [each for each in gc.get_objects() if type(each) is Slot and each.lease.token in tokens]
        for token in tokens:
            self.drop_slot(key, token)
        for slot in slots:
            if not slot.note_renewal(self.clock(), False) and slot.is_lost() and slot.watch is not None:
                slot.watch.notice_loss()
        return len(tokens)

    # --- the end

    def end(self) -> None:
        """Wake all waiters, which then raise ``RuntimeError``, and grant nothing any more."""
        with self.lock:
            self._has_ended = True
            self._keepers.clear()
            tickets = [ticket for queue in self._queues.values() for ticket in queue]
            tokens = [token for slots in self._slots.live.values() for token in slots]
        for token in tokens:
            deadlocks.discard(token)
        self._end.set()
        for ticket in tickets:
            tell(ticket, Turn.ASK)
            # It is forgotten again if the event loop of its task is closed.
            is_abandoned(ticket)
        if self._watcher is not None:
            self._watcher.join()

    def check_open(self) -> None:
        """Raise ``RuntimeError`` if the test has ended."""
        if self._has_ended:
            raise RuntimeError(
                'the test whose pools these are has ended: end its threads and tasks before it, and take no slot of'
                ' its Cachify afterwards'
            )


def _waiting_owner() -> object:
    """Return the task that waits here, or the number of the thread if no task is running."""
    owner = deadlocks.current_owner()
    # While it waits, its request takes the place of the current task.
    return owner._outer if isinstance(owner, Request) else owner  # noqa: SLF001 - only tests ask


def _is_stopped(owner: object, loop: AbstractEventLoop | None) -> bool:
    """Return whether a wait that begins here stops a task, or the thread with this number.

    ``loop`` is the one whose task waits; ``None`` if the thread does.
    """
    if _waiting_owner() == owner:
        return True
    if isinstance(owner, Future):
        return loop is None and owner.get_loop() is running_loop()
    # `asyncio.run()` within the thread: another task of the loop might move the clock.
    return owner == threading.get_ident() and (loop is None or len(all_tasks(loop)) == 1)


def _is_closed(loop: AbstractEventLoop | None) -> bool:
    return loop is not None and loop.is_closed()


_stores: 'WeakSet[StoreOfTest]' = WeakSet()

deadlocks.also_in(lambda: (slot for store in list(_stores) for slot in store.stuck_holders()))


@dataclass(slots=True, unsafe_hash=True)
class Fill(Command[None]):
    """Take the slots of a pool that is kept full, until ``max_size`` are taken."""

    key: str
    max_size: int


def _size(key: str, max_size: int) -> Steps[int]:
    yield from Fill(key, max_size)
    return (yield from CountSlots(key))


def _holders(key: str, max_size: int) -> Steps[tuple[Listed, ...]]:
    yield from Fill(key, max_size)
    return (yield from ListSlots(key))


class BackendOfTest(MemoryBackend):
    """Performs commands on a :class:`StoreOfTest`."""

    protocol: ClassVar[SlotProtocol] = ATOMIC._replace(size=_size, holders=_holders)
    client: StoreOfTest

    def __init__(self, client: StoreOfTest) -> None:
        super().__init__(client)
        self.store = client.store

    def perform(self, command: Command[Any]) -> Any:
        if isinstance(command, Fill):
            return self.client.fill(command.key, command.max_size)
        return super().perform(command)
