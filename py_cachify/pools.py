"""``pool``: at most ``max_size`` holders at a time, across all processes that share the store."""

import functools
import sys
from asyncio import _get_running_loop, current_task
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from threading import get_ident
from types import FrameType, TracebackType
from typing import Any, Literal, Never, TypeVar, overload
from weakref import WeakSet

from py_cachify import _bodies as bodies
from py_cachify import _looking as looking
from py_cachify._attempts import UNHEARD, refusal_kind
from py_cachify._deadlocks import KnownSlot, also_in
from py_cachify._decorator_types import AnyFunction, AsyncFunction, Decorator, NeverReturned
from py_cachify._entries import Entries, make_entries
from py_cachify._giving_back import agive_back, give_back, give_back_despite
from py_cachify._options import DEFAULTS, OnLost, RenewFor, changed_options, check_renewable, make_options
from py_cachify._settings import Settings, global_settings
from py_cachify._signals import is_interrupt
from py_cachify._spec import SlotSpec
from py_cachify._taking import PendingSlot, atake, take
from py_cachify._waiting import PendingWait, Waiting, make_waiting, refusal_error
from py_cachify._waiting import Wait as SlotWait
from py_cachify.arguments import (
    UNSET,
    SlotExp,
    UnsetType,
    Wait,
    check_key,
    check_max_size,
    check_max_waiting,
    check_slot_exp,
)
from py_cachify.backends.memory import MemoryBackend
from py_cachify.decorators import label_maker, make_decorator
from py_cachify.occupants import Holder, Waiter
from py_cachify.protocols import NoLease
from py_cachify.slots import DistantSlot, Slot, distant_slot, make_current, make_current_in_task


A = TypeVar('A', bound=Awaitable[Any])
F = TypeVar('F')


class pool:  # noqa: N801 - the name in the API reference
    """A pool of execution slots, for ``with`` and ``async with``.

    Entering takes one of ``max_size`` slots and gives a :class:`Slot`.  If all are taken, it
    raises ``CachifyPoolFullError`` immediately, or waits for up to ``wait`` seconds.  Exiting gives
    the slot back.  If a holder crashes, its slot is freed ``slot_exp`` seconds after it was taken,
    or last renewed.

    Expiry does not stop the body that holds the slot.  The slot becomes free for others while the
    body continues, so more than ``max_size`` bodies can run at once.  Such an overrun is logged as
    a warning when the body ends, unless ``on_lost`` says otherwise.  Choose ``slot_exp`` longer
    than the longest body takes, unless the slot is renewed.

    The object holds no connection and looks nothing up until you enter it or ask for its size.  So
    you can make it at module level, before ``init_cachify()``.  Any number of threads and tasks may
    enter it at the same time; each entry has its own slot.

    Args:
        key: the name of the pool in the store.  Everyone who uses the same key (and prefix) shares
            its slots.
        max_size: the number of slots, at least 1.  Each acquire counts against its own
            ``max_size``, so use one number for one key.
        slot_exp: the life of a slot in seconds, more than 0, or as a ``timedelta``.  With ``None``
            it never expires, so a crashed holder's slot is never freed.  By default it is the value
            of ``init_cachify(default_pool_slot_expiration=...)``, which is 600 seconds by default.
        wait: how long to wait for a slot on entry, in seconds or as a ``timedelta``; 0 for not at
            all, ``None`` for as long as it takes.  Slots are given in the order in which requests
            reached the store, also to those who do not wait.  The time is measured by the clock
            of this process; a request that is under way when it is up may exceed it.
        max_waiting: how many may wait at most; where so many wait already, entering raises
            ``CachifyPoolFullError`` immediately.  ``None`` for any number.
        renew_for: renew the slot while it is held, so that a short ``slot_exp`` is enough for a
            long body: for this long at most, in seconds or as a ``timedelta``, from when it has its
            slot; ``None`` for as long as the body takes.  0 for not at all.
        on_lost: what happens when the slot is lost while it is held: it expired, or the store no
            longer has it.  ``'log'`` logs a warning; ``'raise'`` raises ``CachifySlotLostError`` at
            the exit, unless the body failed; ``'cancel'``, with ``async with`` only, also cancels
            the body; a function is called with the slot, in the event loop or in a thread.
        fence: give each slot a fencing token, ``slot.fence``: a number greater than those of all
            earlier grants of the pool.  It takes one more request.  With ``max_size`` above 1 it
            keeps nobody out: several holders are there rightfully.
        label: who holds the slot, for people who read ``holders()``; 64 characters are kept.

    Raises:
        TypeError, ValueError: an argument is wrong; raised here, not on entry.
        CachifyPoolFullError: on entry, if every slot is taken or promised to those who wait, or if
            ``max_waiting`` wait already.
        CachifyPoolTimeoutError: on entry, if there was no slot within ``wait`` seconds; a subclass
            of ``CachifyPoolFullError``.
        CachifyDeadlockError: on entry, if it would wait for a slot that only itself can give back.
        CachifySlotLostError: on exit, if ``on_lost`` says so.
        CachifyInitError: on entry or ``size()``, if ``init_cachify()`` was not called, or received
            no client for threads or asyncio, whichever is used.

    Example::

        with pool('reports', max_size=3, slot_exp=120):
            make_report()

        with pool('reports', max_size=3, wait=10):      # waits for up to 10 seconds
            make_report()
    """

    def __init__(
        self,
        key: str,
        max_size: int,
        slot_exp: SlotExp = UNSET,
        *,
        wait: Wait = 0,
        max_waiting: int | None = None,
        renew_for: RenewFor = 0,
        on_lost: OnLost = 'log',
        fence: bool = False,
        label: str = '',
    ) -> None:
        self._key = check_key(key)
        self._max_size = check_max_size(max_size)
        self._slot_exp = check_slot_exp(slot_exp)
        self._waiting = make_waiting(wait, max_waiting)
        # Also without `wait`, because `acquire()` may wait all the same.
        self._max_waiting = check_max_waiting(max_waiting)
        self._options = make_options(renew_for, on_lost, fence, label)
        check_renewable(self._options.renew_for, self._slot_exp)
        self._settings: Callable[[], Settings] = global_settings
        self._spec: tuple[Settings | None, SlotSpec | None] = (None, None)
        self._entries: Entries[Slot] = make_entries()
        self._async_entries: Entries[Slot] = make_entries()

    def __repr__(self) -> str:
        waits = ''.join(f', {name}={value!r}' for name, value in self._given_waits().items())
        options = ''.join(f', {name}={value!r}' for name, value in self._options.given().items())
        return f'pool(key={self._key!r}, max_size={self._max_size}, slot_exp={self._slot_exp!r}{waits}{options})'

    def _given_waits(self) -> dict[str, Any]:
        """Return how it waits, without the defaults."""
        waits = {} if self._waiting is None else {'wait': self._waiting.wait}
        return waits if self._max_waiting is None else waits | {'max_waiting': self._max_waiting}

    def _repr_html_(self) -> str:
        # Imported only here, because only notebooks use it.
        from py_cachify._display import as_html

        return as_html(self._key, self._max_size, self._slot_exp, self._settings)

    def __reduce__(self) -> tuple[Any, ...]:
        # A copy, even in another process, is the same pool, but has none of the open entries.
        if self._settings is not global_settings:
            raise TypeError(
                f'{self!r} cannot be copied or pickled, because it belongs to a Cachify object:'
                " make a new one with that object's pool() method"
            )
        arguments = (self._key, self._max_size, self._slot_exp)
        options = self._given_waits() | self._options.given()
        return functools.partial(type(self), **options) if options else type(self), arguments

    # --- the context managers

    def __enter__(self) -> Slot:
        frame = sys._getframe().f_back  # noqa: SLF001 - see _entries.py
        settings = self._settings()
        # As in `_spec_for()`, whose call a pool in memory would notice.
        made_for, spec = self._spec
        if made_for is not settings or spec is None:
            spec = self._spec_for(settings)
        backend = spec.backends.sync or settings.sync_backend()
        taken: Slot | NoLease = None
        wait = None
        is_plain = spec.is_plain
        attempt = UNHEARD if is_plain else bodies.check(backend, spec)
        try:
            if self._waiting is None:
                taken = take(backend, spec, self)
            else:
                wait = SlotWait(backend, spec, self._waiting, self, attempt, frame)
                taken = wait.take()
            if taken:
                if not is_plain:
                    bodies.begin(taken, attempt)
                # As `current_owner()`, whose call a pool in memory would notice.
                owner = (_get_running_loop() and current_task()) or get_ident()
                make_current(taken, owner)
                self._entries.add(frame, taken, owner)
                return taken
        except BaseException as interrupt:
            # An interrupt that arrived after the slot was taken and before the body began.
            if taken:
                self._entries.discard(taken)
                give_back_despite(interrupt, taken)
            attempt.tell('failed', error=interrupt)
            raise
        attempt.tell(refusal_kind(taken))
        raise refusal_error(self._key, self._max_size, taken, wait)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        frame = sys._getframe().f_back  # noqa: SLF001
        claimed: list[Slot] = []
        try:
            self._entries.claim(frame, claimed)
            slot = claimed[0]
            if slot.spec.is_plain:
                give_back(slot, body_failed=error is not None)
            else:
                bodies.end(slot, error)
        except BaseException as raised:
            # An interrupt may arrive anywhere; requesting a release twice does no harm.
            if is_interrupt(raised):
                if not claimed:
                    self._entries.claim(frame, claimed)
                self._entries.discard(claimed[0])
                give_back_despite(raised, claimed[0])
            raise

    def __aenter__(self) -> Coroutine[Any, Any, Slot]:
        # Not a coroutine function: only here is the caller the frame that runs the `async with`.
        return self._enter(sys._getframe().f_back)  # noqa: SLF001

    async def _enter(self, frame: FrameType | None) -> Slot:
        settings = self._settings()
        made_for, spec = self._spec
        if made_for is not settings or spec is None:
            spec = self._spec_for(settings)
        backend = spec.backends.asynchronous or settings.async_backend()
        is_plain = spec.is_plain
        attempt = UNHEARD if is_plain else bodies.check(backend, spec, is_async=True)
        taken: Slot | NoLease = None
        wait = None
        try:
            if self._waiting is not None:
                wait = PendingWait(backend, spec, self._waiting, self, attempt)
                taken = await wait.take()
            # Memory answers at once, and a separate coroutine would take longer than the acquire.
            elif isinstance(backend, MemoryBackend):
                taken = take(backend, spec, self)
            else:
                pending = PendingSlot(backend, spec, self)
                await pending
                taken = pending.held() if pending.interruption is None else await pending.undo()
            if taken:
                if spec.options is not DEFAULTS:
                    await bodies.abegin(taken, attempt)
                elif not is_plain:
                    bodies.begin_plainly(taken, attempt)
                make_current_in_task(taken)
                self._async_entries.add(frame, taken, current_task())
                return taken
        except BaseException as error:
            if taken:
                await agive_back(taken, body_failed=True)
            attempt.tell('failed', error=error)
            raise
        attempt.tell(refusal_kind(taken))
        raise refusal_error(self._key, self._max_size, taken, wait)

    def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> Coroutine[Any, Any, None]:
        claimed: list[Slot] = []
        self._async_entries.claim(sys._getframe().f_back, claimed)  # noqa: SLF001
        slot = claimed[0]
        if slot.spec.options is DEFAULTS:
            return agive_back(slot, body_failed=error is not None)
        return bodies.aend(slot, error)

    def _spec_for(self, settings: Settings) -> SlotSpec:
        """Return the arguments of an acquire; they change only with ``init_cachify()``."""
        # Read once, because another thread may enter with the settings of another init_cachify().
        made_for, spec = self._spec
        if made_for is not settings or spec is None:
            spec = settings.slot_spec(self._key, self._max_size, self._slot_exp, self._options)
            self._spec = settings, spec
            if self._waiting is None:
                # A slot of a pool that waits is known by its token, and many wait at the same time.
                _entered.add(self)
        return spec

    # --- slots without a body

    def acquire(self, *, wait: Wait | UnsetType = UNSET) -> Slot:
        """Take a slot and return it, where a ``with`` does not fit; give it back by ``release()``.

        Keep what this returns: a slot that nobody refers to any more is not renewed.

        Args:
            wait: how long to wait for a slot, instead of what the pool says.

        Raises:
            CachifyPoolFullError, CachifyPoolTimeoutError, CachifyInitError: as on entry.
            TypeError: the pool has ``on_lost='cancel'``, and there is no body to cancel.  With
                ``'raise'`` there is no exit that could raise, and a loss is logged.

        Example::

            slot = pool('reports', max_size=3).acquire(wait=5)
            try:
                make_report()
            finally:
                slot.release()
        """
        waiting = self._waiting_for(wait)
        settings = self._settings()
        backend, spec = settings.sync_backend(), self._spec_for(settings)
        attempt = UNHEARD if spec.is_plain else bodies.check(backend, spec, has_body=False)
        taken: Slot | NoLease = None
        waited = None
        try:
            if waiting is None:
                taken = take(backend, spec, self)
            else:
                waited = SlotWait(backend, spec, waiting, self, attempt, has_body=False)
                taken = waited.take()
            if taken:
                if not spec.is_plain:
                    bodies.begin(taken, attempt, has_body=False)
                return taken
        except BaseException as interrupt:
            if taken:
                give_back_despite(interrupt, taken)
            attempt.tell('failed', error=interrupt)
            raise
        attempt.tell(refusal_kind(taken))
        raise refusal_error(self._key, self._max_size, taken, waited)

    async def aacquire(self, *, wait: Wait | UnsetType = UNSET) -> Slot:
        """Take a slot and return it as :meth:`acquire` does, from asyncio."""
        waiting = self._waiting_for(wait)
        settings = self._settings()
        backend, spec = settings.async_backend(), self._spec_for(settings)
        attempt = UNHEARD if spec.is_plain else bodies.check(backend, spec, is_async=True, has_body=False)
        taken: Slot | NoLease = None
        waited = None
        try:
            if waiting is not None:
                waited = PendingWait(backend, spec, waiting, self, attempt, has_body=False)
                taken = await waited.take()
            elif isinstance(backend, MemoryBackend):
                taken = take(backend, spec, self)
            else:
                taken = await atake(backend, spec, self)
            if taken:
                if not spec.is_plain:
                    await bodies.abegin(taken, attempt, has_body=False)
                return taken
        except BaseException as error:
            if taken:
                await agive_back(taken, body_failed=True)
            attempt.tell('failed', error=error)
            raise
        attempt.tell(refusal_kind(taken))
        raise refusal_error(self._key, self._max_size, taken, waited)

    def _waiting_for(self, wait: Wait | UnsetType) -> Waiting | None:
        if isinstance(wait, UnsetType):
            return self._waiting
        return make_waiting(wait, self._max_waiting)

    def slot(self, token: str) -> DistantSlot:
        """Return the slot with this token, whoever took it, to release it or to renew it.

        It asks nothing, so it also returns a slot that is gone: ``release()`` says whether it was
        there.  Its ``remaining``, ``lost`` and ``fence`` are ``None``, and ``raise_if_lost()``
        raises ``TypeError``.  ``renew()`` gives it the life with which it was taken.

        A token of another pool cannot be recognised: ``release()`` returns false, and the slot
        stays taken.

        Args:
            token: the ``token`` of a slot of this pool, or of what ``holders()`` lists.

        Raises:
            TypeError, ValueError: it is no text, or empty; under the plain contract, malformed.

        Example::

            queue.put(pool('reports', max_size=3).acquire().token)
            ...
            pool('reports', max_size=3).slot(token).release()       # in another process
        """
        settings = self._settings()
        backends = settings.backends
        backend = backends.sync or settings.async_backend()
        return distant_slot(token, self._spec_for(settings), backend, self)

    def _known_slots(self) -> Iterable[KnownSlot]:
        """Return who has entered this object and has not exited it yet."""
        # Each waiter asks all pools of the program, and most of them are not held.
        if not (self._entries or self._async_entries):
            return ()
        return [
            KnownSlot(held.lease.token, held.backend.store, held.spec.key, owner, frame)
            for entries in (self._entries, self._async_entries)
            for frame, owner, held in entries.items()
            if held.is_renewable()
        ]

    # --- occupancy

    def size(self) -> int:
        """Return how many slots are taken and have not expired, in all processes together."""
        settings = self._settings()
        return looking.size(settings.sync_backend(), settings.prefix + self._key, self._max_size)

    async def asize(self) -> int:
        """Return the same as ``size()``, for asyncio."""
        settings = self._settings()
        return await looking.asize(settings.async_backend(), settings.prefix + self._key, self._max_size)

    def queue_size(self) -> int:
        """Return how many wait for a slot, in all processes together.

        Raises:
            NotImplementedError: the client is one of the plain contract, which cannot tell.
        """
        settings = self._settings()
        return looking.queue_size(settings.sync_backend(), settings.prefix + self._key)

    async def aqueue_size(self) -> int:
        """Return the same as ``queue_size()``, for asyncio."""
        settings = self._settings()
        return await looking.aqueue_size(settings.async_backend(), settings.prefix + self._key)

    def holders(self) -> list[Holder]:
        """Return who holds the slots, in all processes together; the longest-lived slots last.

        What is known of a holder, and what may be missing, is in :class:`py_cachify.Holder`.  A
        waiter that may have a slot and has not confirmed it yet is here, and not in ``queue()``.
        With a client of the plain contract this takes a request for each slot.
        """
        settings = self._settings()
        return looking.holders(settings.sync_backend(), settings.prefix + self._key, self._max_size)

    async def aholders(self) -> list[Holder]:
        """Return the same as ``holders()``, for asyncio."""
        settings = self._settings()
        return await looking.aholders(settings.async_backend(), settings.prefix + self._key, self._max_size)

    def queue(self) -> list[Waiter]:
        """Return who waits for a slot, in all processes together; the next one is the first.

        Raises:
            NotImplementedError: the client is one of the plain contract, which cannot tell.
        """
        settings = self._settings()
        return looking.queue(settings.sync_backend(), settings.prefix + self._key)

    async def aqueue(self) -> list[Waiter]:
        """Return the same as ``queue()``, for asyncio."""
        settings = self._settings()
        return await looking.aqueue(settings.async_backend(), settings.prefix + self._key)

    # --- the decorator

    @overload
    def pooled(
        self,
        on_full: Callable[..., Any] | None = ...,
        *,
        raise_on_full: Literal[True],
        renew_for: RenewFor | UnsetType = ...,
        on_lost: OnLost | UnsetType = ...,
        fence: bool | UnsetType = ...,
        label: str | UnsetType = ...,
    ) -> Decorator[Never, AnyFunction]: ...
    @overload
    def pooled(
        self,
        on_full: Callable[..., Any] | None,
        raise_on_full: Literal[True],
        *,
        renew_for: RenewFor | UnsetType = ...,
        on_lost: OnLost | UnsetType = ...,
        fence: bool | UnsetType = ...,
        label: str | UnsetType = ...,
    ) -> Decorator[Never, AnyFunction]: ...
    @overload
    def pooled(
        self,
        on_full: None = ...,
        raise_on_full: bool = ...,
        *,
        renew_for: RenewFor | UnsetType = ...,
        on_lost: OnLost | UnsetType = ...,
        fence: bool | UnsetType = ...,
        label: str | UnsetType = ...,
    ) -> Decorator[None, AnyFunction]: ...
    @overload
    def pooled(
        self,
        on_full: Callable[..., NeverReturned],
        raise_on_full: bool = ...,
        *,
        renew_for: RenewFor | UnsetType = ...,
        on_lost: OnLost | UnsetType = ...,
        fence: bool | UnsetType = ...,
        label: str | UnsetType = ...,
    ) -> Decorator[Any, AnyFunction]: ...
    @overload
    def pooled(  # type: ignore[overload-overlap]  # the first match counts
        self,
        on_full: Callable[..., A],
        raise_on_full: bool = ...,
        *,
        renew_for: RenewFor | UnsetType = ...,
        on_lost: OnLost | UnsetType = ...,
        fence: bool | UnsetType = ...,
        label: str | UnsetType = ...,
    ) -> Decorator[A, AsyncFunction]: ...
    @overload
    def pooled(
        self,
        on_full: Callable[..., F],
        raise_on_full: bool = ...,
        *,
        renew_for: RenewFor | UnsetType = ...,
        on_lost: OnLost | UnsetType = ...,
        fence: bool | UnsetType = ...,
        label: str | UnsetType = ...,
    ) -> Decorator[F, AnyFunction]: ...
    def pooled(
        self,
        on_full: Callable[..., Any] | None = None,
        raise_on_full: bool = False,
        *,
        renew_for: RenewFor | UnsetType = UNSET,
        on_lost: OnLost | UnsetType = UNSET,
        fence: bool | UnsetType = UNSET,
        label: str | UnsetType = UNSET,
    ) -> Any:
        """Return a decorator that uses this pool for every call, whatever its arguments.

        ``on_full`` and ``raise_on_full`` mean the same as in :func:`py_cachify.pooled`, and so do
        the others, which replace those of the pool.  The pool's own ``label`` has no fields.
        """
        options = changed_options(self._options, renew_for, on_lost, fence, label)
        check_renewable(options.renew_for, self._slot_exp)
        return make_decorator(
            lambda _function, _skipped: lambda _args, _kwargs: self._key,
            lambda: self._settings(),
            self._max_size,
            self._slot_exp,
            on_full,
            raise_on_full,
            self._waiting,
            options,
            None if isinstance(label, UnsetType) else label_maker(options.label),
            lambda _spec: self,
        )


_entered: 'WeakSet[pool]' = WeakSet()
"""The pools that were entered and do not wait, to recognise somebody who waits for itself."""

also_in(lambda: (known for entered in list(_entered) for known in entered._known_slots()))  # noqa: SLF001
