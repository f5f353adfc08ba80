"""Processes that the check starts, each with its own client.

Where the factory can be imported, a fresh interpreter imports it, which inherits nothing. Where it
cannot, as with a function inside a test, this process is forked.
"""

import json
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from threading import Thread
from typing import IO, Any

from simulations.checking.factory import reference
from simulations.checking.host import Factory, StuckError
from simulations.checking.worker import serve


Terms = tuple[str, float, int]
"""A name that does not exist, the patience, and how often the first call is made if it raises."""
TRIES = 10
"""How often a call that raises is made again, with ``allow_errors``."""


class WorkerError(Exception):
    """A process has no client, ended, or did not reply; the text says which."""


class NoProcessError(WorkerError):
    """A process could not be started, which is no fault of the client."""


class Worker:
    """A process that makes calls; :meth:`ask` sends it a request, :meth:`reply` waits for it."""

    def __init__(self, pid: int, requests: IO[str], replies: IO[str], process: 'subprocess.Popen[str] | None') -> None:
        self.pid = pid
        self.requests = requests
        self.replies = replies
        self._process = process
        self._lines: SimpleQueue[str] = SimpleQueue()
        self._reader = Thread(target=self._read, daemon=True)
        self._ended = False

    def begin(self) -> None:
        """Begin to read its replies; nothing may be forked afterwards that needs this thread."""
        self._reader.start()

    def ask(self, **order: Any) -> None:
        """Send a request."""
        with suppress(BrokenPipeError):
            self.requests.write(json.dumps(order) + '\n')
            self.requests.flush()

    def reply(self, patience: float) -> dict[str, Any]:
        """Return the next reply.

        Raises:
            StuckError: a call of the process did not return.
            WorkerError: the process ended or said that it cannot go on, or ``patience`` seconds
                have passed.
        """
        try:
            line = self._lines.get(timeout=patience)
        except Empty:
            raise WorkerError(f'a process did not reply within {patience:g} s') from None
        if not line:
            raise WorkerError('a process ended by itself; what it wrote on standard error may say why')
        values: dict[str, Any] = json.loads(line)
        if 'stuck' in values:
            raise StuckError
        if 'error' in values:
            raise WorkerError(f'in another process, {values["error"]}')
        return values

    def kill(self) -> None:
        """Kill the process, and wait for its end."""
        if self._ended:
            return
        self._ended = True
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        else:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(self.pid, 0)
        with suppress(BrokenPipeError):
            self.requests.close()
        self._reader.join()
        self.replies.close()

    def _read(self) -> None:
        for line in self.replies:
            self._lines.put(line)
        self._lines.put('')


@contextmanager
def workers(
    factory: Factory, count: int, name: str, patience: float, *, allow_errors: bool = False
) -> Iterator[Sequence[Worker]]:
    """Start processes that are ready to make calls; kill them in the end.

    Raises:
        NoProcessError: this system cannot start one.
        WorkerError: its factory makes no client there.
    """
    started: list[Worker] = []
    tries = TRIES if allow_errors else 1
    try:
        place = reference(factory)
        if place is None or not _start_fresh(place, count, (name, patience, tries), started):
            _start_forked(factory, count, (name, patience, tries), started)
        yield started
    finally:
        for worker in started:
            worker.kill()


def _start_fresh(place: str, count: int, terms: Terms, started: list[Worker]) -> bool:
    """Start interpreters that import the factory; return false if they cannot import it."""
    path = [entry or os.getcwd() for entry in sys.path]  # noqa: PTH109 - the entry of a path is text
    # The interpreter must find this package even if only the path of this process leads to it.
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(path)}
    for _ in range(count):
        process = subprocess.Popen(
            [sys.executable, '-c', 'from simulations.checking.worker import main; main()'],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding='utf-8',
            env=environment,
            # An interruption from the keyboard is for this process, which ends the others.
            start_new_session=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        worker = Worker(process.pid, process.stdin, process.stdout, process)
        worker.begin()
        started.append(worker)
        worker.ask(factory=place, path=path, terms=terms)
    for worker in started:
        if 'unknown' in worker.reply(2 * terms[1]):
            for each in started:
                each.kill()
            started.clear()
            return False
    return True


def _start_forked(factory: Factory, count: int, terms: Terms, started: list[Worker]) -> None:
    if not hasattr(os, 'fork'):
        raise NoProcessError(
            'a new process cannot import the factory: make it a function at the top level of a module, or leave'
            ' processes out with --processes 0 (processes=0)'
        )
    for _ in range(count):
        requests, my_requests = os.pipe()
        my_replies, replies = os.pipe()
        with warnings.catch_warnings():
            # The other threads of this check are idle, and the child uses nothing of theirs.
            warnings.simplefilter('ignore', DeprecationWarning)
            pid = os.fork()
        if pid == 0:
            _live_as_child(factory, terms, requests, replies, [my_requests, my_replies], started)
        os.close(requests)
        os.close(replies)
        started.append(
            Worker(
                pid,
                os.fdopen(my_requests, 'w', encoding='utf-8'),
                os.fdopen(my_replies, encoding='utf-8'),
                None,
            )
        )
    for worker in started:
        worker.begin()
    for worker in started:
        worker.reply(2 * terms[1])


def _live_as_child(
    factory: Factory,
    terms: Terms,
    requests: int,
    replies: int,
    others: Sequence[int],
    siblings: Sequence[Worker],
) -> None:
    try:
        with suppress(ValueError):  # not in the main thread
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        # While this process has them open, the siblings would not notice the end of the parent.
        for number in (*others, *(each.requests.fileno() for each in siblings)):
            os.close(number)
        with os.fdopen(requests, encoding='utf-8') as orders, os.fdopen(replies, 'w', encoding='utf-8') as answers:
            serve(orders, answers, factory, *terms)
    finally:
        os._exit(0)
