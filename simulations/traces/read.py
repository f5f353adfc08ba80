"""Read a trace in any of the known formats."""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from py_cachify.recording import RecordingError, recording_files
from simulations.traces.azure import COLUMNS, read_azure
from simulations.traces.columns import TraceError, trace_lines
from simulations.traces.recording import HEADER, read_attempts
from simulations.traces.select import select_jobs
from simulations.traces.swf import FIELDS, read_swf
from simulations.traces.table import read_table
from simulations.traces.trace import Trace


KINDS: dict[str, tuple[Callable[..., Trace], str]] = {
    'swf': (read_swf, 'a log in the Standard Workload Format'),
    'azure': (read_azure, 'invocations of Azure Functions'),
    'recording': (read_attempts, 'a recording of pools'),
    'csv': (read_table, 'a CSV table'),
}


def read_trace(
    path: str | Path,
    kind: str | None = None,
    *,
    only: Collection[str] | str | None = None,
    no_slot: str | None = None,
    start: float | str | None = None,
    until: float | str | None = None,
    thin: float = 1.0,
    seed: int = 0,
    rebase: bool = False,
    time_scale: float = 1.0,
    holding_scale: float = 1.0,
    **columns: Any,
) -> Trace:
    """Read the jobs of a file; the name of the trace says which format was assumed.

    Args:
        path: the file, plain or gzip.
        kind: the format, ``swf``, ``azure``, ``recording`` or ``csv``; by default :func:`recognise`
            decides.
        only, start, until, thin, seed, rebase, time_scale, holding_scale: as in
            :func:`select_jobs`.
        no_slot: what becomes of attempts that got no slot, ``draw`` or ``omit``, as in
            :func:`read_attempts`; for recordings only.
        columns: the arguments of the reader of that format: ``key``, and for CSV all those of
            :func:`read_table`.

    Raises:
        TraceError: the file cannot be read, or contains no usable record; the message says which
            format was assumed.
        TypeError, ValueError: an argument is not allowed; the message names it.

    Example::

        read_trace('requests.csv.gz', arrival='start', end='stop', key='tenant', rebase=True)
    """
    return select_jobs(
        read_all(path, kind, no_slot=no_slot, seed=seed, **columns),
        only=only,
        start=start,
        until=until,
        thin=thin,
        seed=seed,
        rebase=rebase,
        time_scale=time_scale,
        holding_scale=holding_scale,
    )


def read_all(
    path: str | Path, kind: str | None = None, *, no_slot: str | None = None, seed: int = 0, **columns: Any
) -> Trace:
    """Read all jobs of a file, with the arguments of :func:`read_trace` that do not select any."""
    path = Path(path)
    if kind is not None and kind not in KINDS:
        raise ValueError(f'kind must be one of {", ".join(KINDS)}, got {kind!r}')
    found = recognise(path) if kind is None else kind
    read, description = KINDS[found]
    if found != 'csv' and (unknown := [name for name in columns if name != 'key']):
        raise TypeError(
            f'{unknown[0]} is for tables, but {path} is read as {description}: give kind=... if it is a table'
        )
    if found == 'recording':
        columns |= {'seed': seed, **({} if no_slot is None else {'no_slot': no_slot})}
    elif no_slot is not None:
        raise TypeError(f'no_slot is for recordings of pools, but {path} is read as {description}')
    try:
        trace = read(path, **columns)
    except TraceError as error:
        if kind is not None:
            raise
        raise TraceError(f'{error} (read as {description}; give kind=... if it is something else)') from None
    trace.name = f'{path.name}, {description}'
    return trace


def recognise(path: str | Path) -> str:
    """Return the format of a file by its suffix and first line.

    It is ``swf``, ``azure``, ``recording`` or ``csv``.

    Raises:
        TraceError: the file cannot be read.

    Example::

        recognise('gaia.swf.gz')            # 'swf'
    """
    path = Path(path)
    if _is_rotated_away(path):
        return 'recording'
    with trace_lines(path) as lines:
        first = next((line for line in lines if line.strip() and not line.startswith('#')), '')
    if '.swf' in path.suffixes[-2:] or first.lstrip().startswith(';') or _is_record(first.split()):
        return 'swf'
    if first.rstrip() == HEADER:
        return 'recording'
    return 'azure' if set(COLUMNS) <= {name.strip() for name in first.split(',')} else 'csv'


def _is_rotated_away(path: Path) -> bool:
    """Return whether only later files of a recording are left."""
    try:
        return not path.exists() and bool(recording_files(path))
    except RecordingError:
        return False


def _is_record(fields: list[str]) -> bool:
    return len(fields) == FIELDS and all(field.lstrip('-').replace('.', '', 1).isdecimal() for field in fields)
