"""Which cores the processes run on.

With client and server on two cores, each answer wakes a core up.  On a virtual machine that takes anything from nothing
to a tenth of a millisecond, from one second to the next, and every ratio to LIMIT changes with it.  On one core the
time is that of the work alone.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path


def can_choose() -> bool:
    """Whether this system lets a process choose; macOS does not."""
    return hasattr(os, 'sched_setaffinity') and Path('/proc/self/task').is_dir()


@contextmanager
def on_one_core(processes: Sequence[int]) -> Iterator[None]:
    """Let this process and these share one core, with all their threads."""
    core = max(os.sched_getaffinity(0))
    with ExitStack() as stack:
        for process in (os.getpid(), *processes):
            for thread in Path(f'/proc/{process}/task').iterdir():
                with suppress(ProcessLookupError):
                    before = os.sched_getaffinity(int(thread.name))
                    os.sched_setaffinity(int(thread.name), {core})
                    stack.callback(_put_back, int(thread.name), before)
        yield


def _put_back(thread: int, cores: set[int]) -> None:
    with suppress(ProcessLookupError):
        os.sched_setaffinity(thread, cores)
