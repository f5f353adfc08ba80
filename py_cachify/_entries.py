"""Which slot a ``with`` gives back, when one pool object is entered many times at once.

A pool object may be entered twice in one function, by a hundred threads, by a thousand tasks, and left
in another thread or task than it was entered in.  What stays the same from the entry to the exit of a
``with`` statement is the *frame* that executes it, also where it is a generator that a web framework
runs first in one thread and then in another.  So the frame is looked at first, and the newest entry of a
frame is the innermost ``with`` in it.

``ExitStack`` and its like enter in one frame and leave in another.  Then the newest entry of the same task
(or thread, outside a task) is taken that does not belong to a ``with`` which is still being executed; and if
there is none, the oldest of all that no thread is executing.  There, and where one task closes several such
stacks in another order than it filled them, two holders of one pool object can be given each other's slot back:
still one slot for each exit, but perhaps one that would have lived longer.  A pool object of its own for each
avoids even that.
"""

import asyncio
import itertools
import sys
from asyncio import _get_running_loop
from collections.abc import Iterator
from threading import get_ident
from types import FrameType
from typing import Any, Generic, TypeVar

from py_cachify import _process as process


T = TypeVar('T')

_MAY_LACK_GIL = 'free-threading build' in sys.version


_Entry = tuple[object, int, T, Any]
"""Owner, number, what is held, and the entry that the same frame had made before, or ``None``.

A bare tuple, as making one with names takes five times as long.
"""


class Entries(Generic[T]):
    """What was entered through one pool object and not left yet: for each frame its newest entry.

    A frame is executed by one thread at a time, so entering, and leaving what the frame itself entered, need no
    lock: each is one change of a dictionary.  A Python without the global interpreter lock needs ``LockedEntries``.
    """

    __slots__ = ('_newest', '_numbers')

    def __init__(self) -> None:
        self._newest: dict[FrameType | None, _Entry[T]] = {}
        self._numbers = itertools.count()

    def __len__(self) -> int:
        return sum(1 for _ in self._all())

    def add(self, frame: FrameType | None, held: T) -> None:
        """``frame`` has entered and holds ``held``."""
        newest = self._newest
        newest[frame] = (_current_owner(), next(self._numbers), held, newest.get(frame))

    def claim(self, frame: FrameType | None, claimed: list[T]) -> None:
        """``frame`` leaves: put what it gives back into ``claimed``.  ``RuntimeError`` if nothing was entered.

        Into a list of the caller's, so that an interrupt cannot lose what was taken out here.
        """
        newest = self._newest
        entry = newest.get(frame)
        if entry is not None:
            claimed.append(entry[2])
            if entry[3] is None:
                del newest[frame]
            else:
                newest[frame] = entry[3]
            return
        with process.entries_lock:
            claimed.append(self._whose_turn(frame)[2])
            self.discard(claimed[0])

    def discard(self, held: T) -> None:
        """Forget an entry, if it is open."""
        with process.entries_lock:
            for frame in list(self._newest):
                while (newest := self._newest.get(frame)) is not None:
                    rest = _without(newest, held)
                    if rest is newest:
                        break
                    # A frame of another thread may have gone on meanwhile: what it has entered is not to be undone.
                    if self._newest.get(frame) is not newest:
                        continue
                    if rest is None:
                        del self._newest[frame]
                    else:
                        self._newest[frame] = rest
                    return

    def _all(self) -> Iterator[tuple[FrameType | None, _Entry[T]]]:
        for frame, newest in list(self._newest.items()):
            entry: _Entry[T] | None = newest
            while entry is not None:
                yield frame, entry
                entry = entry[3]

    def _whose_turn(self, frame: FrameType | None) -> _Entry[T]:
        """The entry that ``frame`` leaves, which has entered nothing itself."""
        if not self._newest:
            raise RuntimeError('a pool was left more often than it was entered')
        executing = set(_frames_up_from(frame))
        owner = _current_owner()
        entries = list(self._all())
        own = [entry for its_frame, entry in entries if entry[0] == owner and its_frame not in executing]
        if own:
            return max(own, key=_number)
        executing.update(self._frames_of_threads())
        others = [entry for its_frame, entry in entries if its_frame not in executing]
        return min(others or [entry for _, entry in entries], key=_number)

    def _frames_of_threads(self) -> Iterator[FrameType]:
        for newest in sys._current_frames().values():  # noqa: SLF001 - the only way to ask what other threads do
            yield from _frames_up_from(newest)


class LockedEntries(Entries[T]):
    """``Entries`` for a Python without the global interpreter lock, where threads run at the same time.

    Every change takes the lock.  The frames of other threads are not looked at, because following ``f_back`` in a
    running thread crashes the interpreter.  So an ``ExitStack`` that is closed in another thread may take the entry
    of a ``with`` that is still being executed, and that ``with`` then takes the other one.
    """

    __slots__ = ()

    def add(self, frame: FrameType | None, held: T) -> None:
        with process.entries_lock:
            super().add(frame, held)

    def claim(self, frame: FrameType | None, claimed: list[T]) -> None:
        with process.entries_lock:
            super().claim(frame, claimed)

    def _frames_of_threads(self) -> Iterator[FrameType]:
        return iter(())


def make_entries() -> Entries[Any]:
    """An ``Entries`` that fits the running interpreter."""
    return LockedEntries() if _MAY_LACK_GIL else Entries()


def _number(entry: _Entry[Any]) -> int:
    return entry[1]


def _without(newest: _Entry[T], held: T) -> _Entry[T] | None:
    """The entries of one frame without that of ``held``."""
    above: list[_Entry[T]] = []
    entry: _Entry[T] | None = newest
    while entry is not None and entry[2] is not held:
        above.append(entry)
        entry = entry[3]
    if entry is None:
        return newest
    below: _Entry[T] | None = entry[3]
    for owner, number, its, _ in reversed(above):
        below = (owner, number, its, below)
    return below


def _frames_up_from(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _current_owner() -> object:
    """The running task, or the thread where none runs."""
    # get_running_loop() answers by raising outside of a loop, which costs more than all the rest here.
    return (_get_running_loop() and asyncio.current_task()) or get_ident()
