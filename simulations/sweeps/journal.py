"""The finished runs of a sweep on disk, so that a sweep that was interrupted goes on where it stopped.

A file of lines of JSON: first what the sweep is, then a line for each run, in the order in which they were finished.
A line that was cut off by the interruption is left out; cut off in its first line, the file is begun anew.
"""

import json
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from simulations.sweeps.outcome import Outcome


class Journal:
    """Keeps the outcome of each run under its number.

    Args:
        path: the file; it is made if it does not exist.
        what: says which sweep it is; a file of another one is refused.

    Raises:
        ValueError: the file is of another sweep, or none of a sweep at all.
    """

    def __init__(self, path: Path, what: str) -> None:
        self._path = path
        self._what = what
        self.done: dict[int, Outcome] = {}
        whole = self._read()
        self._file: BinaryIO = path.open('ab')
        self._file.truncate(whole)
        if not whole:
            self._write({'sweep': what})

    def _read(self) -> int:
        """Take in the runs of the file; returns how many bytes of it are whole lines."""
        text = self._path.read_bytes() if self._path.exists() else b''
        lines = text.split(b'\n')[:-1]
        if _line({'sweep': self._what}).startswith(text):
            return 0
        try:
            same = json.loads(lines[0])['sweep'] == self._what
            for line in lines[1:]:
                number, plain = json.loads(line)
                self.done[int(number)] = Outcome.from_json(plain)
        except (ValueError, KeyError, TypeError, IndexError):
            same = False
        if not same:
            self.done.clear()
            raise ValueError(f'{self._path} is not of this sweep: name another file, or remove it')
        return sum(len(line) + 1 for line in lines)

    def keep(self, number: int, outcome: Outcome) -> None:
        """Keep the outcome of a run, now."""
        self.done[number] = outcome
        self._write([number, outcome.to_json()])

    def _write(self, line: object) -> None:
        self._file.write(_line(line))
        self._file.flush()

    def __enter__(self) -> 'Journal':
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def _line(what: object) -> bytes:
    return json.dumps(what).encode() + b'\n'
