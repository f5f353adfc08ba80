"""Open text files, plain or gzip."""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO, cast


UNREADABLE = (OSError, EOFError, zlib.error)
"""What opening and reading such a file can raise if it is missing or damaged."""


@contextmanager
def open_text(path: Path) -> Iterator[TextIO]:
    """Open the file as UTF-8 text to be read line by line.

    Gzip is recognised by its first bytes, whatever the file is called.  Bytes that are not valid
    UTF-8 are replaced, and a byte order mark is skipped.

    Raises:
        OSError, EOFError, zlib.error: the file cannot be read; see :data:`UNREADABLE`.  This may
            also happen while you read from it.
    """
    with path.open('rb') as raw:
        data: BinaryIO = raw
        if raw.peek(2)[:2] == b'\x1f\x8b':
            data = cast(BinaryIO, gzip.GzipFile(fileobj=raw))
        with io.TextIOWrapper(data, encoding='utf-8-sig', errors='replace', newline='') as text:
            yield text
