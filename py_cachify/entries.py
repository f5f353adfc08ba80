"""Which slot a ``with`` gives back, when one pool object is entered many times at once.

A pool object may be entered twice in one function, by a hundred threads, by a thousand tasks, and left
in another thread or task than it was entered in.  What stays the same from the entry to the exit of a
``with`` statement is the *frame* that executes it, also where it is a generator that a web framework
runs first in one thread and then in another.  So the frame is looked at first, and the newest entry of a
frame is the innermost ``with`` in it.

``ExitStack`` and its like enter in one frame and leave in another.  Then the newest entry of the same task
(or thread, outside a task) is taken; and if there is none, the oldest of all.  In that last case, and only
there, two holders of one pool object can be given each other's slot back: still one slot for each exit,
and the oldest, so that nobody who stays is left with less time than he was promised.  A pool object
of its own for each such entry avoids even that.
"""

import asyncio
import threading
from types import FrameType
from typing import Generic, NamedTuple, TypeVar

from py_cachify.process import give_lock


T = TypeVar('T')


class _Entry(NamedTuple, Generic[T]):
    frame: FrameType
    owner: object
    held: T


class Entries(Generic[T]):
    """What was entered through one pool object and not left yet, oldest first."""

    __slots__ = ('__weakref__', '_open', 'lock')

    lock: threading.RLock

    def __init__(self) -> None:
        self._open: list[_Entry[T]] = []
        give_lock(self)

    def add(self, frame: FrameType, held: T) -> None:
        """``frame`` has entered and holds ``held``."""
        entry = _Entry(frame, _current_owner(), held)
        with self.lock:
            self._open.append(entry)

    def claim(self, frame: FrameType, claimed: list[T]) -> None:
        """``frame`` leaves: put what it gives back into ``claimed``.  ``RuntimeError`` if nothing was entered.

        Into a list of the caller's, so that an interrupt cannot lose what was taken out here.
        """
        with self.lock:
            index = self._whose_turn(frame)
            claimed.append(self._open[index].held)
            del self._open[index]

    def discard(self, held: T) -> None:
        """Forget an entry, if it is open."""
        with self.lock:
            self._open = [entry for entry in self._open if entry.held is not held]

    def _whose_turn(self, frame: FrameType) -> int:
        for index in reversed(range(len(self._open))):
            if self._open[index].frame is frame:
                return index
        owner = _current_owner()
        for index in reversed(range(len(self._open))):
            if self._open[index].owner == owner:
                return index
        if not self._open:
            raise RuntimeError('a pool was left more often than it was entered')
        return 0


def _current_owner() -> object:
    """The running task, or the thread where none runs."""
    # get_running_loop() answers by raising outside of a loop, which costs more than all the rest here.
    if asyncio._get_running_loop() is not None:  # noqa: SLF001
        task = asyncio.current_task()
        if task is not None:
            return task
    return threading.get_ident()
