"""The files that one process writes: whole lines only, and a new file when one is full.

Only one process ever writes a file, and no file is opened again.  So a file is a header, whole
lines, and after a kill in the middle of a write at most one torn line at its end.
"""

import os
import re
from collections import deque
from contextlib import suppress
from pathlib import Path

from py_cachify.recording.lines import HEADER


_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | getattr(os, 'O_BINARY', 0) | getattr(os, 'O_CLOEXEC', 0)
_START = HEADER.encode()


def part_pattern(path: Path) -> 're.Pattern[str]':
    """Return the pattern of the names of files beside ``path`` that belong to its recording."""
    return re.compile(rf'{re.escape(path.stem)}\.\d+-[0-9a-f]{{16}}\.\d{{4,}}{re.escape(path.suffix)}')


class PartFiles:
    """The files of one process, of which the last is written.

    Not for several threads at a time.

    Attributes:
        written: the paths of the files so far that were not deleted by rotation, oldest first.
    """

    def __init__(self, path: Path, max_bytes: int, max_files: int | None) -> None:
        """Write at most ``max_bytes`` to a file, and keep the newest ``max_files`` of them."""
        self._path = path
        self._max_bytes = max_bytes
        self._max_files = max_files
        self._descriptor: int | None = None
        self._size = 0
        self.forget()

    def forget(self) -> None:
        """Begin files of its own in a forked process; those so far are its parent's."""
        self.written: list[Path] = []
        self._number = 0
        self._name = f'{os.getpid()}-{os.urandom(8).hex()}'
        self.close()

    def close(self) -> None:
        """Close the file; the next line opens a new one."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with suppress(OSError):
                os.close(descriptor)

    def open(self) -> None:
        """Create the next file and write its header.

        Raises:
            OSError: that is impossible.
        """
        self.close()
        path, self._descriptor = self._create()
        self._size = 0
        try:
            self._append(_START)
        except BaseException:
            self.close()
            with suppress(OSError):
                path.unlink()
            raise
        self.written.append(path)
        if self._max_files is not None:
            while len(self.written) > self._max_files:
                with suppress(OSError):
                    self.written[0].unlink()
                del self.written[0]

    def _create(self) -> tuple[Path, int]:
        # Links and file systems that are shared by machines leave only this as a sure way to be the
        # one that creates a file.
        while True:
            self._number += 1
            path = self._path
            if self._number == 1:
                with suppress(FileExistsError):
                    return path, os.open(path, _FLAGS, 0o666)
            path = path.with_name(f'{path.stem}.{self._name}.{self._number:04d}{path.suffix}')
            with suppress(FileExistsError):
                return path, os.open(path, _FLAGS, 0o666)

    def write(self, lines: deque[str]) -> None:
        """Write the lines, and remove from ``lines`` each that is in a file.

        Raises:
            OSError: some could not be written; those are still in ``lines``, and the file ends with
                a whole line.
        """
        while lines:
            # A file that was deleted, by hand or by a tool that rotates logs, would swallow them.
            if self._descriptor is None or os.fstat(self._descriptor).st_nlink == 0:
                self.open()
            count, data = self._fitting(lines)
            if not count:
                self.open()
                continue
            self._append(data)
            for _ in range(count):
                lines.popleft()

    def _fitting(self, lines: deque[str]) -> tuple[int, bytes]:
        """Return how many of the lines fit into the file, at least one into an empty one."""
        room = self._max_bytes - self._size
        data = ''.join(lines).encode()
        if len(data) <= room:
            return len(lines), data
        fitting: list[bytes] = []
        for line in lines:
            encoded = line.encode()
            room -= len(encoded)
            if room < 0 and (fitting or self._size > len(_START)):
                break
            fitting.append(encoded)
        return len(fitting), b''.join(fitting)

    def _append(self, data: bytes) -> None:
        assert self._descriptor is not None
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except BaseException:
            self._remove_torn_line(self._descriptor)
            raise
        self._size += len(data)

    def _remove_torn_line(self, descriptor: int) -> None:
        try:
            os.ftruncate(descriptor, self._size)
        except OSError:
            # What is torn must be at the end of its file, where the reader expects it.
            self.close()
