"""Read the invocations of Azure Functions that Microsoft published in 2021.

https://github.com/Azure/AzurePublicDataset is a CSV with the columns
``app,func,end_timestamp,duration``, in seconds.  An invocation arrives at its end minus its
duration. The rows are in order of their ends, so they are sorted by arrival.  An invocation that
began before the recording arrives before 0.
"""

from pathlib import Path
from typing import Literal

from simulations.traces.table import read_table
from simulations.traces.trace import Trace


COLUMNS = ('app', 'func', 'end_timestamp', 'duration')


def read_azure(path: str | Path, key: Literal['app', 'func'] | None = None) -> Trace:
    """Read the invocations as jobs.

    Args:
        path: the file; gzip is recognised by its first bytes.
        key: make a pool for each app or each function; by default all jobs share one pool.  The key
            of a function is ``app/func`` because its name is unique only within its app.

    Returns:
        the jobs in order of arrival; ``skipped`` counts the rows that could not be used, by reason.

    Raises:
        TraceError: the file cannot be read, lacks a column, or contains no usable row.
        ValueError: there is no such ``key``.

    Example::

        read_azure('AzureFunctionsInvocationTraceForTwoWeeksJan2021.txt', key='app')
    """
    if key not in (None, 'app', 'func'):
        raise ValueError(f"key must be 'app', 'func' or None, not {key!r}")
    columns = {None: None, 'app': 'app', 'func': ('app', 'func')}[key]
    return read_table(path, end='end_timestamp', holding='duration', key=columns, instants='s')
