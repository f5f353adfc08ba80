"""Refuse a wrong argument of the harness at once, naming it, its value, and what is allowed.

What the library takes itself, ``max_size`` and ``slot_exp``, is checked by ``py_cachify.arguments``.
"""

import math
from numbers import Integral, Real
from typing import Any


def whole_number(name: str, value: Any, at_least: int = 0) -> int:
    """``value`` as an ``int``, if it is a whole number of at least ``at_least``; NumPy's are, ``True`` is not."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f'{name} must be a whole number, not {value!r}')
    if int(value) < at_least:
        raise ValueError(f'{name} must be at least {at_least}, got {value!r}')
    return int(value)


def real_number(name: str, value: Any) -> float:
    """``value`` as a ``float``, if it is a number, which may be infinite; a text is none, nor are ``True`` and NaN."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f'{name} must be a number, not {value!r}')
    try:
        number = float(value)
    except OverflowError:
        raise ValueError(f'{name} must be a number that fits a float, got {value!r}') from None
    if math.isnan(number):
        raise ValueError(f'{name} must be a number, got {value!r}')
    return number


def not_negative(name: str, value: Any, *, infinite: bool = False) -> float:
    """A number of at least 0, finite if not said otherwise."""
    number = real_number(name, value)
    if number < 0 or (math.isinf(number) and not infinite):
        raise ValueError(f'{name} must be {"" if infinite else "finite and "}at least 0, got {value!r}')
    return number


def positive(name: str, value: Any) -> float:
    """A finite number of more than 0."""
    number = real_number(name, value)
    if not 0 < number < math.inf:
        raise ValueError(f'{name} must be finite and more than 0, got {value!r}')
    return number


def probability(name: str, value: Any) -> float:
    """A number from 0 to 1."""
    number = real_number(name, value)
    if not 0 <= number <= 1:
        raise ValueError(f'{name} must be between 0 and 1, got {value!r}')
    return number


def inner_probability(name: str, value: Any) -> float:
    """A number between 0 and 1, both left out."""
    number = real_number(name, value)
    if not 0 < number < 1:
        raise ValueError(f'{name} must be more than 0 and less than 1, got {value!r}')
    return number
