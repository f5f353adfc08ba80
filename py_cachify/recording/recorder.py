"""The listener that records: it notes ends of attempts, and its own thread writes their lines.

A body never waits for a disk.  If the disk does not keep up, at most ``MOST_LINES`` lines are kept,
and later ones are dropped and counted.
"""

import atexit
import logging
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from weakref import WeakSet

from py_cachify._process import after_fork
from py_cachify.arguments import is_a, shown
from py_cachify.events import ENDS, Event
from py_cachify.recording.files import PartFiles
from py_cachify.recording.keys import key_namer
from py_cachify.recording.lines import LineMaker
from py_cachify.recording.opening import fault_of_file


logger = logging.getLogger('py_cachify')

INTERVAL = 0.25
"""In seconds: how often lines are written.  It leaves room, within a second, for a busy machine."""

IDLE = 10.0
"""In seconds: how long the thread continues without anything to write."""

PATIENCE = 5.0
"""In seconds: how long an exit waits for a disk that hangs."""

MOST_LINES = 100_000
"""How many lines wait for the disk; that many again may be on their way to it."""

SMALLEST_FILE = 1_000
"""The smallest ``max_bytes``: a header and some lines."""


class Recorder:
    """A listener that writes one line for each attempt to take a slot, when it is over.

    The file is created at once, so a wrong path is an error here.  A later error, such as a
    full disk, is logged once; writing is tried again, and bodies notice nothing.  A forked process
    writes to a file of its own.

    Example::

        observe(Recorder('pool.csv', salt=settings.SALT))  # for good
    """

    kinds = ENDS

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        sample: float = 1.0,
        salt: str | bytes | None = None,
        keys: bool = False,
        max_bytes: int = 64 * 1024 * 1024,
        max_files: int | None = None,
    ) -> None:
        """Create the first file.

        Args:
            path: the recording, such as ``'pool.csv'``; files of other processes and later files
                have longer names beside it.
            sample: the share of pools to record, more than 0 and at most 1.  The keyed hash of a
                key decides, so all processes that share the salt record the same pools, each with
                all of its attempts.
            salt: the secret of the keyed hash, at least 8 bytes.  By default it is read from the
                environment variable ``PY_CACHIFY_SALT``; without that it is random, and only forked
                processes share it.  The id of the salt before each hash lets anybody who has the
                file check guesses of the salt, and then of keys, so make it from 32 random bytes:
                ``python -c "import secrets; print(secrets.token_hex(32))"``.
            keys: write keys in clear, without their prefix.
            max_bytes: when a file would become larger, the next one begins.
            max_files: how many files this process keeps; it deletes its oldest.  ``None`` keeps all
                of them.

        Raises:
            TypeError: an argument is of a wrong type.
            ValueError: an argument is wrong, or another recorder of this process that is not closed
                has the same path: attempts would have two lines.
            OSError: the file cannot be written, because the directory does not exist, for example;
                ``FileExistsError``: there is a file that is no recording.
        """
        options = check_options(path, sample=sample, salt=salt, keys=keys, max_bytes=max_bytes, max_files=max_files)
        self._path = options.path
        self._maker = LineMaker(options.name)
        self._files = PartFiles(options.path, options.max_bytes, options.max_files)
        self._closed = False
        self._leave: list[Callable[[], object]] = []
        self._start()
        _refuse_second(self._path)
        self._files.open()
        _recorders.add(self)

    def _start(self) -> None:
        self._ends: deque[tuple[Event, float]] = deque()
        self._batch: deque[str] = deque()
        self._dropped = 0
        self._dropped_in_log = 0
        # Re-entrant, because a signal handler or a finalizer may use a pool at any point.
        self._thread_lock = threading.RLock()
        self._write_lock = threading.RLock()
        self._writing = False
        self._failing = False
        self._exiting = False
        self._at_exit_set = False
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def __call__(self, event: Event) -> None:
        """Note the line of an attempt that is over; ignore all other events."""
        if event.kind not in ENDS or self._closed:
            return
        if len(self._ends) >= MOST_LINES:
            # Not logged here: the log may be on the disk that hangs.
            with self._thread_lock:
                self._dropped += 1
            return
        # Without its error, whose traceback would keep alive what it refers to.
        self._ends.append((event if event.error is None else event._replace(error=None), time.time()))
        if self._thread is None or self._exiting:
            self._begin_writing()

    @property
    def files(self) -> list[Path]:
        """The files that this process has written and not deleted, oldest first."""
        return list(self._files.written)

    @property
    def dropped(self) -> int:
        """How many lines of this process are missing.

        The disk did not keep up, or they could not be written when the recorder was closed or the
        process ended.
        """
        return self._dropped + (self._waiting() if self._closed or self._exiting else 0)

    def flush(self) -> None:
        """Write all lines that were noted before the call; an error is logged, as at any write.

        Example::

            recorder.flush()
            attempts = read_recording('pool.csv')
        """
        self._write(-1)

    def close(self) -> None:
        """Write what was noted, and ignore all later events.

        It waits at most five seconds for a disk that hangs.  Lines that cannot be written are
        logged, and counted in :attr:`dropped`.  You may call it more than once.
        """
        if self._closed:
            return
        self._closed = True
        self._end.set()
        try:
            self._write(PATIENCE)
        finally:
            self._log_drops(self.dropped)
            for undo in self._leave:
                undo()
            _recorders.discard(self)

    def __repr__(self) -> str:
        return f'<Recorder of {str(self._path)!r}{", closed" * self._closed}>'

    def _begin_writing(self) -> None:
        if self._exiting:
            # The thread may not run any more.  A disk that hangs delays the exit only once.
            self._closed = not self._write(PATIENCE)
            self._log_drops(self.dropped)
            return
        with self._thread_lock:
            if self._thread is not None:
                return
            if not self._at_exit_set:
                self._flush_at_exit()
            thread = threading.Thread(target=self._run, name='py-cachify recording', daemon=True)
            with suppress(RuntimeError):
                thread.start()
                self._thread = thread
        if self._thread is None:
            # There are too many threads, or the interpreter is about to end.
            self._write(PATIENCE)

    def _run(self) -> None:
        idle_at = time.monotonic() + IDLE
        while not self._end.wait(INTERVAL):
            with self._thread_lock:
                if self._thread is not threading.current_thread():
                    return
                if not self._ends and not self._batch and time.monotonic() >= idle_at:
                    self._thread = None
                    # A line may have come before the thread was unset, and then started no other.
                    if not self._ends:
                        return
                    self._thread = threading.current_thread()
            if self._ends or self._batch:
                try:
                    self._write(-1)
                except Exception:
                    with suppress(Exception):
                        logger.exception('the recording %s could not be written', self._path)
                idle_at = time.monotonic() + IDLE

    def _write(self, patience: float) -> bool:
        """Write the lines so far, unless another thread writes for so many seconds; -1: any time.

        Return whether it was this thread's turn.
        """
        if not self._write_lock.acquire(timeout=patience):
            return False
        try:
            # Otherwise a signal handler or a finalizer has interrupted a write of this thread.
            if not self._writing:
                self._writing = True
                closed = False
                try:
                    # While this thread wrote, another one or a signal handler may have closed the
                    # recorder and not have had its turn.
                    while not closed:
                        closed = self._closed
                        self._write_batches()
                        if not self._closed:
                            break
                finally:
                    self._writing = False
                    if closed:
                        self._give_up()
        finally:
            self._write_lock.release()
        return True

    def _give_up(self) -> None:
        """Close the file, and count the lines that are in none."""
        self._files.close()
        with self._thread_lock:
            self._dropped += self._waiting()
            self._batch.clear()
            self._ends.clear()

    def _waiting(self) -> int:
        """Return how many lines are in no file yet."""
        # Copied, because a disk that hung may take lines at this moment.
        ends = self._ends.copy()
        return len(self._batch) + sum(self._maker.line(*end) is not None for end in ends)

    def _write_batches(self) -> None:
        """Write what failed before, and the lines so far: not those of a busy process meanwhile."""
        try:
            self._files.write(self._batch)
            for _ in range(len(self._ends)):
                line = self._maker.line(*self._ends.popleft())
                if line is not None:
                    self._batch.append(line)
            self._files.write(self._batch)
        except OSError as error:
            self._log_failure(error)
            return
        if self._failing:
            self._failing = False
            logger.warning('the recording %s is written again', self._path)
        self._log_drops(self._dropped)

    def _log_failure(self, error: OSError) -> None:
        if self._failing:
            return
        self._failing = True
        if self._closed or self._exiting:
            logger.warning('the recording %s cannot be written (%s: %s)', self._path, type(error).__name__, error)
        else:
            logger.warning(
                'the recording %s cannot be written (%s: %s); up to %s lines are kept until it can, and later ones are'
                ' dropped',
                self._path,
                type(error).__name__,
                error,
                f'{MOST_LINES:,}',
            )

    def _log_drops(self, dropped: int) -> None:
        with self._thread_lock:
            missing = dropped - self._dropped_in_log
            self._dropped_in_log = max(dropped, self._dropped_in_log)
        if missing > 0:
            logger.warning(
                'the recording %s lacks %s attempts, because the disk did not take them', self._path, f'{missing:,}'
            )

    def _flush_at_exit(self) -> None:
        self._at_exit_set = True
        self._leave.clear()
        atexit.unregister(self._at_exit)
        atexit.register(self._at_exit)
        self._leave.append(lambda: atexit.unregister(self._at_exit))
        # A child of `multiprocessing` that was forked ends by `os._exit()`, after its finalizers.
        of_process = sys.modules.get('multiprocessing.process')
        if of_process is not None and of_process.parent_process() is not None:
            from multiprocessing.util import Finalize

            self._leave.append(Finalize(None, self._at_exit, exitpriority=0).cancel)

    def _at_exit(self) -> None:
        self._exiting = True
        self._write(PATIENCE)
        self._log_drops(self.dropped)

    def _forget(self) -> None:
        """Begin anew in a forked process: the lines so far are its parent's to write."""
        self._start()
        self._files.forget()


_recorders: WeakSet[Recorder] = WeakSet()


def _forget_all() -> None:
    for recorder in list(_recorders):
        recorder._forget()  # noqa: SLF001 - it is of this module


after_fork(_forget_all)


def _refuse_second(path: Path) -> None:
    real = path.resolve()
    if any(recorder._path.resolve() == real for recorder in list(_recorders)):  # noqa: SLF001 - as above
        raise ValueError(
            f'path must be another one, because a recorder of this process writes to {path} already and attempts would'
            ' have two lines: close() that one before'
        )


class Options(NamedTuple):
    """The arguments of a recorder that were checked."""

    path: Path
    name: Callable[[str, str], str | None]
    max_bytes: int
    max_files: int | None


def check_options(path: Any, *, sample: Any, salt: Any, keys: Any, max_bytes: Any, max_files: Any) -> Options:
    """Check the arguments of a recorder, and change no file.

    Raises:
        TypeError, ValueError, OSError: as :class:`Recorder`.
    """
    name = key_namer(salt, sample, keys)
    checked = _check_path(path)
    most_bytes = _whole('max_bytes', max_bytes, SMALLEST_FILE)
    most_files = None if max_files is None else _whole('max_files', max_files, 1)
    if checked.exists():
        _check_existing(checked)
    return Options(checked, name, most_bytes, most_files)


def _check_existing(path: Path) -> None:
    """Refuse a file beside which later files could not be read as one recording."""
    # Another user's file may not be readable here, or be rotated away at this moment.
    with suppress(PermissionError, FileNotFoundError):
        fault = fault_of_file(path)
        if fault is not None:
            raise FileExistsError(f'{path} exists, but {fault}: choose another path, or move that file away')


def _check_path(path: Any) -> Path:
    try:
        checked = Path(path)
    except TypeError:
        raise TypeError(f'path must be the path of a file, such as "pool.csv", not {shown(path)}') from None
    if not checked.name or checked.is_dir():
        raise IsADirectoryError(f'path must be the path of a file, such as "pool.csv", but {checked} is a directory')
    if not checked.parent.is_dir():
        raise FileNotFoundError(f'the recording {checked} cannot be written: create the directory {checked.parent}')
    # A later change of the working directory must not scatter the files.
    return checked.absolute()


def _whole(name: str, value: Any, least: int) -> int:
    if is_a(value, bool) or not is_a(value, int):
        raise TypeError(f'{name} must be a whole number (an int), not {shown(value)}')
    number = int.__index__(value)
    if number < least:
        raise ValueError(f'{name} must be at least {least}, got {shown(number)}')
    return number
