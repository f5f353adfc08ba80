"""``with record('pool.csv'):`` records while its body runs."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType

from py_cachify.arguments import is_a, shown
from py_cachify.cachify import Cachify
from py_cachify.observing import Observation, observe
from py_cachify.recording.recorder import Recorder, check_options


def record(
    path: str | os.PathLike[str],
    *,
    cachify: Cachify | None = None,
    sample: float = 1.0,
    salt: str | bytes | None = None,
    keys: bool = False,
    max_bytes: int = 64 * 1024 * 1024,
    max_files: int | None = None,
) -> AbstractContextManager[Recorder]:
    """Record, while the ``with`` is open, each attempt of this process that begins and ends in it.

    Arguments are checked by the call.  The first file is created when the ``with`` is entered, and
    all lines are written when it is left.

    Args:
        path: the recording, such as ``'pool.csv'``; see :mod:`py_cachify.recording` for the names
            of further files.
        cachify: record only the pools of this object, as ``init_cachify()`` returned it; by default
            those of all.
        sample, salt, keys, max_bytes, max_files: as for :class:`Recorder`.

    Raises:
        TypeError, ValueError: an argument is wrong.
        OSError: the file cannot be written, because the directory does not exist, for example;
            ``FileExistsError``: there is a file that is no recording.

        On entering, ``ValueError``: another recorder of this process writes to this path.

    Example::

        with record('pool.csv'):
            main()

        for attempt in read_recording('pool.csv'):
            print(attempt.arrival, attempt.outcome, attempt.holding)
    """
    if cachify is not None and not is_a(cachify, Cachify):
        raise TypeError(f'cachify must be what init_cachify() returned, or None, not {shown(cachify)}')
    options = check_options(path, sample=sample, salt=salt, keys=keys, max_bytes=max_bytes, max_files=max_files)

    def make() -> Recorder:
        return Recorder(options.path, sample=sample, salt=salt, keys=keys, max_bytes=max_bytes, max_files=max_files)

    return _Session(make, cachify)


class _Session:
    """Observes with a recorder while it is entered, once."""

    def __init__(self, make: Callable[[], Recorder], cachify: Cachify | None) -> None:
        self._make = make
        self._cachify = cachify
        self._recorder: Recorder | None = None
        self._observation: Observation | None = None

    def __enter__(self) -> Recorder:
        if self._recorder is not None:
            raise RuntimeError('this recording has ended or runs already: call record() again')
        self._recorder = self._make()
        self._observation = (observe if self._cachify is None else self._cachify.observe)(self._recorder)
        return self._recorder

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._observation is not None:
            self._observation.stop()
        if self._recorder is not None:
            self._recorder.close()
