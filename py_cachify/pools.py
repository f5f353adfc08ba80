"""``pool``: at most ``max_size`` holders at a time, across all processes that share the store."""

import functools
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from types import FrameType, TracebackType
from typing import Any, Literal, Never, TypeVar, overload
from weakref import WeakSet

from py_cachify import _slots as slots
from py_cachify._decorator_types import AnyFunction, AsyncFunction, Decorator, NeverReturned
from py_cachify._entries import Entries, make_entries
from py_cachify._holders import Holder, also_in
from py_cachify._settings import Settings, global_settings
from py_cachify._signals import is_interrupt
from py_cachify._slots import AsyncHeld, SlotSpec, SyncHeld
from py_cachify._waiting import PendingWait, make_waiting, refusal_error
from py_cachify._waiting import Wait as SlotWait
from py_cachify.arguments import UNSET, SlotExp, Wait, check_key, check_max_size, check_slot_exp
from py_cachify.backends.memory import MemoryBackend
from py_cachify.decorators import make_decorator
from py_cachify.protocols import NoLease


A = TypeVar('A', bound=Awaitable[Any])
F = TypeVar('F')


class pool:  # noqa: N801 - the name in the API reference
    """A pool of execution slots, for ``with`` and ``async with``.

    Entering takes one of ``max_size`` slots.  If all are taken, it raises ``CachifyPoolFullError``
    immediately, or waits for up to ``wait`` seconds.  Exiting gives the slot back.  If a holder
    crashes, its slot is freed ``slot_exp`` seconds after it was taken.

    Expiry does not stop the body that holds the slot.  The slot becomes free for others while the
    body continues, so more than ``max_size`` bodies can run at once.  Such an overrun is logged as
    a warning when the body ends.  Choose ``slot_exp`` longer than the longest body takes.

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

    Raises:
        TypeError, ValueError: an argument is wrong; raised here, not on entry.
        CachifyPoolFullError: on entry, if every slot is taken or promised to those who wait, or if
            ``max_waiting`` wait already.
        CachifyPoolTimeoutError: on entry, if there was no slot within ``wait`` seconds; a subclass
            of ``CachifyPoolFullError``.
        CachifyDeadlockError: on entry, if it would wait for a slot that only itself can give back.
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
    ) -> None:
        self._key = check_key(key)
        self._max_size = check_max_size(max_size)
        self._slot_exp = check_slot_exp(slot_exp)
        self._waiting = make_waiting(wait, max_waiting)
        self._settings: Callable[[], Settings] = global_settings
        self._spec: tuple[Settings | None, SlotSpec] = (None, SlotSpec(key, max_size, None))
        self._entries: Entries[SyncHeld] = make_entries()
        self._async_entries: Entries[AsyncHeld] = make_entries()

    def __repr__(self) -> str:
        waits = '' if self._waiting is None else f', {self._waiting.shown()}'
        return f'pool(key={self._key!r}, max_size={self._max_size}, slot_exp={self._slot_exp!r}{waits})'

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
        if self._waiting is None:
            return type(self), arguments
        return functools.partial(type(self), **self._waiting._asdict()), arguments

    # --- the context managers

    def __enter__(self) -> 'pool':
        frame = sys._getframe().f_back  # noqa: SLF001 - see _entries.py
        settings = self._settings()
        spec = self._spec_for(settings)
        taken: SyncHeld | NoLease = None
        wait = None
        try:
            if self._waiting is None:
                taken = slots.take(settings.sync_backend(), spec)
            else:
                wait = SlotWait(settings.sync_backend(), spec, self._waiting, frame)
                taken = wait.take()
            if taken:
                self._entries.add(frame, taken)
                return self
        except BaseException as interrupt:
            # An interrupt that arrived after the slot was taken and before the body began.
            if taken:
                self._entries.discard(taken)
                slots.give_back_despite(interrupt, taken)
            raise
        raise refusal_error(self._key, self._max_size, taken, wait)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        frame = sys._getframe().f_back  # noqa: SLF001
        claimed: list[SyncHeld] = []
        try:
            self._entries.claim(frame, claimed)
            slots.give_back(claimed[0], body_failed=error is not None)
        except BaseException as raised:
            # An interrupt may arrive anywhere; requesting a release twice does no harm.
            if is_interrupt(raised):
                if not claimed:
                    self._entries.claim(frame, claimed)
                self._entries.discard(claimed[0])
                slots.give_back_despite(raised, claimed[0])
            raise

    def __aenter__(self) -> 'Coroutine[Any, Any, pool]':
        # Not a coroutine function: only here is the caller the frame that runs the `async with`.
        return self._enter(sys._getframe().f_back)  # noqa: SLF001

    async def _enter(self, frame: FrameType | None) -> 'pool':
        settings = self._settings()
        backend, spec = settings.async_backend(), self._spec_for(settings)
        taken: AsyncHeld | NoLease
        pending_wait = None
        if self._waiting is not None:
            pending_wait = PendingWait(backend, spec, self._waiting)
            taken = await pending_wait.take()
        # Memory answers at once, and a separate coroutine would take longer than the acquire.
        elif isinstance(backend, MemoryBackend):
            taken = slots.take(backend, spec)
        else:
            pending = slots.PendingSlot(backend, spec)
            await pending
            taken = pending.held() if pending.interruption is None else await pending.undo()
        if not taken:
            raise refusal_error(self._key, self._max_size, taken, pending_wait)
        self._async_entries.add(frame, taken)
        return self

    def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> Coroutine[Any, Any, None]:
        claimed: list[AsyncHeld] = []
        self._async_entries.claim(sys._getframe().f_back, claimed)  # noqa: SLF001
        return slots.agive_back(claimed[0], body_failed=error is not None)

    def _spec_for(self, settings: Settings) -> SlotSpec:
        """Return the arguments of an acquire; they change only with ``init_cachify()``."""
        # Read once, because another thread may enter with the settings of another init_cachify().
        made_for, spec = self._spec
        if made_for is not settings:
            spec = settings.slot_spec(self._key, self._max_size, self._slot_exp)
            self._spec = settings, spec
            if self._waiting is None:
                # A slot of a pool that waits is known by its token, and many wait at the same time.
                _entered.add(self)
        return spec

    def _holders(self) -> Iterable[Holder]:
        """Return who has entered this object and has not exited it yet."""
        # Each waiter asks all pools of the program, and most of them are not held.
        if not (self._entries or self._async_entries):
            return ()
        return [
            Holder(held.lease.token, held.backend.store, held.spec.key, owner, frame)
            for entries in (self._entries, self._async_entries)
            for frame, owner, held in entries.items()
        ]

    # --- occupancy

    def size(self) -> int:
        """Return how many slots are taken and have not expired, in all processes together."""
        settings = self._settings()
        return slots.size(settings.sync_backend(), settings.prefix + self._key, self._max_size)

    async def asize(self) -> int:
        """Return the same as ``size()``, for asyncio."""
        settings = self._settings()
        return await slots.asize(settings.async_backend(), settings.prefix + self._key, self._max_size)

    def queue_size(self) -> int:
        """Return how many wait for a slot, in all processes together.

        Raises:
            NotImplementedError: the client is one of the plain contract, which cannot tell.
        """
        settings = self._settings()
        return slots.queue_size(settings.sync_backend(), settings.prefix + self._key)

    async def aqueue_size(self) -> int:
        """Return the same as ``queue_size()``, for asyncio."""
        settings = self._settings()
        return await slots.aqueue_size(settings.async_backend(), settings.prefix + self._key)

    # --- the decorator

    @overload
    def pooled(
        self, on_full: Callable[..., Any] | None = ..., *, raise_on_full: Literal[True]
    ) -> Decorator[Never, AnyFunction]: ...
    @overload
    def pooled(
        self, on_full: Callable[..., Any] | None, raise_on_full: Literal[True]
    ) -> Decorator[Never, AnyFunction]: ...
    @overload
    def pooled(self, on_full: None = ..., raise_on_full: bool = ...) -> Decorator[None, AnyFunction]: ...
    @overload
    def pooled(
        self, on_full: Callable[..., NeverReturned], raise_on_full: bool = ...
    ) -> Decorator[Any, AnyFunction]: ...
    @overload
    def pooled(  # type: ignore[overload-overlap]  # the first match counts
        self, on_full: Callable[..., A], raise_on_full: bool = ...
    ) -> Decorator[A, AsyncFunction]: ...
    @overload
    def pooled(self, on_full: Callable[..., F], raise_on_full: bool = ...) -> Decorator[F, AnyFunction]: ...
    def pooled(self, on_full: Callable[..., Any] | None = None, raise_on_full: bool = False) -> Any:
        """Return a decorator that uses this pool for every call, whatever its arguments.

        ``on_full`` and ``raise_on_full`` mean the same as in :func:`py_cachify.pooled`.
        """
        return make_decorator(
            lambda _function, _skipped: lambda _args, _kwargs: self._key,
            lambda: self._settings(),
            self._max_size,
            self._slot_exp,
            on_full,
            raise_on_full,
            self._waiting,
        )


_entered: 'WeakSet[pool]' = WeakSet()
"""The pools that were entered and do not wait, to recognise somebody who waits for itself."""

also_in(lambda: (holder for entered in list(_entered) for holder in entered._holders()))  # noqa: SLF001
