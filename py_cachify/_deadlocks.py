"""Recognise somebody who waits for a slot that only itself can give back.

Known are slots that a ``with`` or an ``async with`` took, and those of decorated functions that may
wait.  Nothing is looked up before somebody has to wait with ``wait=None``.
"""

import asyncio
import sys
import weakref
from asyncio import _get_running_loop
from collections.abc import Callable, Iterable, Iterator
from threading import get_ident
from types import FrameType
from typing import Any, NamedTuple

from py_cachify._process import after_fork
from py_cachify.errors import CachifyDeadlockError


class KnownSlot(NamedTuple):
    """A slot of this process, and who holds it.

    Attributes:
        token: the token of the slot.
        store: stands for the store; the same for both sides of one ``init_cachify()``.
        key: the key of the pool, with its prefix.
        owner: the task, or the number of the thread.
        frame: the frame that took it, if a thread did.
        keeper: what holds it, if no body does, such as ``'full() of the test'``.
    """

    token: str
    store: object
    key: str
    owner: object
    frame: FrameType | None
    keeper: str = ''


held: dict[str, tuple[object, str, object, FrameType | None]] = {}
"""The store, the key, the owner and the frame of each slot that a pool took which may wait."""

_sources: list[Callable[[], Iterable[KnownSlot]]] = []

after_fork(held.clear)


def current_owner() -> object:
    """Return the running task, or the number of the thread if no task is running."""
    # get_running_loop() raises outside a loop, which costs more than everything else here.
    return (_get_running_loop() and asyncio.current_task()) or get_ident()


def add(token: str, store: object, key: str, owner: object, frame: FrameType | None) -> None:
    """Note that ``owner`` holds a slot of this pool, which ``frame`` of a thread took."""
    # Weak, because this must not keep a task alive.
    held[token] = store, key, weakref.ref(owner) if isinstance(owner, asyncio.Future) else owner, frame


def discard(token: str) -> None:
    """Note that this slot is given back."""
    held.pop(token, None)


def also_in(source: Callable[[], Iterable[KnownSlot]]) -> None:
    """Let ``source()`` be asked for further holders."""
    _sources.append(source)


def slots_of(store: object, key: str, owner: object) -> list[KnownSlot]:
    """Return the slots of a pool that ``owner`` itself holds, which waits here."""
    # The number of a thread is not enough: a worker of a web framework may have run the first
    # half of a generator for one request, and serve another one now.
    executing = set(frames_up_from(sys._getframe()))  # noqa: SLF001 - the only way to see who is waiting
    own = {
        holder.token: holder
        for holder in holders_of(store, key)
        if (holder.owner == owner and holder.frame in executing if isinstance(owner, int) else holder.owner is owner)
    }
    return list(own.values())


def check_own(store: object, key: str, max_size: int, owner: object) -> None:
    """Raise ``CachifyDeadlockError`` if ``owner`` itself holds all slots of the pool."""
    own = slots_of(store, key, owner)
    if len(own) >= max_size:
        who = 'thread' if isinstance(owner, int) else 'task'
        keeper = next((holder.keeper for holder in own if holder.keeper), '')
        if keeper:
            raise CachifyDeadlockError(
                f'pool {key!r}: {keeper} keeps {_slots(max_size)} taken, and this {who} waits for one with wait=None,'
                ' so nothing could end its wait: give the pool a wait in seconds, or wait in another thread or task'
                ' and end full() meanwhile'
            )
        raise CachifyDeadlockError(
            f'pool {key!r}: this {who} holds {_slots(max_size)} itself and would wait forever: give a slot back'
            ' before you wait for another one'
        )


def check_tasks(store: object, key: str, max_size: int, loop: asyncio.AbstractEventLoop) -> None:
    """Raise ``CachifyDeadlockError`` if tasks of ``loop``, run by this thread, hold all slots."""
    theirs = {
        holder.token: holder
        for holder in holders_of(store, key)
        if isinstance(holder.owner, asyncio.Future) and holder.owner.get_loop() is loop
    }
    if len(theirs) >= max_size:
        keeper = next((holder.keeper for holder in theirs.values() if holder.keeper), '')
        if keeper:
            raise CachifyDeadlockError(
                f'pool {key!r}: {keeper} keeps {_slots(max_size)} taken, and a `with` that waits in the event loop'
                ' stops the task that could end this: use `async with` there'
            )
        raise CachifyDeadlockError(
            f'pool {key!r}: tasks of the event loop that this thread runs hold {_slots(max_size)}, and could not give'
            ' any back while the thread waits: use `async with` in a task that holds none'
        )


def holders_of(store: object, key: str) -> Iterator[KnownSlot]:
    """Yield the slots of a pool whose holders are known."""
    for token, (its_store, its_key, owner, frame) in list(held.items()):
        if its_store is store and its_key == key:
            found: Any = owner() if isinstance(owner, weakref.ref) else owner
            yield KnownSlot(token, store, key, found, frame)
    for source in _sources:
        for holder in source():
            if holder.store is store and holder.key == key:
                yield holder


def frames_up_from(frame: FrameType | None) -> Iterator[FrameType]:
    """Yield a frame and those that called it."""
    # Not `is not None`: Python 3.11 was seen to return another object for a thread that runs on.
    while isinstance(frame, FrameType):
        yield frame
        frame = frame.f_back


def _slots(max_size: int) -> str:
    return 'the only slot' if max_size == 1 else f'all {max_size} slots'
