"""Check and read the recorded trace of a scenario."""

import functools
import inspect
from collections.abc import Callable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

from simulations.arguments import positive, probability
from simulations.traces import select_jobs
from simulations.traces.read import KINDS, read_all
from simulations.traces.times import instant_seconds
from simulations.traces.trace import Trace


@functools.lru_cache(maxsize=8)
def cached_trace(path: Path, changed: int, seeds: tuple[int, int], options: tuple[tuple[str, Any], ...]) -> Trace:
    """Read a trace, or return it from a cache; the selections of one file read it once.

    Args:
        path: the file.
        changed: when the file was last changed, so that a changed file is read again.
        seeds: the seed that thins the trace, and the one that draws what a recording lacks.
        options: the options of :func:`simulations.read_trace` as pairs.
    """
    selection = {name: value for name, value in options if name in _SELECTION}
    rest = tuple((name, value) for name, value in options if name not in _SELECTION)
    thinning, drawing = seeds
    return select_jobs(_cached_file(path, changed, drawing, rest), seed=thinning, **selection)


@functools.lru_cache(maxsize=4)
def _cached_file(path: Path, changed: int, seed: int, options: tuple[tuple[str, Any], ...]) -> Trace:  # noqa: ARG001
    return read_all(path, seed=seed, **dict(options))


_SELECTION = inspect.signature(select_jobs).parameters


def as_pairs(options: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Return options as sorted pairs that can be hashed."""
    return tuple((name, tuple(it) if isinstance(it, list) else it) for name, it in sorted(options.items()))


def _kind(name: str, value: Any) -> None:
    if not isinstance(value, str) or value not in KINDS:
        raise ValueError(f'{name} must be one of {", ".join(KINDS)}, got {value!r}')


def _share(name: str, value: Any) -> None:
    probability(name, value)
    positive(name, value)


OPTION_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    'kind': _kind,
    'start': instant_seconds,
    'until': instant_seconds,
    'thin': _share,
    'time_scale': positive,
    'holding_scale': positive,
}
"""For each option of a trace, the function that checks its value."""


def toml_value(value: Any) -> Any:
    """Return a value as a TOML file would: a date becomes a string, and a tuple becomes a list."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value
