"""Read a distribution from a short text, for command lines and scenario files."""

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from simulations.distributions.base import Holding
from simulations.distributions.empirical import Empirical
from simulations.distributions.families import Constant, Exponential, Lognormal, Pareto, Uniform
from simulations.distributions.mixture import Mixture


_SIMPLE: dict[str, tuple[Callable[..., Holding], str]] = {
    'exp': (Exponential, 'exp:MEAN'),
    'const': (Constant, 'const:X'),
    'uniform': (Uniform, 'uniform:A:B'),
    'lognormal': (Lognormal, 'lognormal:MU:SIGMA'),
    'pareto': (Pareto, 'pareto:SHAPE:MIN'),
}
_VALUES, _FILE, _TRACE, _MIX = 'values:A:B:...', 'file:PATH', 'trace:PATH', 'mix:WEIGHT*FORM+...'
_FORMS = [*(form for _, form in _SIMPLE.values()), _VALUES, _FILE, _TRACE, _MIX]
# A plus between two parts is followed by a weight and a star; that of a weight such as 1e+20 is
# not.
_BETWEEN_PARTS = re.compile(r'(?<![0-9.][eE])\+(?=\s*(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*\*)')


def parse_holding(text: str, folder: str | Path | None = None) -> Holding:
    """Read a distribution of the holding time, in seconds.

    ======================  =======================================================================
    ``exp:MEAN``            exponential
    ``const:X``             always X
    ``uniform:A:B``         uniform between two bounds
    ``lognormal:MU:SIGMA``  the logarithm is normal
    ``pareto:SHAPE:MIN``    longer than x with probability (MIN/x)^SHAPE
    ``values:A:B:...``      each of these values with equal weight
    ``file:PATH``           the values of a text file, one a line, with equal weight
    ``trace:PATH``          the holding times of the jobs of a trace, in any format that
                            :func:`simulations.read_trace` recognises
    ``mix:W*FORM+W*FORM``   one of several of the above, chosen by these weights
    ======================  =======================================================================

    Args:
        text: one of the forms.
        folder: the folder that a relative path is relative to; the working directory by default.

    Raises:
        TypeError: ``text`` is not a string.
        ValueError: it has none of these forms; the message says what is wrong and how to write it.

    Example::

        parse_holding('exp:1.5').mean()                             # 1.5
        parse_holding('mix:0.99*exp:1+0.01*const:30').mean()        # 1.29
    """
    if not isinstance(text, str):
        raise TypeError(f"a holding time must be a string such as 'exp:1', not {text!r}")
    name, _, rest = text.partition(':')
    match name:
        case 'mix':
            return Mixture(tuple(_part(text, part, folder) for part in _BETWEEN_PARTS.split(rest)))
        case 'file' | 'trace' if not rest:
            raise ValueError(f'holding {text!r}: write {_FILE if name == "file" else _TRACE}')
        case 'file':
            return Empirical.from_file(rest, folder)
        case 'trace':
            from simulations.traces import read_trace  # imports this package itself

            return Empirical(read_trace(Path(folder or '') / rest).holdings, text)
        case 'values':
            return Empirical(_numbers(text, rest, _VALUES))
    if name not in _SIMPLE:
        raise ValueError(f'holding {text!r}: write {", ".join(_FORMS[:-1])} or {_FORMS[-1]}')
    make, form = _SIMPLE[name]
    values = _numbers(text, rest, form)
    if len(values) != form.count(':'):
        raise ValueError(f'holding {text!r}: write {form}')
    return make(*values)


def _numbers(text: str, listed: str, form: str) -> list[float]:
    try:
        values = [float(each) for each in listed.split(':')]
    except ValueError:
        raise ValueError(f'holding {text!r}: write {form}, with numbers') from None
    if not all(map(math.isfinite, values)):
        raise ValueError(f'holding {text!r}: write {form}, with finite numbers')
    return values


def _part(text: str, part: str, folder: str | Path | None) -> tuple[float, Holding]:
    weight, star, form = part.partition('*')
    if not star:
        raise ValueError(f'holding {text!r}: write {_MIX}, a weight and a star before each form')
    return _numbers(text, weight, _MIX)[0], parse_holding(form.strip(), folder)


def as_holding(name: str, given: Any, folder: str | Path | None = None) -> Holding:
    """Return a distribution as it is, or read it from a string.

    Args:
        name: the name of the argument, for the error.
        given: a distribution, or a string that :func:`parse_holding` reads.
        folder: the folder that a relative path is relative to; the working directory by default.

    Raises:
        TypeError: ``given`` is neither.
        ValueError: the string cannot be read.
    """
    if isinstance(given, str):
        return parse_holding(given, folder)
    if not hasattr(given, 'draw') or not hasattr(given, 'mean_until'):
        raise TypeError(f"{name} must be a distribution, or a string such as 'exp:1', not {given!r}")
    holding: Holding = given
    return holding


def as_duration(name: str, given: Any, folder: str | Path | None = None) -> Holding:
    """Return what :func:`as_holding` returns, if its mean is finite.

    Raises:
        TypeError: ``given`` is neither a distribution nor a string.
        ValueError: the string cannot be read, or the mean is infinite.
    """
    duration = as_holding(name, given, folder)
    if math.isinf(duration.mean()):
        raise ValueError(f'{name} must have a finite mean, but that of {duration} is infinite')
    return duration
