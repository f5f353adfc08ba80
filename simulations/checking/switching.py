"""Make races inside a client likely: let others run in the middle of its code.

A race of a few bytecodes shows itself once in thousands of calls, because a thread usually runs
longer than a call takes. So a trace function pauses the client's own code at random places. A
correct client is only slower.
"""

import inspect
import random
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


_SHARE = 0.04
"""The share of bytecodes after which a thread pauses."""
_LONGEST = 0.0003
"""The longest pause, in seconds."""
_SWITCH_INTERVAL = 0.00002
"""How long a thread runs before the interpreter lets another run, in seconds; usually 0.005."""
_lock = threading.Lock()
_racing, _usual_interval = 0, 0.0


def source_files(client: Any) -> frozenset[str]:
    """Return the files in which the client's methods are written, as far as they are in Python."""
    files = set()
    for name in ('get', 'set', 'delete'):
        method = getattr(client, name, None)
        function = inspect.unwrap(getattr(method, '__func__', method)) if method is not None else None
        code = getattr(function, '__code__', None)
        if code is not None:
            files.add(code.co_filename)
    return frozenset(files)


class Pauses:
    """A trace function that pauses at random bytecodes of some files."""

    def __init__(self, files: frozenset[str], seed: str) -> None:
        self._files = files
        self._stream = random.Random(seed)

    def __call__(self, frame: FrameType, event: str, argument: Any) -> Any:  # noqa: ARG002
        if frame.f_code.co_filename not in self._files:
            return None
        frame.f_trace_opcodes = True
        return self._inside

    def _inside(self, frame: FrameType, event: str, argument: Any) -> Any:  # noqa: ARG002
        if event == 'opcode' and self._stream.random() < _SHARE:
            time.sleep(self._stream.random() * _LONGEST)
        return self._inside


@contextmanager
def pausing(files: frozenset[str], seed: str) -> Iterator[None]:
    """Pause this thread at random places in these files."""
    before = sys.gettrace()
    sys.settrace(Pauses(files, seed))
    try:
        yield
    finally:
        sys.settrace(before)


@contextmanager
def frequent_switches() -> Iterator[None]:
    """Let the interpreter switch between threads as often as it can.

    The interval belongs to the whole process, so of several checks at the same time the last one
    restores it.
    """
    global _racing, _usual_interval
    with _lock:
        if not _racing:
            _usual_interval = sys.getswitchinterval()
            sys.setswitchinterval(_SWITCH_INTERVAL)
        _racing += 1
    try:
        yield
    finally:
        with _lock:
            _racing -= 1
            if not _racing:
                sys.setswitchinterval(_usual_interval)
