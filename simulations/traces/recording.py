"""Read what ``py_cachify.recording`` wrote about the pools of a program.

An attempt that got no slot has no holding time, and nothing in a recording says how long it would
have held one.  A pool that is sized without such attempts is too small, so by default each of them
gets a holding time that is drawn from the attempts of the same pool that held a slot.
"""

import random
import warnings
from array import array
from collections import defaultdict
from pathlib import Path
from typing import Literal

from py_cachify.recording import COLUMNS, Attempt, Losses, RecordingError, iter_recording, recording_files
from py_cachify.recording.reading import salts_of
from simulations.textfile import UNREADABLE
from simulations.traces.columns import Columns, TraceError, possible
from simulations.traces.recorded import WAITED, RecordedPool
from simulations.traces.trace import Trace


HEADER = ','.join(COLUMNS)
NO_SLOT = 'that got no slot, so their holding time is unknown'
NO_SLOT_CHOICES = ('draw', 'omit')
"""What may be done with attempts that got no slot."""


def read_attempts(
    path: str | Path,
    key: Literal['key', 'template'] = 'key',
    *,
    no_slot: Literal['draw', 'omit'] = 'draw',
    seed: int = 0,
) -> Trace:
    """Read the attempts of a recording as jobs, from all of its files.

    Args:
        path: the path that ``record()`` was given; see ``py_cachify.recording.read_recording``.
        key: make a pool for each recorded pool, or one for all pools of a template; a pool without
            a template remains a pool of its own.
        no_slot: give each attempt that got no slot a holding time drawn from those of its pool, or
            omit these attempts, which suits callers that soon try again.
        seed: equal seeds draw equal holding times.

    Returns:
        the jobs in order of arrival; ``skipped`` counts the attempts that could not be used, by
        reason, and ``recorded`` has the facts of each pool.

    Raises:
        TraceError: a file cannot be read or is no recording, or no attempt held a slot.
        ValueError: there is no such ``key`` or ``no_slot``.

    Warns:
        UserWarning: keys were hashed with different salts.

    Example::

        read_attempts('pool.csv')
    """
    if key not in ('key', 'template'):
        raise ValueError(f"key must be 'key' or 'template', not {key!r}")
    if no_slot not in NO_SLOT_CHOICES:
        raise ValueError(f"no_slot must be 'draw' or 'omit', not {no_slot!r}")
    path = Path(path)
    columns, losses = Columns(), Losses()
    keys: set[str] = set()
    recorded: defaultdict[str, RecordedPool] = defaultdict(RecordedPool)
    held: defaultdict[str, array[float]] = defaultdict(lambda: array('d'))
    refused: defaultdict[str, array[float]] = defaultdict(lambda: array('d'))
    try:
        for attempt in iter_recording(recording_files(path), losses):
            keys.add(attempt.key)
            name = attempt.template or attempt.key if key == 'template' else attempt.key
            _note(recorded[name], attempt)
            arrival = attempt.arrival.timestamp()
            if attempt.holding is None:
                refused[name].append(arrival)
            elif not possible(arrival, attempt.holding):
                columns.skipped['with a time that is not finite or is negative'] += 1
            else:
                columns.add(arrival, attempt.holding, name)
                held[name].append(attempt.holding)
    except (RecordingError, *UNREADABLE) as error:
        raise TraceError(f'cannot read the trace {path}: {error}') from None
    for count, reason in (
        (losses.torn, 'torn by a kill'),
        (losses.unreadable, 'that are not attempts'),
    ):
        if count:
            columns.skipped[reason] += count
    for name, arrivals in refused.items():
        if no_slot == 'omit' or name not in held:
            columns.skipped[NO_SLOT] += len(arrivals)
            continue
        # With a stream of its own, a pool has the same jobs whatever else is in the recording.
        stream, recorded[name].drawn = random.Random(f'{seed} holding times of {name}'), len(arrivals)
        for arrival, holding in zip(arrivals, stream.choices(held[name], k=len(arrivals)), strict=True):
            columns.add(arrival, holding, name)
    trace = columns.trace(path, 'has no attempt {count} that held a slot')
    trace.recorded = dict(recorded)
    _warn(path, len(salts_of(keys)))
    return trace


def _note(pool: RecordedPool, attempt: Attempt) -> None:
    pool.templates.add(attempt.template)
    pool.attempts += 1
    pool.without_slot += attempt.holding is None
    pool.waited += attempt.wait > WAITED
    pool.max_sizes.add(attempt.max_size)
    pool.slot_exps.add(attempt.slot_exp)


def _warn(path: Path, salts: int) -> None:
    if salts > 1:
        warnings.warn(
            f'the keys in {path} are hashed with {salts} salts, so one pool counts as several: set PY_CACHIFY_SALT for'
            ' all processes that record',
            stacklevel=3,
        )
