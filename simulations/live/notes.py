"""What a worker notes of its calls, in memory that is also a file: what a killed process has noted stays.

A note is a fixed number of bytes in a mapped file.  Its kind is written last, so that one which a kill cut short is
none.
"""

import itertools
import json
import mmap
import os
import struct
import threading
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


(
    ASKED,
    GRANTED,
    REFUSED,
    FAILED,
    UNKNOWN,
    LEAVING,
    RELEASED,
    TOO_LATE,
    NOT_RELEASED,
    ABANDONED,
    SIZE,
) = range(1, 12)
"""An acquire was called, and how it returned; a release was called, and how it returned; a holder crashed alone, and
its process lives; and the occupancy, in place of a job, that was seen at that instant."""

_NOTE = struct.Struct('<qIII3xB')
NOTES = np.dtype([('instant', '<i8'), ('job', '<u4'), ('key', '<u4'), ('attempt', '<u4'), ('_', 'V3'), ('kind', 'u1')])
_IN_FILE = 1 << 15


class Names(NamedTuple):
    """What is noted as text: keys of pools in order, and errors as (instant, type, text, whether it was announced)."""

    keys: list[str]
    errors: list[tuple[int, str, str, bool]]


class Notebook:
    """Where one life of a worker notes, from any thread.

    Args:
        folder: where the files go.
        name: of this life, unlike all others.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._places = itertools.count()
        self._files: list[mmap.mmap] = []
        self._lock = threading.Lock()
        self._keys: dict[str, int] = {}
        self._texts = os.open(folder / f'{name}.texts', os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(self, kind: int, instant: int, job: int, attempt: int = 1, key: int = 0) -> None:
        """Note something."""
        number, place = divmod(next(self._places), _IN_FILE)
        while len(self._files) <= number:
            self._another()
        _NOTE.pack_into(self._files[number], place * _NOTE.size, instant, job, key, attempt, kind)

    def key(self, name: str) -> int:
        """The number of a pool's key."""
        found = self._keys.get(name)
        if found is None:
            with self._lock:
                found = self._keys.get(name)
                if found is None:
                    self._write('key', name)
                    found = self._keys[name] = len(self._keys)
        return found

    def error(self, instant: int, error: BaseException, announced: bool, text: str) -> None:
        """Note an error, and whether the library's documentation says that it may come."""
        self._write('error', [instant, type(error).__name__, text, announced])

    def _write(self, kind: str, value: Any) -> None:
        os.write(self._texts, json.dumps([kind, value]).encode() + b'\n')

    def _another(self) -> None:
        with self._lock:
            path = self._folder / f'{self._name}.{len(self._files):05}.notes'
            with path.open('w+b') as file:
                file.truncate(_IN_FILE * _NOTE.size)
                self._files.append(mmap.mmap(file.fileno(), 0))


def read_notes(folder: Path, name: str) -> tuple[NDArray[Any], Names]:
    """What one life of a worker noted, and in what words."""
    parts = [np.fromfile(path, NOTES) for path in sorted(folder.glob(f'{name}.*.notes'))]
    notes = np.concatenate(parts) if parts else np.empty(0, NOTES)
    names = Names([], [])
    texts = folder / f'{name}.texts'
    for line in texts.read_bytes().splitlines() if texts.exists() else []:
        kind, value = json.loads(line)
        if kind == 'key':
            names.keys.append(value)
        else:
            names.errors.append(tuple(value))
    return notes[notes['kind'] > 0], names
