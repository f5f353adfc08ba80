"""Convert faults from and to the tables ``[[faults]]`` of a scenario file.

::

    [[faults]]
    kind = 'pause'
    at = [20.0, 50.0]               # or every = 'exp:60'
    lasting = 15.0                  # seconds, or a distribution such as 'exp:10'
    workers = 'one'                 # or 'all', or numbers such as [0, 2]
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from typing import Any

from simulations.arguments import nearest
from simulations.distributions import Constant
from simulations.faults.kinds import KINDS, Fault


def fault_from(table: Any) -> Fault:
    """Return the fault that a table describes.

    Raises:
        TypeError, ValueError: there is no such kind, or a value is not allowed; the message says
            what is.
    """
    if not isinstance(table, Mapping):
        raise TypeError(f'a fault must be a table, written as [[faults]] with its keys below, not {table!r}')
    values = dict(table)
    kind = values.pop('kind', None)
    if kind not in KINDS:
        raise ValueError(
            f'kind must be one of {", ".join(KINDS)}, got {kind!r}: the nearest is {nearest(kind, KINDS)!r}'
        )
    known = [each.name for each in fields(KINDS[kind])]
    for name in values:
        if name not in known:
            raise ValueError(
                f'a {kind} has no field {name!r}: the nearest is {nearest(name, known)!r}; known are {", ".join(known)}'
            )
    make: Callable[..., Fault] = KINDS[kind]
    return make(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})


def table_of(fault: Fault) -> dict[str, Any]:
    """Return the table that :func:`fault_from` reads as this fault."""
    table: dict[str, Any] = {'kind': fault.kind}
    for each in fields(fault):
        value = getattr(fault, each.name)
        if value is None or (each.default is not MISSING and value == each.default):
            continue
        if isinstance(value, tuple):
            value = value[0] if each.name == 'at' and len(value) == 1 else list(value)
        elif isinstance(value, Constant) and each.name == 'lasting':
            if not value.seconds:
                continue
            value = value.seconds
        elif not isinstance(value, str | float):
            value = str(value)
        table[each.name] = value
    return table
