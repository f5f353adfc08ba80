"""Which slot a ``with`` gives back, when one pool object is entered many times at once.

A pool object may be entered twice in one function, by a hundred threads, by a thousand tasks, and left
in another thread or task than it was entered in.  What stays the same from the entry to the exit of a
``with`` statement is the *frame* that executes it, also where it is a generator that a web framework
runs first in one thread and then in another.  So the frame is looked at first, and the newest entry of a
frame is the innermost ``with`` in it.

``ExitStack`` and its like enter in one frame and leave in another.  Then the newest entry of the same task
(or thread, outside a task) is taken that does not belong to a ``with`` which is still being executed; and if
there is none, the oldest of all.  There, and where one task closes several such stacks in another order
than it filled them, two holders of one pool object can be given each other's slot back: still one slot for
each exit, but perhaps one that would have lived longer.  A pool object of its own for each avoids even that.
"""

import asyncio
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Generic, NamedTuple, TypeVar

from py_cachify import process


T = TypeVar('T')


class _Entry(NamedTuple, Generic[T]):
    frame: FrameType | None
    owner: object
    held: T


class Entries(Generic[T]):
    """What was entered through one pool object and not left yet, oldest first."""

    __slots__ = ('_open',)

    def __init__(self) -> None:
        self._open: list[_Entry[T]] = []

    def add(self, frame: FrameType | None, held: T) -> None:
        """``frame`` has entered and holds ``held``."""
        entry = _Entry(frame, _current_owner(), held)
        with process.entries_lock:
            self._open.append(entry)

    def claim(self, frame: FrameType | None, claimed: list[T]) -> None:
        """``frame`` leaves: put what it gives back into ``claimed``.  ``RuntimeError`` if nothing was entered.

        Into a list of the caller's, so that an interrupt cannot lose what was taken out here.
        """
        with process.entries_lock:
            index = self._whose_turn(frame)
            claimed.append(self._open[index].held)
            del self._open[index]

    def discard(self, held: T) -> None:
        """Forget an entry, if it is open."""
        with process.entries_lock:
            self._open = [entry for entry in self._open if entry.held is not held]

    def _whose_turn(self, frame: FrameType | None) -> int:
        for index in reversed(range(len(self._open))):
            if self._open[index].frame is frame:
                return index
        if not self._open:
            raise RuntimeError('a pool was left more often than it was entered')
        executing = set(_frames_up_from(frame))
        others = [index for index, entry in enumerate(self._open) if entry.frame not in executing]
        owner = _current_owner()
        own = [index for index in others if self._open[index].owner == owner]
        return own[-1] if own else others[0] if others else 0


def _frames_up_from(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _current_owner() -> object:
    """The running task, or the thread where none runs."""
    # get_running_loop() answers by raising outside of a loop, which costs more than all the rest here.
    if asyncio._get_running_loop() is not None:  # noqa: SLF001
        task = asyncio.current_task()
        if task is not None:
            return task
    return threading.get_ident()
