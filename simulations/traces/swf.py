"""Read a job log in the Standard Workload Format, plain or gzip.

The format is described at https://www.cs.huji.ac.il/labs/parallel/workload/swf.html.  Lines that
begin with ``;`` are the header.  Every other line is a job with 18 fields separated by blanks; -1
stands for an unknown value.

Here one job is one slot, regardless of its number of processors.  A job arrives when it was
submitted (field 2) and holds its slot for its run time (field 4).  Its waiting time is ignored
because it results from the cluster's own queue.  A run time of 0 (under half a second) is a job of
length 0.
"""

from pathlib import Path
from typing import Literal

from simulations.traces.columns import Columns, possible, trace_lines
from simulations.traces.trace import Trace


FIELDS = 18
_SUBMIT, _RUN, _USER, _QUEUE = 1, 3, 11, 14


def read_swf(path: str | Path, key: Literal['user', 'queue'] | None = None) -> Trace:
    """Read the jobs of a log.

    Args:
        path: the file; gzip is recognised by its first bytes.
        key: make a pool for each user or each queue; by default all jobs share one.

    Returns:
        the jobs in order of arrival; ``skipped`` counts the records that could not be used, by
        reason.

    Raises:
        TraceError: the file cannot be read, or contains no usable record.
        ValueError: there is no such ``key``.

    Example::

        read_swf('gaia.swf.gz').expected_jobs
    """
    path = Path(path)
    if key not in (None, 'user', 'queue'):
        raise ValueError(f"key must be 'user', 'queue' or None, not {key!r}")
    field = {None: None, 'user': _USER, 'queue': _QUEUE}[key]
    columns = Columns()
    skipped = columns.skipped
    with trace_lines(path) as lines:
        for line in lines:
            record = line.split()
            if not record or record[0].startswith(';'):
                continue
            if len(record) != FIELDS:
                skipped[f'without {FIELDS} fields'] += 1
                continue
            try:
                arrival, holding = float(record[_SUBMIT]), float(record[_RUN])
            except ValueError:
                skipped['with a submit or run time that is not a number'] += 1
                continue
            if not 0 <= arrival < float('inf'):
                skipped['without a submit time'] += 1
            elif not possible(arrival, holding):
                skipped['without a run time'] += 1
            else:
                columns.add(arrival, holding, None if field is None else f'{key}-{record[field]}')
    return columns.trace(
        path,
        f'is not in the Standard Workload Format: no record {{count}} has {FIELDS} fields with a submit and a run time',
    )
