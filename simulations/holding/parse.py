"""Holding times as a short text, for command lines and scenario files."""

import math
from collections.abc import Callable

from simulations.holding.base import Holding
from simulations.holding.simple import Constant, Exponential, Lognormal, Pareto, Uniform


_FORMS: dict[str, tuple[Callable[..., Holding], str]] = {
    'exp': (Exponential, 'exp:MEAN'),
    'const': (Constant, 'const:X'),
    'uniform': (Uniform, 'uniform:A:B'),
    'lognormal': (Lognormal, 'lognormal:MU:SIGMA'),
    'pareto': (Pareto, 'pareto:SHAPE:MIN'),
}


def parse_holding(text: str) -> Holding:
    """Read ``exp:MEAN``, ``const:X``, ``uniform:A:B``, ``lognormal:MU:SIGMA`` or ``pareto:SHAPE:MIN``, in seconds.

    Raises ``ValueError`` that says what was wrong.

    Example::

        parse_holding('exp:1.5').mean()                     # 1.5
    """
    name, *numbers = text.split(':')
    if name not in _FORMS:
        raise ValueError(f'holding {text!r}: write {_forms()}')
    make, form = _FORMS[name]
    try:
        values = [float(number) for number in numbers]
    except ValueError:
        raise ValueError(f'holding {text!r}: write {form}, with numbers') from None
    if len(values) != form.count(':') or not all(map(math.isfinite, values)):
        raise ValueError(f'holding {text!r}: write {form}, with finite numbers')
    return make(*values)


def _forms() -> str:
    forms = [form for _, form in _FORMS.values()]
    return ', '.join(forms[:-1]) + ' or ' + forms[-1]
