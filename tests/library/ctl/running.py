"""``pool-ctl`` as a user runs it: in this process if only its output matters, or in a terminal."""

import codecs
import contextlib
import fcntl
import io
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from py_cachify.ctl.cli import main
from tests.support.paths import ROOT


PATIENCE = 60
"""How long a test waits for something to appear, in seconds."""


class Ran(NamedTuple):
    """What a command did."""

    status: int
    out: str
    err: str

    def rows(self) -> list[dict[str, str]]:
        """Return the lines as dictionaries, by the names in the first one."""
        names, *lines = [line.split('\t') for line in self.out.splitlines()]
        return [dict(zip(names, line, strict=True)) for line in lines]

    def json(self) -> Any:
        """Return the one document on standard output."""
        assert self.out.isascii()
        return json.loads(self.out)


def pool_ctl(*words: str, url: str = '') -> Ran:
    """Run a command in this process, into a pipe; ``url`` may also be the path of a unix socket."""
    out, err = io.StringIO(), io.StringIO()
    given = [f'--url={as_url(url)}', *words] if url else list(words)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), _signals_kept():
        try:
            status = main(given)
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else 1
    return Ran(status, out.getvalue(), err.getvalue())


def as_url(place: str) -> str:
    """Return a URL, of a unix socket if this is a path."""
    return place if '://' in place else f'unix://{place}'


@contextlib.contextmanager
def _signals_kept() -> Iterator[None]:
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


# A process that a shell starts in the background ignores Ctrl-C, and so do its children.
INTERRUPTIBLE = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module('py_cachify.ctl', run_name='__main__')
"""

# Only what controls a terminal is interrupted by its Ctrl-C.
_IN_A_TERMINAL = f"""
import fcntl, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
{INTERRUPTIBLE}
"""


class Terminal:
    """A command in a terminal of its own."""

    def __init__(
        self,
        *words: str,
        url: str,
        columns: int = 80,
        rows: int = 24,
        path: Path = ROOT,
        term: str = 'xterm-256color',
    ) -> None:
        self._master, slave = pty.openpty()
        self.resize(columns, rows)
        environment = {
            **os.environ,
            'TERM': term,
            'PYTHONPATH': os.pathsep.join([str(path), str(ROOT), os.environ.get('PYTHONPATH', '')]),
            'LC_ALL': 'C.UTF-8',
        }
        for name in ('NO_COLOR', 'FORCE_COLOR', 'COLUMNS', 'LINES', 'REDIS_URL', 'CI', 'GITHUB_ACTIONS'):
            environment.pop(name, None)
        self.process = subprocess.Popen(
            [sys.executable, '-c', _IN_A_TERMINAL, f'--url={as_url(url)}', *words],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment,
            start_new_session=True,
        )
        os.close(slave)
        self.received = ''
        self._decoder = codecs.getincrementaldecoder('utf-8')('replace')

    def __enter__(self) -> 'Terminal':
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)

    def resize(self, columns: int, rows: int) -> None:
        """Give the terminal another size."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))

    def type(self, text: str) -> None:
        """Press keys; ``'\\x03'`` is Ctrl-C."""
        os.write(self._master, text.encode())

    def wait_for(self, pattern: str, *, after: int = 0) -> int:
        """Wait until what was written has this from ``after`` on; return where it ends."""
        until = time.monotonic() + PATIENCE
        expression = re.compile(pattern, re.DOTALL)
        while not (found := expression.search(self.received, after)):
            assert self._read(until), f'{pattern!r} did not appear in {self.received[after:][-5000:]!r}'
        return found.end()

    def end(self) -> int:
        """Wait until the command has ended; return its exit status."""
        until = time.monotonic() + PATIENCE
        while self._read(until):
            pass
        return self.process.wait(PATIENCE)

    def _read(self, until: float) -> bool:
        """Read what has come; return false if the command has ended, or it is too late."""
        left = until - time.monotonic()
        if left <= 0 or not select.select([self._master], [], [], left)[0]:
            return False
        try:
            got = os.read(self._master, 65536)
        except OSError:
            return False
        # A character may come in two pieces.
        self.received += self._decoder.decode(got)
        return bool(got)

    @property
    def raw(self) -> str:
        """All that the command wrote, with what commands the terminal."""
        return self.received

    def frames(self) -> list[str]:
        """Return each screen that was drawn, without colours, the last one last."""
        return [plain(frame) for frame in self.received.split('\x1b[H')[1:]]


def plain(text: str) -> str:
    """Return a text without the colours and the moves of a terminal."""
    return re.sub(r'\x1b\[[0-9;?]*[A-Za-z]', '', text).replace('\r', '')
