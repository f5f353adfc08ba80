"""Check and read the recorded trace of a scenario."""

import functools
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

from simulations.arguments import positive, probability
from simulations.traces import read_trace
from simulations.traces.read import KINDS
from simulations.traces.times import instant_seconds
from simulations.traces.trace import Trace


@functools.lru_cache(maxsize=8)
def cached_trace(path: Path, changed: int, seed: int, options: tuple[tuple[str, Any], ...]) -> Trace:  # noqa: ARG001
    """Read a trace, or return it from a cache.

    Args:
        path: the file.
        changed: when the file was last changed, so that a changed file is read again.
        seed: the seed that thins the trace.
        options: the options of :func:`simulations.read_trace` as pairs.
    """
    return read_trace(path, seed=seed, **dict(options))


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
