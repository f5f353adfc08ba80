"""The notes that a worker takes of its calls, in mapped files: they survive a killed process.

A note is a fixed number of bytes in a mapped file.  Its kind is written last, so a note that a kill
cut short does not count.
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
    LOST,
    HELD_UNTIL,
    QUEUED,
    TIMED_OUT,
    TAKEN,
) = range(1, 17)
"""The kinds of notes.

An acquire was called (``ASKED``) and returned (``GRANTED`` to ``UNKNOWN``); a release was called
(``LEAVING``) and returned (``RELEASED`` to ``NOT_RELEASED``); a holder crashed alone while its
process lives on (``ABANDONED``); the occupancy at that instant (``SIZE``), which takes the place of
the job.  If slots are renewed: a holder lost its slot (``LOST``); and at the end of a body, until
when the holder has its slot by its own clock (``HELD_UNTIL``), which may be in the future.

If jobs wait: an acquire learned that it is in the queue (``QUEUED``); its time was up, so it
returned without a slot (``TIMED_OUT``); and when the request that gave it its slot was sent, as the
life of the slot counts from then at the earliest (``TAKEN``), which is in the past.
"""

_NOTE = struct.Struct('<qIII3xB')
NOTES = np.dtype([('instant', '<i8'), ('job', '<u4'), ('key', '<u4'), ('attempt', '<u4'), ('_', 'V3'), ('kind', 'u1')])
_IN_FILE = 1 << 15


class Names(NamedTuple):
    """The notes in words.

    Attributes:
        keys: the keys of the pools, in order of first use.
        errors: instant, type, text and whether the library documents it, for each error.
    """

    keys: list[str]
    errors: list[tuple[int, str, str, bool]]


class Notebook:
    """The notes of one life of a worker, from any of its threads.

    Args:
        folder: the folder of the files.
        name: the name of this life, which must be unique.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._places = itertools.count()
        self._files: list[mmap.mmap] = []
        self._lock = threading.Lock()
        self._keys: dict[str, int] = {}
        self._texts = os.open(folder / f'{name}.texts', os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(self, kind: int, instant: int, job: int, attempt: int = 1, key: int = 0) -> None:
        """Write a note."""
        number, place = divmod(next(self._places), _IN_FILE)
        while len(self._files) <= number:
            self._another()
        _NOTE.pack_into(self._files[number], place * _NOTE.size, instant, job, key, attempt, kind)

    def key(self, name: str) -> int:
        """Return the number of a pool's key, and note the key at its first use."""
        found = self._keys.get(name)
        if found is None:
            with self._lock:
                found = self._keys.get(name)
                if found is None:
                    self._write('key', name)
                    found = self._keys[name] = len(self._keys)
        return found

    def error(self, instant: int, error: BaseException, documented: bool, text: str) -> None:
        """Note an error, and whether the library documents that it may occur."""
        self._write('error', [instant, type(error).__name__, text, documented])

    def _write(self, kind: str, value: Any) -> None:
        os.write(self._texts, json.dumps([kind, value]).encode() + b'\n')

    def _another(self) -> None:
        with self._lock:
            path = self._folder / f'{self._name}.{len(self._files):05}.notes'
            with path.open('w+b') as file:
                file.truncate(_IN_FILE * _NOTE.size)
                self._files.append(mmap.mmap(file.fileno(), 0))


def read_notes(folder: Path, name: str) -> tuple[NDArray[Any], Names]:
    """Return the notes of one life of a worker, and its notes in words."""
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
