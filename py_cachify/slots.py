"""``Slot``: what a ``with pool(...)`` gives, and what ``acquire()`` returns."""

import math
from asyncio import _get_running_loop
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from threading import get_ident, local
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Never, Protocol
from weakref import ref

from py_cachify._giving_back import arelease, leave, release
from py_cachify._held import HELD, LOST, RELEASED, Held
from py_cachify._process import after_fork, read_pid
from py_cachify._spec import SlotSpec
from py_cachify._watching import STORES_THAT_HOLD
from py_cachify.arguments import UnsetType, Wait, shown
from py_cachify.backends.base import AsyncBackend, Backend
from py_cachify.commands import Steps
from py_cachify.drivers import arun, run
from py_cachify.errors import CachifySlotLostError
from py_cachify.occupants import Holder, Waiter
from py_cachify.protocols import Lease, SlotProtocol, slot_lease, slot_text
from py_cachify.tokens import read_token


class SlotPool(Protocol):
    """A pool, as its slots know it: see :class:`py_cachify.pool`."""

    def __enter__(self) -> 'Slot':
        """Take a slot."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Give it back."""
        ...

    def __aenter__(self) -> 'Coroutine[Any, Any, Slot]':
        """Take a slot, for asyncio."""
        ...

    def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> Coroutine[Any, Any, None]:
        """Give it back, for asyncio."""
        ...

    def acquire(self, *, wait: Wait | UnsetType = ...) -> 'Slot':
        """Take a slot and return it."""
        ...

    async def aacquire(self, *, wait: Wait | UnsetType = ...) -> 'Slot':
        """Take a slot and return it, from asyncio."""
        ...

    def slot(self, token: str) -> 'Slot':
        """Return the slot with this token."""
        ...

    def size(self) -> int:
        """Return how many slots are taken."""
        ...

    async def asize(self) -> int:
        """Return how many slots are taken, from asyncio."""
        ...

    def queue_size(self) -> int:
        """Return how many wait."""
        ...

    async def aqueue_size(self) -> int:
        """Return how many wait, from asyncio."""
        ...

    def holders(self) -> list[Holder]:
        """Return who holds the slots."""
        ...

    async def aholders(self) -> list[Holder]:
        """Return who holds the slots, from asyncio."""
        ...

    def queue(self) -> list[Waiter]:
        """Return who waits."""
        ...

    async def aqueue(self) -> list[Waiter]:
        """Return who waits, from asyncio."""
        ...

    @property
    def pooled(self) -> Any:
        """A decorator factory."""
        ...


class PoolSource:
    """What a slot has instead of its pool, where no pool was made yet: for a decorated function.

    Attributes:
        pool_of: returns the pool of a slot from the arguments of its acquire.
    """

    def __init__(self, pool_of: Callable[[SlotSpec], SlotPool]) -> None:
        self.pool_of = pool_of


class Slot(Held[Any]):
    """A slot of a pool: one of at most ``max_size`` at a time.

    ``with pool(...) as slot`` gives it, ``pool(...).acquire()`` returns it, :func:`current_slot`
    finds it, and ``pool(...).slot(token)`` stands for one that was taken elsewhere.  What asks the
    store is a method, with a twin for asyncio; what this process knows is a property.

    It has ``size()``, ``asize()`` and ``pooled()`` of its pool too.

    A forked process does not hold the slots of its parent.  What it may do is look at them; nothing
    renews them there, and :meth:`release` and :meth:`renew` raise ``RuntimeError``.

    Example::

        with pool('reports', max_size=3, slot_exp=30, renew_for=None) as slot:
            for report in reports:
                slot.raise_if_lost()
                make(report)
    """

    __slots__ = ('_pool',)

    def __init__(
        self,
        lease: Lease,
        spec: SlotSpec,
        backend: Backend | AsyncBackend,
        since: float,
        pid: int,
        pool: SlotPool | PoolSource,
    ) -> None:
        # One by one, because a pool in memory notices the time of a tuple.
        self.lease = lease
        self.spec = spec
        self.backend = backend
        self.since = since
        self.pid = pid
        self._pool = pool
        self.state = HELD
        self.releases = 0

    def __repr__(self) -> str:
        state = 'lost' if self.is_lost() else self.state.value
        return f'<Slot of the pool {self.spec.name!r}, {state}, token {self.token}>'

    if TYPE_CHECKING:

        def __bool__(self) -> Literal[True]: ...

    # --- what this process knows

    @property
    def key(self) -> str:
        """The key of its pool, without the prefix."""
        return self.spec.name

    @property
    def max_size(self) -> int:
        """How many slots of the pool its acquire allowed."""
        return self.spec.max_size

    @property
    def token(self) -> str:
        """The text by which any process finds it: see ``pool.slot()``.  Do not read it yourself."""
        return slot_text(self.backend.protocol, self.lease)

    @property
    def pool(self) -> SlotPool:
        """The pool that it is a slot of."""
        if isinstance(self._pool, PoolSource):
            self._pool = self._pool.pool_of(self.spec)
        return self._pool

    @property
    def remaining(self) -> float:
        """How long it still lives by the clock of this process, in seconds.

        Infinite if it never expires, 0.0 once this process knows that it is gone, ``None`` if it
        was taken elsewhere.  The store may keep it a little longer.
        """
        if self.is_lost() or self.state is RELEASED:
            return 0.0
        now: float = self.backend.now()
        return max(0.0, self.expires() - now)

    @property
    def lost(self) -> bool:
        """Whether it was lost while it was held: it expired, or the store no longer has it.

        It is false after a release in time, and ``None`` if the slot was taken elsewhere.  Without
        renewal, only this process's clock is asked.
        """
        return self.is_lost()

    @property
    def fence(self) -> int | None:
        """Its fencing token, greater than those of earlier grants; ``None`` without ``fence``."""
        return self.fence_drawn

    def raise_if_lost(self) -> None:
        """Raise ``CachifySlotLostError`` if it is lost."""
        if self.is_lost():
            raise self.lost_error()

    # --- what asks the store

    def release(self) -> bool:
        """Give it back, wherever it was taken; return whether it was still there.

        The second call returns false, and so does the first if the slot had expired.  At the exit
        of the ``with`` nothing more happens, except what ``on_lost`` says if the slot was lost.

        Raises:
            RuntimeError: it is a slot of the process that this one was forked from.
            Exception: what the client raises if it cannot reach the store; call it again.
        """
        self._check_process()
        if self.has_left():
            return False
        if not isinstance(self.backend, Backend):
            found = self.spec.backends.sync
            if found is None:
                raise TypeError('release() needs a client for threads, and this slot has none: await arelease()')
            leave(self)
            self.backend = found
        return release(self)

    async def arelease(self) -> bool:
        """Give it back as :meth:`release` does, from asyncio."""
        self._check_process()
        if self.has_left():
            return False
        found = self.spec.backends.asynchronous
        if isinstance(self.backend, Backend) and found is not None:
            leave(self)
            self.backend = found
        return await arelease(self)

    def renew(self) -> None:
        """Give it its full life again, the one with which it was taken.

        Raises:
            CachifySlotLostError: it was lost, or given back.
            TypeError: the store cannot extend a life: a client of the plain contract.
            RuntimeError: it is a slot of the process that this one was forked from.
            Exception: what the client raises if it cannot reach the store; the slot is not lost.
        """
        backend = self.spec.backends.sync if not isinstance(self.backend, Backend) else self.backend
        if backend is None:
            raise TypeError('renew() needs a client for threads, and this slot has none: await arenew()')
        steps = self._renewal(backend.protocol)
        asked = backend.now()
        self._note(asked, run(steps, backend.perform))

    async def arenew(self) -> None:
        """Give it its full life again as :meth:`renew` does, from asyncio."""
        backend = self.spec.backends.asynchronous
        if backend is None or isinstance(backend, Backend):
            self.renew()
            return
        steps = self._renewal(backend.protocol)
        asked = backend.now()
        self._note(asked, await arun(steps, backend.aperform))

    def _renewal(self, protocol: SlotProtocol) -> Steps[tuple[bool, ...]]:
        self._check_process()
        if protocol.renew is None:
            raise TypeError(f'renew() needs {STORES_THAT_HOLD}')
        if self.is_lost():
            raise self.lost_error()
        if self.state is not HELD:
            raise CachifySlotLostError(self.key, self.token, 'it was given back')
        return protocol.renew(self.spec.key, ((self.lease.token, self.spec.slot_exp),))

    def _note(self, asked: float, there: tuple[bool, ...]) -> None:
        if self.note_renewal(asked, there[0]):
            self.attempt.tell('renewed')
        else:
            if self.watch is not None:
                self.watch.notice_loss()
            if self.lost:
                self.attempt.tell('lost')
            raise self.lost_error()

    def _check_process(self) -> None:
        if not self.is_of_this_process():
            raise RuntimeError(
                f'the slot {self.token} is held by the process that this one was forked from: use'
                f' pool.slot(token) if you mean to free it or to renew it'
            )

    # --- what its pool has

    def size(self) -> int:
        """Return how many slots of the pool are taken; see ``pool.size()``."""
        return self.pool.size()

    async def asize(self) -> int:
        """Return the same as ``size()``, for asyncio."""
        return await self.pool.asize()

    @property
    def pooled(self) -> Any:
        """``pool.pooled()`` of its pool."""
        return self.pool.pooled

    def __enter__(self) -> Never:
        raise self._not_a_pool()

    def __exit__(self, *_: object) -> None: ...

    def __aenter__(self) -> Never:
        raise self._not_a_pool()

    async def __aexit__(self, *_: object) -> None: ...

    def _not_a_pool(self) -> TypeError:
        return TypeError(f'a slot cannot be entered, because it is held already: enter slot.pool, {self.pool!r}')

    def __reduce__(self) -> Any:
        raise TypeError(
            f'{self!r} cannot be copied or pickled, because it is held by this process: pass its token, and use'
            ' pool.slot(token)'
        )


class DistantSlot(Slot):
    """A slot that was taken elsewhere, and is known by its token alone."""

    def is_lost(self) -> bool:
        return self.state is LOST

    # A type checker should not let every holder of a slot ask whether its remaining time is known.
    @property
    def remaining(self) -> None:  # type: ignore[override]
        return None

    @property
    def lost(self) -> None:  # type: ignore[override]
        return None

    def note_renewal(self, asked: float, there: bool) -> bool:  # noqa: ARG002
        return there

    def raise_if_lost(self) -> None:
        raise TypeError(
            'this process does not know whether a slot that was taken elsewhere is lost: ask the store by renew(),'
            ' or look for it in holders()'
        )

    def __repr__(self) -> str:
        return f'<Slot of the pool {self.spec.name!r}, token {self.token}>'


def distant_slot(token: Any, spec: SlotSpec, backend: Backend | AsyncBackend, pool: SlotPool) -> DistantSlot:
    """Return the slot with this token.

    Raises:
        TypeError, ValueError: the token is no text, or none of this store.
    """
    if not isinstance(token, str):
        raise TypeError(f'token must be a string, the token of a slot, not {shown(token)}')
    lease = slot_lease(backend.protocol, spec.key, token)
    if lease is None or not lease.token:
        raise ValueError(f'token must be the token of a slot of this store, got {shown(token)}: see Slot.token')
    known = read_token(lease.token)
    if known is not None and known.max_size is not None:
        # Its life is the one that it was taken with, whatever this pool would take.
        spec = spec._replace(max_size=known.max_size, slot_exp=known.slot_exp)
    return DistantSlot(lease, spec, backend, math.inf, read_pid(), pool)


# --- the slot of the running body

_Link = tuple['ref[Slot]', Any]
"""A slot, and the link of the body around its own; weak, so that it keeps no client alive."""

_in_threads: dict[int, _Link] = {}
"""By the number of the thread; a ``threading.local`` would take three times as long."""
_in_task: ContextVar[_Link | None] = ContextVar('py_cachify_slot', default=None)


class _ThreadEnd:
    """Forgets what a thread held when it ends, because a later one may have its number."""

    def __init__(self) -> None:
        self._thread = get_ident()

    def __del__(self, forget: Callable[..., object] = _in_threads.pop) -> None:
        forget(self._thread, None)


_ends = local()


def _forget_other_threads() -> None:
    """In a forked process, which has none of them."""
    own = _in_threads.get(get_ident())
    _in_threads.clear()
    if own is not None:
        _in_threads[get_ident()] = own


after_fork(_forget_other_threads)


def make_current(slot: Slot, owner: object) -> None:
    """Note that the body of this slot begins; its end needs no note.

    ``owner`` is the task, or the number of the thread, which is cheaper to ask.
    """
    if owner.__class__ is not int:
        make_current_in_task(slot)
        return
    outer = _in_threads.get(owner)
    if outer is None:
        _ends.end = _ThreadEnd()
    # Most bodies are in no other, and a slot that was given back is gone.
    elif outer[1] is None and outer[0]() is None:
        outer = None
    else:
        outer = _around(outer)
    _in_threads[owner] = ref(slot), outer


def make_current_in_task(slot: Slot) -> None:
    """Note that the body of this slot begins, in this task."""
    outer = _in_task.get()
    if outer is not None:
        outer = None if outer[1] is None and outer[0]() is None else _around(outer)
    _in_task.set((ref(slot), outer))


def _around(link: _Link) -> _Link | None:
    """Return the link of the innermost body that has not ended, without those around it that have.

    A chain of bodies, each of which begins before the last one ends, would grow for ever otherwise.
    """
    found = _open(link)
    return None if found is None else (found[0], _open(found[1]))


def _open(link: _Link | None) -> _Link | None:
    """Return the link of the innermost body that has not ended."""
    while link is not None:
        slot = link[0]()
        if slot is not None and slot.is_open():
            return link
        link = link[1]
    return None


def current_slot() -> Slot | None:
    """Return the slot of the innermost body that runs here, or ``None``.

    A body is that of a ``with pool(...)`` or of a decorated function.  Tasks inherit it from the
    task that creates them, and ``asyncio.to_thread()`` from its caller; other threads do not.  A
    slot whose body has ended, or that was released, is not current.

    Example::

        @pooled('mail-{user_id}', max_size=1, slot_exp=30)
        def send_mail(user_id, parts):
            for part in parts:
                current_slot().renew()                  # 30 s for each part
                send(part)
    """
    around = _in_task.get(), _in_threads.get(get_ident())
    if _get_running_loop() is None:
        around = around[1], around[0]
    link = _open(around[0]) or _open(around[1])
    return None if link is None else link[0]()
