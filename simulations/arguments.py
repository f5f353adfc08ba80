"""Check arguments of the workbench: each error names the argument, its value and what is allowed.

``py_cachify.arguments`` checks the arguments of the library itself, ``max_size`` and ``slot_exp``.
"""

import difflib
import math
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

from py_cachify.arguments import shown


def nearest(value: object, known: Iterable[str]) -> str:
    """Return the known name that is spelled most like ``value``."""
    [near] = difflib.get_close_matches(str(value), list(known), 1, cutoff=0)
    return near


def whole_number(name: str, value: Any, at_least: int = 0, at_most: int | None = None) -> int:
    """Return ``value`` as an ``int`` if it is a whole number of at least ``at_least``.

    With ``at_most``, a larger number is refused.  NumPy integers are accepted, ``True`` and
    ``False`` are not.
    """
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f'{name} must be a whole number, not {value!r}')
    if int(value) < at_least:
        raise ValueError(f'{name} must be at least {at_least}, got {value!r}')
    if at_most is not None and int(value) > at_most:
        raise ValueError(f'{name} must be at most {at_most}, got {shown(value)}')
    return int(value)


def real_number(name: str, value: Any) -> float:
    """Return ``value`` as a ``float`` if it is a number; it may be infinite.

    Strings, ``True``, ``False`` and NaN are refused.
    """
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
    """Return a number of at least 0, which must be finite unless ``infinite`` is true."""
    number = real_number(name, value)
    if number < 0 or (math.isinf(number) and not infinite):
        raise ValueError(f'{name} must be {"" if infinite else "finite and "}at least 0, got {value!r}')
    return number


def positive(name: str, value: Any) -> float:
    """Return a finite number greater than 0."""
    number = real_number(name, value)
    if not 0 < number < math.inf:
        raise ValueError(f'{name} must be finite and more than 0, got {value!r}')
    return number


def probability(name: str, value: Any) -> float:
    """Return a number from 0 to 1."""
    number = real_number(name, value)
    if not 0 <= number <= 1:
        raise ValueError(f'{name} must be between 0 and 1, got {value!r}')
    return number


def inner_probability(name: str, value: Any) -> float:
    """Return a number between 0 and 1, both excluded."""
    number = real_number(name, value)
    if not 0 < number < 1:
        raise ValueError(f'{name} must be more than 0 and less than 1, got {value!r}')
    return number
