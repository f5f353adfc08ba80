"""Processes on this machine that make runs."""

import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, parent_process

from simulations.arguments import whole_number


def processes(workers: int | None = None) -> ProcessPoolExecutor:
    """An executor of ``workers`` processes, by default one for each processor.

    Its processes end with the one that started them, however that ends; once they have started, they leave an
    interruption from the keyboard, which reaches them all, to it.

    Raises:
        TypeError, ValueError: ``workers`` is no whole number of at least 1.
    """
    if workers is not None:
        whole_number('workers', workers, 1)
    # Not forked: a copy of a process with threads may never get on.
    executor = ProcessPoolExecutor(workers, mp_context=get_context('spawn'), initializer=_begin)
    # The first task starts all of them: held back meanwhile, an interruption does not meet one that still begins.
    if hasattr(signal, 'pthread_sigmask'):
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            executor.submit(os.getpid)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return executor


def _begin() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        # Killed, it tells nobody, and its children would wait for work for ever.
        parent.join()
        os._exit(1)
