"""Read instants and durations from the columns of data frames, and warn about a likely wrong unit.

A column is anything that NumPy can make an array of: a list, an array, a column of pandas, polars
or pyarrow.
"""

import warnings
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simulations.traces.times import EPOCH
from simulations.units import duration


_EPOCH_LOOKS = ((1e17, 'ns', 1e9), (1e14, 'us', 1e6), (1e11, 'ms', 1e3))
"""Numbers from which instants look like dates in a unit: as seconds, they are after 5000 AD."""
_SECOND = np.timedelta64(1, 's')


def instant_column(name: str, column: ArrayLike) -> NDArray[np.float64]:
    """Return instants in seconds; dates become seconds since 1970, in UTC if they name no zone.

    Raises:
        TypeError, ValueError: a value is missing or is not an instant, or only some of the values
            have a time zone; the message names the argument.
    """
    return _seconds(name, column, dates=True)


def duration_column(name: str, column: ArrayLike) -> NDArray[np.float64]:
    """Return durations in seconds.

    Raises:
        TypeError, ValueError: a value is missing or is not a duration; the message names the
            argument.
    """
    return _seconds(name, column, dates=False)


def warn_about_epoch(name: str, seconds: NDArray[np.float64]) -> None:
    """Warn if instants look like milli-, micro- or nanoseconds since 1970."""
    if not len(seconds):
        return
    first, last = float(seconds.min()), float(seconds.max())
    for smallest, unit, per_second in _EPOCH_LOOKS:
        if first >= smallest:
            warnings.warn(
                f'{name} from {first:.15g} on look like {unit} since 1970 but are read as seconds, so the jobs span'
                f' {duration(last - first)}: divide them by {per_second:,.0f}, pass dates, or read the table with'
                f' instants={unit!r} (--instants {unit})',
                UserWarning,
                stacklevel=3,
            )
            return


def _seconds(name: str, column: ArrayLike, *, dates: bool) -> NDArray[np.float64]:
    values = _values(column)
    if values.dtype.kind == 'O':
        values = _of_objects(name, values, dates=dates)
    if values.dtype.kind == 'M':
        if not dates:
            raise _no_durations(name)
        seconds = (values - np.datetime64(0, 's')) / _SECOND
    elif values.dtype.kind == 'm':
        seconds = values / _SECOND
    else:
        return np.asarray(values, np.float64)
    if np.isnat(values).any():
        raise ValueError(f'{name} must not have missing values, but value {int(np.argmax(np.isnat(values)))} is NaT')
    return np.asarray(seconds, np.float64)


def _values(column: Any) -> NDArray[Any]:
    # pandas makes objects of dates with a time zone, one by one; this is the quick way to UTC.
    if getattr(getattr(column, 'dtype', None), 'tz', None) is not None:
        column = getattr(column, 'dt', column).tz_convert(None)
    return np.asarray(column)


def _of_objects(name: str, values: NDArray[Any], *, dates: bool) -> NDArray[Any]:
    """Return the seconds of Python's dates, durations and numbers."""
    zones = {value.tzinfo is not None for value in values if isinstance(value, datetime)}
    if zones and not dates:
        raise _no_durations(name)
    if len(zones) > 1:
        raise ValueError(f'{name} mixes dates with and without a time zone: write all of them with one, or none')
    return np.array([_number(name, number, value) for number, value in enumerate(values)], np.float64)


def _number(name: str, number: int, value: Any) -> float:
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, datetime):
        return (value - (EPOCH if value.tzinfo else EPOCH.replace(tzinfo=None))).total_seconds()
    try:
        if not isinstance(value, date):
            return float(value)
    except (TypeError, ValueError):
        pass
    raise TypeError(f'{name} must be numbers of seconds, dates or durations, but value {number} is {value!r}')


def _no_durations(name: str) -> TypeError:
    return TypeError(f'{name} must be durations, got dates: subtract the arrivals from the ends')
