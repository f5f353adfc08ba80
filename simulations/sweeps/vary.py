"""The names that a sweep can vary, and their values."""

import itertools
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

from py_cachify.arguments import check_expiration, check_max_size, check_max_waiting
from simulations.arguments import positive, probability
from simulations.workloads.patience import as_wait, wait_text


Value = float | int | str | None
"""A value; a text is the distribution of a patience."""

NAMES = {
    'max_size': 'slots of the pool',
    'slot_exp': 'life of a slot in seconds, or none',
    'load': 'arrivals, as a multiple of the arrivals of the scenario',
    'crash_probability': 'share of holders that crash',
    'wait': 'seconds that a job waits at most, none for any time, or the distribution of its patience',
    'max_waiting': 'jobs that may wait at each pool, or none for any number',
}
"""The names that can be varied, and their meaning."""

MOST_POINTS = 100_000
_MOST_DIGITS = 400
"""The largest number of digits before or after the decimal point, far beyond that of a float."""


def check_vary(vary: Mapping[str, Iterable[Value]]) -> dict[str, tuple[Value, ...]]:
    """Return the values of each name, as a scenario takes them.

    Raises:
        TypeError, ValueError: a name is unknown, or a value is invalid or repeated.
    """
    if not vary:
        raise ValueError(f'vary must name at least one of {", ".join(NAMES)}')
    checked: dict[str, tuple[Value, ...]] = {}
    for name, values in vary.items():
        if name not in NAMES:
            raise ValueError(f'{name!r} cannot be varied: choose from {", ".join(NAMES)}')
        given: object = values
        if isinstance(given, str) or not isinstance(given, Iterable):
            raise TypeError(f'the values of {name} must be a list, such as [{values!r}], not {values!r}')
        checked[name] = tuple(_check(name, value) for value in values)
        if not checked[name]:
            raise ValueError(f'{name} needs at least one value')
        if len(set(checked[name])) < len(checked[name]):
            raise ValueError(f'{name} lists a value twice: {", ".join(map(str, checked[name]))}')
    count = math.prod(map(len, checked.values()))
    if count > MOST_POINTS:
        raise ValueError(f'the sweep would have {count:,} points, more than the limit of {MOST_POINTS:,}: vary less')
    return checked


def value_text(value: Value) -> str:
    """Return a value in a few letters, for tables and pictures."""
    return 'none' if value is None else value if isinstance(value, str) else f'{value:g}'


def points(vary: Mapping[str, Sequence[Value]]) -> list[dict[str, Value]]:
    """Return every combination of the values; the last name varies fastest."""
    return [dict(zip(vary, values, strict=True)) for values in itertools.product(*vary.values())]


def parse_vary(text: str) -> tuple[str, tuple[Value, ...]]:
    """Return a name and its values from ``NAME=FIRST:LAST:STEP``, ends included, or ``NAME=A,B,C``.

    Raises:
        ValueError: the text has neither form; the message shows the right one.

    Example::

        parse_vary('max_size=5:20:5')           # ('max_size', (5, 10, 15, 20))
        parse_vary('slot_exp=1,2.5,none')       # ('slot_exp', (1.0, 2.5, None))
        parse_vary('wait=0,2,none,exp:5')       # ('wait', (0.0, 2.0, None, 'exp:5'))
    """
    name, equals, values = text.partition('=')
    if not equals or not values:
        raise ValueError(f'vary {text!r}: write NAME=FIRST:LAST:STEP or NAME=A,B,C, such as max_size=5:50:5')
    if name == 'wait' and not _RANGE.fullmatch(values):
        # A distribution has a colon too.
        read = [None if value.strip().lower() == 'none' else _wait_value(value.strip()) for value in values.split(',')]
    else:
        read = _range(text, values) if ':' in values else [_value(text, value) for value in values.split(',')]
    try:
        return name, check_vary({name: read})[name]
    except TypeError as error:
        # For example half a slot.
        raise ValueError(f'vary {text!r}: {error}') from None


_RANGE = re.compile(r'[-+.eE\d]+(:[-+.eE\d]+){2}')


def _wait_value(text: str) -> Value:
    try:
        return float(text)
    except ValueError:
        return text


def _range(text: str, values: str) -> list[Value]:
    parts = values.split(':')
    if len(parts) != 3:
        raise ValueError(f'vary {text!r}: write NAME=FIRST:LAST:STEP, such as max_size=5:50:5')
    # Exact fractions: in binary, a step of 0.1 would miss the last value or yield
    # 0.30000000000000004.
    first, last, step = (_number(text, part) for part in parts)
    if step <= 0 or last < first:
        raise ValueError(f'vary {text!r}: LAST must be no less than FIRST, and STEP more than 0')
    count = (last - first) // step + 1
    if count > MOST_POINTS:
        raise ValueError(f'vary {text!r}: {count:,} values exceed the limit of {MOST_POINTS:,}')
    return [_plain(text, first + number * step) for number in range(count)]


def _value(text: str, value: str) -> Value:
    return None if value.strip().lower() == 'none' else _plain(text, _number(text, value))


def _number(text: str, value: str) -> Fraction:
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise ValueError(f'vary {text!r}: {value!r} is not a number') from None
    if not number.is_finite() or abs(number.adjusted()) > _MOST_DIGITS or len(value) > _MOST_DIGITS:
        raise ValueError(f'vary {text!r}: {value!r} is infinite, not a number, or has more than {_MOST_DIGITS} digits')
    return Fraction(number)


def _plain(text: str, value: Fraction) -> float | int:
    try:
        number = float(value)
    except OverflowError:
        raise ValueError(f'vary {text!r}: a value is too large') from None
    return int(value) if value.denominator == 1 else number


def _max_size(value: Any) -> int:
    check_max_size(value)
    return int(value)


def _slot_exp(value: Any) -> float | None:
    check_expiration('slot_exp', value)
    return None if value is None else float(value)


def _wait(value: Any) -> Value:
    wait = as_wait(value)
    return None if wait is None else wait_text(wait)


_CHECKS: dict[str, Callable[[Any], Value]] = {
    'max_size': _max_size,
    'slot_exp': _slot_exp,
    'load': lambda value: positive('load', value),
    'crash_probability': lambda value: probability('crash_probability', value),
    'wait': _wait,
    'max_waiting': lambda value: check_max_waiting(value),
}


def _check(name: str, value: Value) -> Value:
    return _CHECKS[name](value)
