"""A file that processes share: a counter for each, so that they can wait for one another."""

import mmap
import struct
import time
from pathlib import Path


_SIZE = 8


class Board:
    """One counter for each process, in a file of ``processes`` times eight bytes."""

    def __init__(self, path: Path, processes: int) -> None:
        self._file = path.open('r+b')
        self._map = mmap.mmap(self._file.fileno(), processes * _SIZE)
        self._processes = processes

    @staticmethod
    def create(path: Path, processes: int) -> None:
        """Write the file, with all counters at 0."""
        path.write_bytes(bytes(processes * _SIZE))

    def __getitem__(self, process: int) -> int:
        return int(struct.unpack_from('=q', self._map, process * _SIZE)[0])

    def __setitem__(self, process: int, value: int) -> None:
        struct.pack_into('=q', self._map, process * _SIZE, value)

    def meet(self, process: int, number: int, patience: float) -> bool:
        """Wait until every process has come to ``number``; return false if one does not come."""
        self[process] = number
        until = time.monotonic() + patience
        while any(self[each] < number for each in range(self._processes)):
            if time.monotonic() > until:
                return False
            time.sleep(0)
        return True

    def close(self) -> None:
        """Close the file."""
        self._map.close()
        self._file.close()
