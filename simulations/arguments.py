"""Check arguments of the workbench: each error names the argument, its value and what is allowed.

``py_cachify.arguments`` checks the arguments of the library itself, ``max_size`` and ``slot_exp``.
"""

import difflib
import math
import sys
from collections.abc import Iterable
from importlib import import_module
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from py_cachify.arguments import shown


_MOST_OF_AN_ERROR = 300


def nearest(value: object, known: Iterable[str]) -> str:
    """Return the known name that is spelled most like ``value``."""
    [near] = difflib.get_close_matches(str(value), list(known), 1, cutoff=0)
    return near


def imported(place: str, what: str, example: str) -> Any:
    """Return the object at ``MODULE:NAME``; modules are also found in the working directory.

    Args:
        place: the place.
        what: what the user names by it, for messages.
        example: an example of such a place, for messages.

    Raises:
        ValueError: there is no such module or name, or importing the module raised.
    """
    module, _, name = place.partition(':')
    if not (module and name):
        raise ValueError(f'name the {what} as MODULE:NAME, such as {example}, not {place!r}')
    if module.endswith('.py') or '/' in module or '\\' in module:
        file = Path(module.replace('\\', '/')).stem
        raise ValueError(
            f'{module!r} is a file: write the name of the module, such as {file}:{name}, in the folder of the file'
        )
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)
    try:
        found: Any = import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and (module == error.name or module.startswith(f'{error.name}.')):
            raise ValueError(
                f'there is no module {module!r} in {here} or on the path: start the command in its folder'
            ) from None
        raise ValueError(f'importing {module} raised {_told(error)}') from error
    except Exception as error:
        raise ValueError(f'importing {module} raised {_told(error)}') from error
    for part in name.split('.'):
        if not hasattr(found, part):
            near = difflib.get_close_matches(part, dir(found), 1)
            hint = f': did you mean {near[0]!r}?' if near else ''
            raise ValueError(f'the module {module!r} has no {name!r}{hint}')
        found = getattr(found, part)
    return found


def _told(error: BaseException) -> str:
    text = ' '.join(f'{type(error).__name__}: {error}'.split())
    return text if len(text) <= _MOST_OF_AN_ERROR else f'{text[:_MOST_OF_AN_ERROR]}…'


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
