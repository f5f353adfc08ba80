"""Read a fault from a short text, for command lines."""

from typing import Any

from simulations.arguments import nearest
from simulations.faults.kinds import KINDS, Fault
from simulations.faults.table import fault_from


_TEXTS = ('every', 'data')


def parse_fault(text: str) -> Fault:
    """Read a fault: its kind and its fields as ``name=value``, with commas between several values.

    Raises:
        TypeError, ValueError: there is no such kind, or a value is not allowed; the message says
            what is.

    Example::

        parse_fault('pause at=20,50 lasting=15 workers=0,2')
        parse_fault('lose replies every=exp:60 lasting=exp:5 share=0.3 workers=all')
    """
    if not isinstance(text, str):
        raise TypeError(f"a fault must be a string such as 'pause at=20 lasting=15', not {text!r}")
    words = text.split()
    kind = ' '.join(word for word in words if '=' not in word)
    if kind not in KINDS:
        raise ValueError(
            f'fault {text!r}: write KIND name=value ..., where KIND is one of {", ".join(KINDS)};'
            f' the nearest is {nearest(kind, KINDS)!r}'
        )
    table: dict[str, Any] = {'kind': kind}
    for word in words:
        name, equals, value = word.partition('=')
        if equals and name in table:
            raise ValueError(f'fault {text!r}: {name} is given twice; separate several values by commas')
        if equals:
            table[name] = value if name in _TEXTS else _values(name, value)
    return fault_from(table)


def _values(name: str, text: str) -> Any:
    if name == 'lasting' and ':' in text:
        return text
    if name == 'workers' and text in ('one', 'all'):
        return text
    values = [_number(value) for value in text.split(',')]
    return values if len(values) > 1 or name == 'workers' else values[0]


def _number(text: str) -> float | int | str:
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text
