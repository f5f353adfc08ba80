"""Text files, plain or gzip."""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO, cast


UNREADABLE = (OSError, EOFError, zlib.error)
"""What opening and reading such a file can raise: it is not there, or is damaged."""


@contextmanager
def open_text(path: Path) -> Iterator[TextIO]:
    """The file as UTF-8 text, line by line; gzip is recognised by its first bytes, whatever the name.

    What is no UTF-8 is replaced, and a byte order mark left out.  Raises one of :data:`UNREADABLE`, at once or
    while it is read.
    """
    with path.open('rb') as raw:
        data: BinaryIO = raw
        if raw.peek(2)[:2] == b'\x1f\x8b':
            data = cast(BinaryIO, gzip.GzipFile(fileobj=raw))
        with io.TextIOWrapper(data, encoding='utf-8-sig', errors='replace', newline='') as text:
            yield text
