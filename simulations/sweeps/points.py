"""What is varied, and over which values."""

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from py_cachify.arguments import check_expiration, check_max_size
from simulations.arguments import positive, probability


Value = float | int | None

NAMES = {
    'max_size': 'slots of the pool',
    'slot_exp': 'life of a slot in seconds, or none',
    'load': 'arrivals, as a multiple of those of the scenario',
    'crash_probability': 'share of holders that crash',
}
"""What can be varied, and what it is."""

MOST_POINTS = 100_000


def check_vary(vary: Mapping[str, Iterable[Value]]) -> dict[str, tuple[Value, ...]]:
    """The values of each, as a scenario takes them; refuses a name or a value that it does not know."""
    if not vary:
        raise ValueError(f'say what to vary: {", ".join(NAMES)}')
    checked: dict[str, tuple[Value, ...]] = {}
    for name, values in vary.items():
        if name not in NAMES:
            raise ValueError(f'{name!r} cannot be varied: choose from {", ".join(NAMES)}')
        checked[name] = tuple(_check(name, value) for value in values)
        if not checked[name]:
            raise ValueError(f'{name} needs a value at least')
        if len(set(checked[name])) < len(checked[name]):
            raise ValueError(f'{name} has a value twice: {", ".join(map(str, checked[name]))}')
    count = math.prod(map(len, checked.values()))
    if count > MOST_POINTS:
        raise ValueError(f'{count:,} points are more than {MOST_POINTS:,}: vary less')
    return checked


def points(vary: Mapping[str, Sequence[Value]]) -> list[dict[str, Value]]:
    """Every combination, the last name varying fastest."""
    return [dict(zip(vary, values, strict=True)) for values in itertools.product(*vary.values())]


def parse_vary(text: str) -> tuple[str, tuple[Value, ...]]:
    """Read what to vary: ``NAME=FIRST:LAST:STEP``, ends included, or ``NAME=A,B,C``.

    Raises:
        ValueError: it is neither; the message says how to write it.

    Example::

        parse_vary('max_size=5:20:5')           # ('max_size', (5, 10, 15, 20))
        parse_vary('slot_exp=1,2.5,none')       # ('slot_exp', (1.0, 2.5, None))
    """
    name, equals, values = text.partition('=')
    if not equals or not values:
        raise ValueError(f'vary {text!r}: write NAME=FIRST:LAST:STEP or NAME=A,B,C, such as max_size=5:50:5')
    read = _range(text, values) if ':' in values else [_number(text, value) for value in values.split(',')]
    return name, check_vary({name: read})[name]


def _range(text: str, values: str) -> list[Value]:
    try:
        # As written: in binary a step of 0.1 would miss the last value, or give 0.30000000000000004.
        first, last, step = map(Decimal, values.split(':'))
        count = int((last - first) / step) + 1
    except (ValueError, ArithmeticError):
        step = Decimal(0)
    if step <= 0 or not 0 < count <= MOST_POINTS:
        raise ValueError(f'vary {text!r}: write NAME=FIRST:LAST:STEP, with a step of more than 0')
    return [_plain(first + number * step) for number in range(count)]


def _number(text: str, value: str) -> Value:
    if value.strip().lower() == 'none':
        return None
    try:
        return _plain(Decimal(value))
    except InvalidOperation:
        raise ValueError(f'vary {text!r}: {value!r} is not a number') from None


def _plain(value: Decimal) -> float | int:
    return int(value) if value == value.to_integral_value() else float(value)


def _max_size(value: Any) -> int:
    check_max_size(value)
    return int(value)


def _slot_exp(value: Any) -> float | None:
    check_expiration('slot_exp', value)
    return None if value is None else float(value)


_CHECKS: dict[str, Callable[[Any], Value]] = {
    'max_size': _max_size,
    'slot_exp': _slot_exp,
    'load': lambda value: positive('load', value),
    'crash_probability': lambda value: probability('crash_probability', value),
}


def _check(name: str, value: Value) -> Value:
    return _CHECKS[name](value)
