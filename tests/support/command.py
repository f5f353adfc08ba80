"""``pool-sim`` as a user runs it: in its own process, or in this one if only its output matters."""

import contextlib
import io
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from simulations.cli import main


def in_a_process(folder: Path, *words: str) -> 'subprocess.CompletedProcess[str]':
    """Run the installed command in ``folder``."""
    command = str(Path(sys.executable).with_name('pool-sim'))
    return subprocess.run([command, *words], cwd=folder, capture_output=True, text=True, timeout=300, check=False)


def here(folder: Path, *words: str) -> 'subprocess.CompletedProcess[str]':
    """Run the command's own ``main`` in this process, with ``folder`` as the working directory.

    A separate process would import the workbench and Matplotlib each time.
    """
    out, err = io.StringIO(), io.StringIO()
    with contextlib.chdir(folder), _signals_kept():
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                status = main(words)
            except SystemExit as ended:
                status = ended.code if isinstance(ended.code, int) else 1
    return subprocess.CompletedProcess(words, status, out.getvalue(), err.getvalue())


@contextlib.contextmanager
def _signals_kept() -> Iterator[None]:
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
