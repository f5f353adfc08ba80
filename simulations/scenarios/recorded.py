"""What a scenario says of a recorded trace."""

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
def _trace(path: Path, changed: int, seed: int, options: tuple[tuple[str, Any], ...]) -> Trace:  # noqa: ARG001
    return read_trace(path, seed=seed, **dict(options))


def _kind(name: str, value: Any) -> None:
    if not isinstance(value, str) or value not in KINDS:
        raise ValueError(f'{name} must be one of {", ".join(KINDS)}, got {value!r}')


def _share(name: str, value: Any) -> None:
    probability(name, value)
    positive(name, value)


_CHECKED: dict[str, Callable[[str, Any], Any]] = {
    'kind': _kind,
    'start': instant_seconds,
    'until': instant_seconds,
    'thin': _share,
    'time_scale': positive,
    'holding_scale': positive,
}


def _plain(value: Any) -> Any:
    """A value as a file gives it again: TOML has instants of its own, and lists but no tuples."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value
