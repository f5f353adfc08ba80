"""The choice of the cores on which the processes run.

With client and server on two cores, each answer wakes a core up.  On a virtual machine that takes
between nothing and a tenth of a millisecond, and changes from one second to the next; every ratio
to LIMIT changes with it.  On one core, the time is that of the work alone.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path


def can_choose() -> bool:
    """Return whether this system lets a process choose its cores; macOS does not."""
    return hasattr(os, 'sched_setaffinity') and Path('/proc/self/task').is_dir()


def has_two() -> bool:
    """Return whether this process can choose between two cores or more."""
    return can_choose() and len(os.sched_getaffinity(0)) > 1


@contextmanager
def on_one_core(processes: Sequence[int]) -> Iterator[None]:
    """Let this process and the given ones share one core, with all their threads."""
    core = max(os.sched_getaffinity(0))
    with _on_cores(dict.fromkeys((os.getpid(), *processes), core)):
        yield


@contextmanager
def on_two_cores(server: int) -> Iterator[None]:
    """Let this process have one core, and the process of the server another one."""
    *_, second, first = sorted(os.sched_getaffinity(0))
    with _on_cores({os.getpid(): first, server: second}):
        yield


@contextmanager
def _on_cores(places: Mapping[int, int]) -> Iterator[None]:
    """Let each of these processes have a core, with all its threads."""
    with ExitStack() as stack:
        for process, core in places.items():
            for thread in Path(f'/proc/{process}/task').iterdir():
                with suppress(ProcessLookupError):
                    before = os.sched_getaffinity(int(thread.name))
                    os.sched_setaffinity(int(thread.name), {core})
                    stack.callback(_put_back, int(thread.name), before)
        yield


def _put_back(thread: int, cores: set[int]) -> None:
    with suppress(ProcessLookupError):
        os.sched_setaffinity(thread, cores)
