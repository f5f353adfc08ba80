"""Which slot a ``with`` gives back, if one pool object is entered many times at once.

A pool object may be entered twice in one function, by a hundred threads or by a thousand tasks, and
exited in another thread or task than it was entered in.  What stays the same from the entry to the
exit of a ``with`` statement is the *frame* that executes it, even in a generator that a web
framework runs first in one thread and then in another.  So the frame is checked first; the newest
entry of a frame is its innermost ``with``.

``ExitStack`` and similar objects enter in one frame and exit in another.  Then the exit takes the
newest entry of the same task (or thread, outside a task) that does not belong to a ``with`` which
is still running.  If there is none, it takes the oldest of all entries that no thread is executing.
In this case, and if one task closes several such stacks in any order but the reverse of the one in
which it filled them, two holders of one pool object can give back each other's slot.  Each exit
still gives back one slot, but perhaps one that would have lived longer.  A separate pool object for
each avoids even this.
"""

import itertools
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any, Generic, TypeVar

from py_cachify import _process as process
from py_cachify._deadlocks import current_owner, frames_up_from


T = TypeVar('T')

MAY_LACK_GIL = 'free-threading build' in sys.version
"""Whether threads of this interpreter may run at the same time."""


_Entry = tuple[object, int, T, Any]
"""Owner, number, what is held, and the previous entry of the same frame, or ``None``.

A bare tuple, because creating a named one takes five times as long.
"""


class Entries(Generic[T]):
    """The open entries of one pool object, newest first in each frame.

    One thread at a time executes a frame.  So entering needs no lock, nor does exiting what the
    same frame entered: each is one change of a dictionary.  A Python without the global interpreter
    lock needs ``LockedEntries``.
    """

    __slots__ = ('_newest', '_numbers')

    def __init__(self) -> None:
        self._newest: dict[FrameType | None, _Entry[T]] = {}
        self._numbers = itertools.count()

    def __len__(self) -> int:
        return sum(1 for _ in self._all())

    def add(self, frame: FrameType | None, held: T, owner: object) -> None:
        """Record that ``frame`` of a task or thread (``owner``) has entered and holds ``held``."""
        newest = self._newest
        newest[frame] = (owner, next(self._numbers), held, newest.get(frame))

    def claim(self, frame: FrameType | None, claimed: list[T]) -> None:
        """Remove the entry that ``frame`` exits and append what it holds to ``claimed``.

        The list belongs to the caller, so that an interrupt cannot lose what was removed here.
        Raises ``RuntimeError`` if nothing was entered.
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
            claimed.append(self._entry_to_exit(frame)[2])
            self.discard(claimed[0])

    def __bool__(self) -> bool:
        """Return whether there are open entries."""
        return bool(self._newest)

    def items(self) -> list[tuple[FrameType | None, object, T]]:
        """Return the open entries, each as its frame, its owner and what is held."""
        with process.entries_lock:
            return [(frame, owner, held) for frame, (owner, _, held, _) in self._all()]

    def discard(self, held: T) -> None:
        """Forget an entry, if it is open."""
        with process.entries_lock:
            for frame in list(self._newest):
                while (newest := self._newest.get(frame)) is not None:
                    rest = _without(newest, held)
                    if rest is newest:
                        break
                    # A frame of another thread may have continued; keep what it has entered.
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

    def _entry_to_exit(self, frame: FrameType | None) -> _Entry[T]:
        """Return the entry that ``frame`` exits, a frame that has entered nothing itself."""
        if not self._newest:
            raise RuntimeError('a pool was exited more often than it was entered: exit it once for each entry')
        executing = set(frames_up_from(frame))
        owner = current_owner()
        entries = list(self._all())
        own = [entry for entered, entry in entries if entry[0] == owner and entered not in executing]
        if own:
            return max(own, key=_number)
        executing.update(self._frames_of_threads())
        others = [entry for entered, entry in entries if entered not in executing]
        return min(others or [entry for _, entry in entries], key=_number)

    def _frames_of_threads(self) -> Iterator[FrameType]:
        for newest in sys._current_frames().values():  # noqa: SLF001 - the only way to see what other threads do
            yield from frames_up_from(newest)


class LockedEntries(Entries[T]):
    """``Entries`` for a Python without the global interpreter lock.

    Every change takes the lock.  The frames of other threads are not examined, because following
    ``f_back`` in a running thread crashes the interpreter.  So an ``ExitStack`` that is closed in
    another thread may take the entry of a ``with`` that is still running, and that ``with`` then
    takes the stack's entry.
    """

    __slots__ = ()

    def add(self, frame: FrameType | None, held: T, owner: object) -> None:
        with process.entries_lock:
            super().add(frame, held, owner)

    def claim(self, frame: FrameType | None, claimed: list[T]) -> None:
        with process.entries_lock:
            super().claim(frame, claimed)

    def _frames_of_threads(self) -> Iterator[FrameType]:
        return iter(())


def make_entries() -> Entries[Any]:
    """Return the ``Entries`` for the running interpreter."""
    return LockedEntries() if MAY_LACK_GIL else Entries()


def _number(entry: _Entry[Any]) -> int:
    return entry[1]


def _without(newest: _Entry[T], held: T) -> _Entry[T] | None:
    """Return the entries of one frame without the entry of ``held``."""
    above: list[_Entry[T]] = []
    entry: _Entry[T] | None = newest
    while entry is not None and entry[2] is not held:
        above.append(entry)
        entry = entry[3]
    if entry is None:
        return newest
    below: _Entry[T] | None = entry[3]
    for owner, number, value, _ in reversed(above):
        below = (owner, number, value, below)
    return below
