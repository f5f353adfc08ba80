"""Open the files of recordings, and say what is wrong with one that something else wrote."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from py_cachify.recording.lines import COLUMNS, HEADER, VERSION


DAMAGED = (gzip.BadGzipFile, zlib.error)
"""What reading a gzip file raises if its content is damaged; a truncated one raises EOFError."""

_BYTE_ORDER_MARK = b'\xef\xbb\xbf'


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file, plain or gzip, whatever it is called."""
    with path.open('rb') as raw:
        if raw.peek(2)[:2] != b'\x1f\x8b':
            yield raw
            return
        with gzip.open(raw) as lines:
            yield cast(BinaryIO, lines)


def bare(line: bytes) -> bytes:
    """Return a complete line without its end, also one that a spreadsheet wrote."""
    return line.removesuffix(b'\n').removesuffix(b'\r')


def fault_of_header(header: bytes) -> str | None:
    """Return why a first line is not that of a recording, to follow a file's name, or ``None``."""
    start = header.removeprefix(_BYTE_ORDER_MARK)
    if start.endswith(b'\r\n'):
        start = bare(start) + b'\n'
    # A process may have been killed after it created its file, and before it wrote to it.
    if HEADER.encode().startswith(start):
        return None
    if start.startswith(b'v,'):
        return (
            f'is a recording of another version: its columns are not {",".join(COLUMNS)}, and this release reads'
            f' version {VERSION}'
        )
    return f'is no recording: its first line is not {",".join(COLUMNS)}'


def fault_of_file(path: Path) -> str | None:
    """Return why a file is not one of a recording, to follow its name, or ``None``.

    Raises:
        OSError: it cannot be read.
    """
    if not path.is_file():
        return 'is no file'
    with opened(path) as lines:
        try:
            # Something else may have no line ends.
            return fault_of_header(lines.readline(10 * len(HEADER)))
        except EOFError:
            return None
        except DAMAGED as error:
            return damage(error)


def damage(error: Exception) -> str:
    """Return what is wrong with a gzip file, to follow its name."""
    return f'is damaged ({type(error).__name__}: {error})'
