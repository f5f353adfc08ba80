"""Read a job log in the Standard Workload Format, plain or gzip.

https://www.cs.huji.ac.il/labs/parallel/workload/swf.html: lines that begin with ``;`` are the header,
every other line is a job with 18 fields parted by blanks, and -1 stands for what is not known.

Here one job is one slot, however many processors it had: it arrives when it was submitted (field 2) and holds
its slot for its run time (field 4).  Its wait is left out, as it is what the cluster's own queue did.  A run
time of 0 (under half a second) is a job of length 0.
"""

import gzip
import zlib
from collections import Counter
from pathlib import Path
from typing import Literal

from simulations.workloads import LONGEST, Job, Trace


FIELDS = 18
_SUBMIT, _RUN, _USER, _QUEUE = 1, 3, 11, 14


class TraceError(ValueError):
    """A trace that cannot be read as what it was said to be."""


def read_swf(path: str | Path, key: Literal['user', 'queue'] | None = None) -> Trace:
    """The jobs of a log.

    Args:
        path: the file; gzip is recognised by its first bytes.
        key: make a pool for each user or each queue; by default all jobs share one.

    Returns:
        the jobs in order of arrival; ``skipped`` counts the records that could not be used, by reason.

    Raises:
        TraceError: the file cannot be read, or holds no usable record.
        ValueError: there is no such ``key``.

    Example::

        read_swf('gaia.swf.gz').expected_jobs
    """
    path = Path(path)
    if key not in (None, 'user', 'queue'):
        raise ValueError(f"key must be 'user', 'queue' or None, not {key!r}")
    field = {None: None, 'user': _USER, 'queue': _QUEUE}[key]
    jobs: list[Job] = []
    skipped: Counter[str] = Counter()
    for line in _text(path).splitlines():
        if not line.strip() or line.lstrip().startswith(';'):
            continue
        record = line.split()
        if len(record) != FIELDS:
            skipped[f'without {FIELDS} fields'] += 1
            continue
        try:
            arrival, holding = float(record[_SUBMIT]), float(record[_RUN])
        except ValueError:
            skipped['with a submit or run time that is no number'] += 1
            continue
        if not 0 <= arrival < float('inf'):
            skipped['without a submit time'] += 1
        elif not 0 <= holding < float('inf') or arrival + holding >= LONGEST:
            skipped['without a run time'] += 1
        else:
            jobs.append(Job(arrival, holding, None if field is None else f'{key}-{record[field]}'))
    if not jobs:
        raise TraceError(
            f'{path} is not in the Standard Workload Format:'
            f' none of its {skipped.total()} records has {FIELDS} fields with a submit and a run time'
        )
    return Trace(jobs, name=path.name, skipped=dict(skipped))


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
        if data.startswith(b'\x1f\x8b'):
            data = gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise TraceError(f'cannot read the trace {path}: {error}') from None
    return data.decode('utf-8-sig', errors='replace')
