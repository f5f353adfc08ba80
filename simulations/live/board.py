"""Counts that all processes of a live run share, in a file that each has mapped into its memory.

Every cell has one writer, the worker whose it is; whoever kills a worker writes for it once it is dead.  So there is no
lock that a killed or stopped process could hold.
"""

import mmap
import threading
from pathlib import Path


GRANTED, REFUSED, FAILED, LATE, LATENCY, ASKED, PEAK, BUSY_UNTIL, READY, STARTED, BODIES, SIZE = range(12)
"""The cells of a worker.

Grants, refusals, acquires that failed, jobs that started late, nanoseconds that acquires took, acquires; the most
bodies that ran in all processes together, as this worker saw it; until when it will be busy at most, an instant in
nanoseconds; whether it is ready; the jobs that it has begun; the bodies that run in it, see :meth:`Board.bodies`; and
in memory the slots that are taken.
"""
_CELLS = 16
_EPOCH = 0
_COUNT_BITS = 16
_COUNT = (1 << _COUNT_BITS) - 1
_LOOKS = 4


class Board:
    """The board in ``path``, for so many workers; :func:`make_board` makes the file."""

    def __init__(self, path: Path, workers: int) -> None:
        with path.open('r+b') as file:
            self._memory = mmap.mmap(file.fileno(), 0)
        self._words = memoryview(self._memory).cast('q')
        self._workers = workers
        self._lock = threading.Lock()

    @property
    def epoch(self) -> int:
        """The instant at which the run begins, in nanoseconds; 0 as long as it is not known."""
        return self._words[_EPOCH]

    @epoch.setter
    def epoch(self, instant: int) -> None:
        self._words[_EPOCH] = instant

    def get(self, worker: int, cell: int) -> int:
        """What stands in a cell."""
        return self._words[(worker + 1) * _CELLS + cell]

    def total(self, cell: int) -> int:
        """The sum over all workers."""
        return sum(self.get(worker, cell) for worker in range(self._workers))

    def put(self, worker: int, cell: int, value: int) -> None:
        """Write a cell."""
        self._words[(worker + 1) * _CELLS + cell] = value

    def add(self, worker: int, cell: int, value: int = 1) -> None:
        """Count up, from any thread of the worker."""
        with self._lock:
            self._words[(worker + 1) * _CELLS + cell] += value

    def raise_to(self, worker: int, cell: int, value: int) -> None:
        """Keep the larger one."""
        with self._lock:
            place = (worker + 1) * _CELLS + cell
            self._words[place] = max(self._words[place], value)

    def body(self, worker: int, step: int) -> None:
        """A body begins (1) or ends (-1)."""
        with self._lock:
            place = (worker + 1) * _CELLS + BODIES
            word = self._words[place]
            # The number of changes stands beside the count, so that two equal looks had no change between them.
            self._words[place] = (((word >> _COUNT_BITS) + 1) << _COUNT_BITS) | ((word & _COUNT) + step)
        if step > 0 and (bodies := self.bodies()) is not None:
            self.raise_to(worker, PEAK, bodies)

    def dead(self, worker: int) -> None:
        """The worker is dead: nothing runs in it any more."""
        place = (worker + 1) * _CELLS + BODIES
        self._words[place] = ((self._words[place] >> _COUNT_BITS) + 1) << _COUNT_BITS
        self.put(worker, READY, 0)

    def bodies(self) -> int | None:
        """How many bodies ran in all processes at one and the same instant; ``None`` if it could not be seen.

        All cells are looked at twice.  If none changed between, their sum was true at the end of the first look
        (the double collect of Afek and others, "Atomic snapshots of shared memory", Journal of the ACM 40, 1993).
        """
        before = self._look()
        for _ in range(_LOOKS):
            after = self._look()
            if after == before:
                return sum(word & _COUNT for word in after)
            before = after
        return None

    def _look(self) -> list[int]:
        return [self.get(worker, BODIES) for worker in range(self._workers)]

    def close(self) -> None:
        """Let go of the file."""
        self._words.release()
        self._memory.close()


def make_board(path: Path, workers: int) -> Board:
    """An empty board."""
    path.write_bytes(bytes(8 * _CELLS * (workers + 1)))
    return Board(path, workers)
