"""Columns of data frames become seconds: dates with or without a time zone, durations, numbers."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from simulations import Job, Trace


START = 1_767_225_600  # 2026-01-01 in UTC
BERLIN = timezone(timedelta(hours=1))
DATES = [datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 0, 0, 2, tzinfo=UTC)]
LOCAL = [each.astimezone(BERLIN) for each in DATES]
NAIVE = [each.replace(tzinfo=None) for each in DATES]
LASTING = [timedelta(seconds=3), timedelta(milliseconds=500)]
EXPECTED = [Job(START, 3), Job(START + 2, 0.5)]
UNITS = ['s', 'ms', 'us', 'ns']


def arrow(values: list[Any], kind: Any) -> Any:
    return pa.chunked_array([pa.array(values[:1], kind), pa.array(values[1:], kind)])


COLUMNS: dict[str, Callable[[str], tuple[Any, Any]]] = {
    'numpy': lambda unit: (np.array(NAIVE, f'datetime64[{unit}]'), np.array(LASTING, 'timedelta64[ms]')),
    'pandas': lambda unit: (pd.Series(pd.to_datetime(NAIVE)).dt.as_unit(unit), pd.Series(LASTING)),
    'pandas in UTC': lambda unit: (pd.Series(pd.to_datetime(DATES)).dt.as_unit(unit), pd.Series(LASTING)),
    'pandas in a zone': lambda unit: (
        pd.Series(pd.to_datetime(DATES)).dt.as_unit(unit).dt.tz_convert('Europe/Berlin'),
        pd.Series(LASTING),
    ),
    'an index of pandas': lambda unit: (pd.DatetimeIndex(DATES).as_unit(unit), pd.TimedeltaIndex(LASTING)),
    'pandas on arrow': lambda unit: (
        pd.Series(pd.array(DATES, dtype=pd.ArrowDtype(pa.timestamp(unit, 'Europe/Berlin')))),
        pd.Series(pd.array(LASTING, dtype=pd.ArrowDtype(pa.duration('ms')))),
    ),
    'polars': lambda unit: (pl.Series(NAIVE), pl.Series(LASTING)),
    'polars in a zone': lambda unit: (pl.Series(DATES).dt.convert_time_zone('Europe/Berlin'), pl.Series(LASTING)),
    'pyarrow': lambda unit: (arrow(NAIVE, pa.timestamp(unit)), arrow(LASTING, pa.duration('ms'))),
    'pyarrow in a zone': lambda unit: (
        arrow(DATES, pa.timestamp(unit, 'Europe/Berlin')),
        arrow(LASTING, pa.duration('ms')),
    ),
    'python': lambda unit: (NAIVE, LASTING),
    'python in a zone': lambda unit: (LOCAL, LASTING),
    'numbers': lambda unit: ([START, START + 2], [Decimal(3), 0.5]),
}


@pytest.mark.parametrize('unit', UNITS)
@pytest.mark.parametrize('library', COLUMNS)
def test_times_are_taken_as_times(library: str, unit: str) -> None:
    """Whatever the unit in which a library keeps them."""
    arrivals, holdings = COLUMNS[library](unit)

    assert list(Trace.from_columns(arrivals, holdings)) == EXPECTED


def test_arrivals_can_be_durations_since_the_start() -> None:
    """Such as those of a load test."""
    assert list(Trace.from_columns(pd.Series(LASTING), [1, 1])) == [Job(0.5, 1), Job(3, 1)]


@pytest.mark.parametrize(
    ('arrivals', 'holdings', 'complaint'),
    [
        (pd.Series([DATES[0], None]), [1, 1], 'arrivals must not have missing values, but value 1 is NaT'),
        (pl.Series([DATES[0], None]), [1, 1], 'arrivals must not have missing values, but value 1 is NaT'),
        ([0, 1], pd.Series([LASTING[0], None]), 'holdings must not have missing values, but value 1 is NaT'),
        ([0, 1], pd.Series(DATES), 'holdings must be durations, got dates: subtract the arrivals from the ends'),
        ([0, 1], NAIVE, 'holdings must be durations, got dates: subtract the arrivals from the ends'),
        ([NAIVE[0], DATES[0]], [1, 1], 'arrivals mixes dates with and without a time zone'),
        ([date(2026, 1, 1), date(2026, 1, 2)], [1, 1], 'arrivals must be numbers of seconds, dates or durations, but'),
        (np.array(['soon', 0], object), [1, 1], "but value 0 is 'soon'"),
    ],
    ids=str,
)
def test_what_is_not_a_time_is_refused(arrivals: Any, holdings: Any, complaint: str) -> None:
    """The message names the column and the value."""
    with pytest.raises((TypeError, ValueError), match=complaint):
        Trace.from_columns(arrivals, holdings)


@pytest.mark.parametrize(('unit', 'factor'), [('ms', 10**3), ('us', 10**6), ('ns', 10**9)])
def test_numbers_that_look_like_another_unit_are_reported(unit: str, factor: int) -> None:
    """With the span that results; they are read as seconds all the same."""
    with pytest.warns(UserWarning, match=f'look like {unit} since 1970 but are read as seconds, so the jobs span'):
        trace = Trace.from_columns([START * factor, (START + 9404) * factor], [3, 3])

    assert trace.arrivals[-1] - trace.arrivals[0] == 9404 * factor


def test_numbers_of_seconds_pass_without_a_warning() -> None:
    """Seconds since 1970, or since any other start."""
    Trace.from_columns([START], [3])
    Trace.from_columns([5e10], [3])
    Trace.from_columns([], [])


def test_keys_that_are_texts_are_refused_with_the_remedy() -> None:
    """The message shows one of them."""
    table = pd.DataFrame({'start': [0, 1], 'took': [2, 2], 'tenant': ['a', 'b']})
    with pytest.raises(
        TypeError, match=r"keys must be positions .* such as 'a': with pandas, keys, key_names = pandas"
    ):
        Trace.from_columns(table['start'], table['took'], table['tenant'])

    keys, names = pd.factorize(table['tenant'])
    assert [job.key for job in Trace.from_columns(table['start'], table['took'], keys, list(names))] == ['a', 'b']
