"""The finished runs of a sweep on disk, so that an interrupted sweep continues where it stopped.

The file has lines of JSON: the first identifies the sweep, and each further line is one run, in the
order in which runs finished. If the interruption cut off the last line, it is ignored; if it cut
off the first line, the file starts over.
"""

import json
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from simulations.sweeps.outcome import Outcome


class Journal:
    """A file that keeps the outcome of each run under its number.

    Args:
        path: the file; it is created if it does not exist.
        identity: identifies the sweep; the file of another sweep is refused.

    Raises:
        ValueError: the file belongs to another sweep, or is not a journal at all.
    """

    def __init__(self, path: Path, identity: str) -> None:
        self._path = path
        self._identity = identity
        self.done: dict[int, Outcome] = {}
        length = self._read()
        self._file: BinaryIO = path.open('ab')
        self._file.truncate(length)
        if not length:
            self._write({'sweep': identity})

    def _read(self) -> int:
        """Read the runs of the file, and return the length of its complete lines in bytes."""
        text = self._path.read_bytes() if self._path.exists() else b''
        lines = text.split(b'\n')[:-1]
        if _line({'sweep': self._identity}).startswith(text):
            return 0
        try:
            same = json.loads(lines[0])['sweep'] == self._identity
            for line in lines[1:]:
                number, plain = json.loads(line)
                self.done[int(number)] = Outcome.from_json(plain)
        except (ValueError, KeyError, TypeError, IndexError):
            same = False
        if not same:
            self.done.clear()
            raise ValueError(f'{self._path} belongs to another sweep, or is not a journal: name another, or remove it')
        return sum(len(line) + 1 for line in lines)

    def keep(self, number: int, outcome: Outcome) -> None:
        """Write the outcome of a run to the file, and flush it."""
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


def _line(content: object) -> bytes:
    return json.dumps(content).encode() + b'\n'
