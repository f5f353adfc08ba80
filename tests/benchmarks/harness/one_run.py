"""One run in its own process: ``python -m tests.benchmarks.harness.one_run JOBS HISTORY``.

``HISTORY`` is ``kept`` or ``dropped``.  It prints ``{"seconds": …, "peak": …}``, or
``{"broken": "which promise"}``.
"""

import json
import sys
from pathlib import Path

from tests.benchmarks.harness.replayed import BrokenPromiseError, Replayed


FIRST_JOBS = 100


def main() -> None:
    """Replay the jobs, after a few that load everything that is loaded at the first use."""
    jobs, history = sys.argv[1:]
    replayed = Replayed(history={'kept': True, 'dropped': False}[history])
    try:
        replayed.chunk(FIRST_JOBS)
        answer: dict[str, float | str] = {'seconds': replayed.chunk(int(jobs)), 'peak': peak_memory()}
    except BrokenPromiseError as error:
        answer = {'broken': str(error)}
    print(json.dumps(answer))


def peak_memory() -> int:
    """Return the peak resident memory of this process, in bytes."""
    status = Path('/proc/self/status')
    if status.exists():
        # On Linux, `ru_maxrss` would be that of the parent process if it is larger.
        (peak,) = (line.split()[1] for line in status.read_text().splitlines() if line.startswith('VmHWM:'))
        return int(peak) * 1024
    import resource  # Windows has none

    peak_used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak_used if sys.platform == 'darwin' else peak_used * 1024


if __name__ == '__main__':
    main()
