"""Worker processes on this machine."""

import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, parent_process

from simulations.arguments import whole_number


def processes(workers: int | None = None) -> ProcessPoolExecutor:
    """Return an executor of ``workers`` processes, by default one for each processor.

    The processes end when their parent ends, however it ends. An interruption from the keyboard
    reaches all processes; once started, they ignore it and leave it to the parent.

    Raises:
        TypeError, ValueError: ``workers`` is not a whole number of at least 1.
    """
    if workers is not None:
        whole_number('workers', workers, 1)
    # Spawned, not forked: a forked copy of a process with threads may deadlock.
    executor = ProcessPoolExecutor(workers, mp_context=get_context('spawn'), initializer=_begin)
    # The first task starts all processes. Blocking the signal until then keeps an interruption from
    # reaching a process that is still starting.
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
        # A killed parent notifies nobody, and its children would wait for work forever.
        parent.join()
        os._exit(1)
