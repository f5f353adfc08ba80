"""``pool``: at most so many holders at a time, across all processes that share the store."""

import sys
from collections.abc import Awaitable, Callable, Coroutine
from types import FrameType, TracebackType
from typing import Any, Literal, Never, TypeVar, overload

from py_cachify import _slots as slots
from py_cachify._decorator_types import AnyFunction, AsyncFunction, Decorator, NeverReturned
from py_cachify._entries import Entries, make_entries
from py_cachify._settings import Settings, global_settings
from py_cachify._slots import AsyncHeld, SyncHeld, Wanted
from py_cachify.arguments import UNSET, UnsetType, check_key, check_max_size, check_slot_exp
from py_cachify.backends.memory import MemoryBackend
from py_cachify.decorators import make_decorator
from py_cachify.errors import CachifyPoolFullError


A = TypeVar('A', bound=Awaitable[Any])
F = TypeVar('F')


class pool:  # noqa: N801 - the reference names the class so
    """A pool of execution slots, for ``with`` and ``async with``.

    On entry it takes one of ``max_size`` slots, or raises ``CachifyPoolFullError`` at once where all are
    taken: it never waits.  On exit it gives the slot back.  A slot whose holder crashed comes back by itself
    ``slot_exp`` seconds after it was taken.

    An expiry does not stop the body that runs under it: the slot becomes free for others while the body
    goes on, so more than ``max_size`` bodies can run at once.  Such an overrun is logged as a warning when
    the body ends; choose ``slot_exp`` longer than any body takes.

    The object holds no connection and looks nothing up until it is entered, so it can be made at module
    level, before ``init_cachify()``.  It may be entered many times at once, by any threads and tasks; each
    entry has a slot of its own.

    Args:
        key: names the pool in the store.  Everyone who uses the same key (and prefix) shares its slots.
        max_size: how many slots there are, at least 1.  Each acquire judges by its own ``max_size``, so
            use one number for one key.
        slot_exp: the life of a slot in seconds, more than 0; ``None`` for ever (then a crashed holder's slot
            never comes back); by default what ``init_cachify(default_pool_slot_expiration=...)`` says,
            600 seconds if that says nothing.

    Raises:
        TypeError, ValueError: an argument is wrong; here, not at entry.
        CachifyPoolFullError: at entry, every slot was taken.
        CachifyInitError: at entry or ``size()``, ``init_cachify()`` was not called.

    Example::

        with pool('reports', max_size=3, slot_exp=120):
            make_report()
    """

    def __init__(self, key: str, max_size: int, slot_exp: float | UnsetType | None = UNSET) -> None:
        self._key = check_key(key)
        self._max_size = check_max_size(max_size)
        self._slot_exp = check_slot_exp(slot_exp)
        self._settings: Callable[[], Settings] = global_settings
        self._wanted: tuple[Settings | None, Wanted] = (None, Wanted(key, max_size, None))
        self._entries: Entries[SyncHeld] = make_entries()
        self._async_entries: Entries[AsyncHeld] = make_entries()

    def __repr__(self) -> str:
        return f'pool(key={self._key!r}, max_size={self._max_size}, slot_exp={self._slot_exp!r})'

    def _repr_html_(self) -> str:
        # Only here: nobody but a notebook asks.
        from py_cachify._display import as_html

        return as_html(self._key, self._max_size, self._slot_exp, self._settings)

    def __reduce__(self) -> tuple[Any, ...]:
        # A copy, also in another process, is the same pool of slots, and no entry of this object is its own.
        if self._settings is not global_settings:
            raise TypeError(f'{self!r} belongs to a Cachify object, which cannot be copied: make the pool there')
        return type(self), (self._key, self._max_size, self._slot_exp)

    # --- the context managers

    def __enter__(self) -> 'pool':
        frame = sys._getframe().f_back  # noqa: SLF001 - see _entries.py
        settings = self._settings()
        wanted = self._wanted_of(settings)
        taken = None
        try:
            taken = slots.take(settings.sync_backend(), wanted)
            if taken is not None:
                self._entries.add(frame, taken)
                return self
        except BaseException:
            # An interrupt that fell between the slot and the body.
            if taken is not None:
                self._entries.discard(taken)
                slots.give_back_quietly(taken)
            raise
        raise CachifyPoolFullError(self._key, self._max_size)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        frame = sys._getframe().f_back  # noqa: SLF001
        claimed: list[SyncHeld] = []
        try:
            self._entries.claim(frame, claimed)
            slots.give_back(claimed[0], body_failed=error is not None)
        except Exception:
            raise
        except BaseException:
            # An interrupt, wherever it fell: a release may be asked twice.
            if not claimed:
                self._entries.claim(frame, claimed)
            self._entries.discard(claimed[0])
            slots.give_back_quietly(claimed[0])
            raise

    def __aenter__(self) -> 'Coroutine[Any, Any, pool]':
        # Not a coroutine function: the frame that executes the `async with` is the caller only here.
        return self._enter(sys._getframe().f_back)  # noqa: SLF001

    async def _enter(self, frame: FrameType | None) -> 'pool':
        settings = self._settings()
        backend, wanted = settings.async_backend(), self._wanted_of(settings)
        taken: AsyncHeld | None
        # Memory never waits, and a coroutine of its own would take longer than all that it does.
        if isinstance(backend, MemoryBackend):
            taken = slots.take(backend, wanted)
        else:
            taking = slots.Taking(backend, wanted)
            await taking
            taken = taking.held() if taking.interruption is None else await taking.undo()
        if taken is None:
            raise CachifyPoolFullError(self._key, self._max_size)
        self._async_entries.add(frame, taken)
        return self

    def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> Coroutine[Any, Any, None]:
        claimed: list[AsyncHeld] = []
        self._async_entries.claim(sys._getframe().f_back, claimed)  # noqa: SLF001
        return slots.agive_back(claimed[0], body_failed=error is not None)

    def _wanted_of(self, settings: Settings) -> Wanted:
        """A slot as that store is asked for it: the same for every entry until ``init_cachify()`` changes it."""
        # Read once: another thread may meanwhile enter with the settings of another init_cachify().
        made_for, wanted = self._wanted
        if made_for is not settings:
            wanted = settings.wanted(self._key, self._max_size, self._slot_exp)
            self._wanted = settings, wanted
        return wanted

    # --- occupancy

    def size(self) -> int:
        """How many slots are taken and have not expired, in all processes together."""
        settings = self._settings()
        return slots.size(settings.sync_backend(), settings.prefix + self._key, self._max_size)

    async def asize(self) -> int:
        """``size()`` for asyncio."""
        settings = self._settings()
        return await slots.asize(settings.async_backend(), settings.prefix + self._key, self._max_size)

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
    def pooled(  # type: ignore[overload-overlap]  # the first that fits is meant
        self, on_full: Callable[..., A], raise_on_full: bool = ...
    ) -> Decorator[A, AsyncFunction]: ...
    @overload
    def pooled(self, on_full: Callable[..., F], raise_on_full: bool = ...) -> Decorator[F, AnyFunction]: ...
    def pooled(self, on_full: Callable[..., Any] | None = None, raise_on_full: bool = False) -> Any:
        """Make a decorator whose functions each run in a slot of this very pool, whatever their arguments.

        ``on_full`` and ``raise_on_full`` are those of :func:`py_cachify.pooled`.
        """
        return make_decorator(
            lambda _function: lambda _args, _kwargs: self._key,
            lambda: self._settings(),
            self._max_size,
            self._slot_exp,
            on_full,
            raise_on_full,
        )
