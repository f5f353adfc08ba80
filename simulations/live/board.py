"""Counters that all processes of a live run share, in a file that each maps into its memory.

Only one process writes a cell: the worker that owns it, or the process that killed this worker once
it is dead.  So there is no lock that a killed or stopped process could hold.
"""

import mmap
import threading
from pathlib import Path


GRANTED, REFUSED, FAILED, LATE, LATENCY, ASKED, PEAK, BUSY_UNTIL, READY, STARTED, BODIES, SIZE, WAITING = range(13)
"""The cells of a worker, in this order.

The number of grants, refusals, failed acquires and jobs that started late; the nanoseconds until
all acquires had a first answer, and the number of acquires; the most bodies that ran in all
processes together, as this worker saw it; the latest instant until which it will be busy, in
nanoseconds; whether it is ready; the number of jobs that it has begun; the bodies that run in it
(see :meth:`Board.bodies`); the slots that are taken, in memory only; and the acquires that wait in
a queue.
"""
_CELLS = 16
_EPOCH = 0
_COUNT_BITS = 16
_COUNT = (1 << _COUNT_BITS) - 1
_READINGS = 4


class Board:
    """The board in the file ``path``, which :func:`make_board` makes.

    Args:
        path: the file.
        workers: the number of workers.
    """

    def __init__(self, path: Path, workers: int) -> None:
        with path.open('r+b') as file:
            self._memory = mmap.mmap(file.fileno(), 0)
        self._words = memoryview(self._memory).cast('q')
        self._workers = workers
        self._lock = threading.Lock()

    @property
    def epoch(self) -> int:
        """The instant at which the run begins, in nanoseconds; 0 until it is known."""
        return self._words[_EPOCH]

    @epoch.setter
    def epoch(self, instant: int) -> None:
        self._words[_EPOCH] = instant

    def get(self, worker: int, cell: int) -> int:
        """Return the value of a cell."""
        return self._words[(worker + 1) * _CELLS + cell]

    def total(self, cell: int) -> int:
        """Return the sum of a cell over all workers."""
        return sum(self.get(worker, cell) for worker in range(self._workers))

    def put(self, worker: int, cell: int, value: int) -> None:
        """Write a cell."""
        self._words[(worker + 1) * _CELLS + cell] = value

    def add(self, worker: int, cell: int, value: int = 1) -> None:
        """Add to a cell, from any thread of the worker."""
        with self._lock:
            self._words[(worker + 1) * _CELLS + cell] += value

    def raise_to(self, worker: int, cell: int, value: int) -> None:
        """Raise a cell to this value if it is lower, from any thread of the worker."""
        with self._lock:
            place = (worker + 1) * _CELLS + cell
            self._words[place] = max(self._words[place], value)

    def body(self, worker: int, step: int) -> None:
        """Count a body that begins (1) or ends (-1)."""
        with self._lock:
            place = (worker + 1) * _CELLS + BODIES
            word = self._words[place]
            # The word also holds the number of changes: two equal readings had no change between
            # them.
            self._words[place] = (((word >> _COUNT_BITS) + 1) << _COUNT_BITS) | ((word & _COUNT) + step)
        if step > 0 and (bodies := self.bodies()) is not None:
            self.raise_to(worker, PEAK, bodies)

    def dead(self, worker: int) -> None:
        """Note that a worker is dead: it runs no bodies, waits for none and is not ready."""
        place = (worker + 1) * _CELLS + BODIES
        self._words[place] = ((self._words[place] >> _COUNT_BITS) + 1) << _COUNT_BITS
        self.put(worker, READY, 0)
        self.put(worker, WAITING, 0)

    def bodies(self) -> int | None:
        """Return how many bodies ran in all processes at one instant; ``None`` if it kept changing.

        All cells are read twice.  If none changed in between, their sum was true at the end of the
        first reading (the double collect of Afek and others, "Atomic snapshots of shared memory",
        Journal of the ACM 40, 1993).
        """
        before = self._read()
        for _ in range(_READINGS):
            after = self._read()
            if after == before:
                return sum(word & _COUNT for word in after)
            before = after
        return None

    def _read(self) -> list[int]:
        return [self.get(worker, BODIES) for worker in range(self._workers)]

    def close(self) -> None:
        """Unmap the file."""
        self._words.release()
        self._memory.close()


def make_board(path: Path, workers: int) -> Board:
    """Make the file of a board, and return the empty board."""
    path.write_bytes(bytes(8 * _CELLS * (workers + 1)))
    return Board(path, workers)
