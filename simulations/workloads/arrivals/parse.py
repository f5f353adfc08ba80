"""Read arrivals from a short text, for command lines and scenario files."""

import math
from pathlib import Path
from typing import Any

from simulations.distributions import parse_holding
from simulations.workloads.arrivals.base import Arrivals
from simulations.workloads.arrivals.bursty import Bursty
from simulations.workloads.arrivals.clients import Clients
from simulations.workloads.arrivals.periodic import Periodic
from simulations.workloads.arrivals.poisson import PoissonArrivals
from simulations.workloads.arrivals.recorded import Recorded
from simulations.workloads.arrivals.varying import Varying


_FORMS = {
    'poisson': 'poisson:RATE',
    'periodic': 'periodic:INTERVAL[:TOGETHER[:SPREAD]]',
    'bursty': 'bursty:RATE:MEAN:RATE:MEAN[:...]',
    'varying': 'varying:PERIOD:RATE:RATE[:...]',
    'trace': 'trace:PATH',
    'clients': 'clients:NUMBER:FORM',
}


def parse_arrivals(text: str, folder: str | Path | None = None) -> Arrivals | Clients:
    """Read a law of arrivals; times are in seconds, rates in arrivals a second.

    =========================================  ===================================================
    ``poisson:RATE``                           at random
    ``periodic:INTERVAL[:TOGETHER[:SPREAD]]``  TOGETHER jobs each interval, each up to SPREAD
                                               seconds late
    ``bursty:RATE:MEAN:RATE:MEAN[:...]``       at random, at one rate for MEAN seconds on average,
                                               then at another
    ``varying:PERIOD:RATE:RATE[:...]``         at random, at rates that repeat each period and are
                                               linear in between
    ``trace:PATH``                             as recorded, in any format that
                                               :func:`simulations.read_trace` recognises
    ``clients:NUMBER:FORM``                    NUMBER clients, each of which thinks before it asks,
                                               for a time that :func:`simulations.parse_holding`
                                               reads
    =========================================  ===================================================

    Args:
        text: one of the forms.
        folder: the folder that a relative path is relative to; the working directory by default.

    Raises:
        TypeError: ``text`` is not a string.
        ValueError: it has none of these forms; the message says what is wrong and how to write it.

    Example::

        parse_arrivals('poisson:6').rate()              # 6.0
        parse_arrivals('periodic:86400:500:60')         # 500 jobs in the first minute of each day
    """
    if not isinstance(text, str):
        raise TypeError(f"arrivals must be a string such as 'poisson:6', not {text!r}")
    name, _, rest = text.partition(':')
    if name not in _FORMS:
        *forms, last = _FORMS.values()
        raise ValueError(f'arrivals {text!r}: write {", ".join(forms)} or {last}')
    match name:
        case 'trace' if rest:
            return Recorded.from_trace(rest, folder)
        case 'clients' if ':' in rest:
            clients, _, form = rest.partition(':')
            return Clients(_whole(text, clients), parse_holding(form, folder))
        case 'trace' | 'clients':
            raise _wrong(text)
    numbers = rest.split(':')
    match name, [_number(text, each) for each in numbers]:
        case 'poisson', [rate]:
            return PoissonArrivals(rate)
        case 'periodic', [interval]:
            return Periodic(interval)
        case 'periodic', [interval, _]:
            return Periodic(interval, _whole(text, numbers[1]))
        case 'periodic', [interval, _, spread]:
            return Periodic(interval, _whole(text, numbers[1]), spread)
        case 'bursty', [_, _, _, _, *_] as values if len(values) % 2 == 0:
            return Bursty(tuple(zip(values[::2], values[1::2], strict=True)))
        case 'varying', [period, _, _, *_] as values:
            return Varying(period, tuple(values[1:]))
    raise _wrong(text)


def as_arrivals(given: Any, folder: str | Path | None = None) -> Arrivals | Clients:
    """Return a law of arrivals as it is, or read it from a string.

    Raises:
        TypeError: ``given`` is neither.
        ValueError: the string cannot be read.
    """
    if isinstance(given, str):
        return parse_arrivals(given, folder)
    if not isinstance(given, Clients) and not hasattr(given, 'instants'):
        raise TypeError(f"arrivals must be a law of arrivals, or a string such as 'poisson:6', not {given!r}")
    arrivals: Arrivals | Clients = given
    return arrivals


def _wrong(text: str, more: str = '') -> ValueError:
    return ValueError(f'arrivals {text!r}: write {_FORMS[text.partition(":")[0]]}{more}')


def _number(text: str, written: str) -> float:
    try:
        value = float(written)
    except ValueError:
        raise _wrong(text, ', with numbers') from None
    if not math.isfinite(value):
        raise _wrong(text, ', with finite numbers')
    return value


def _whole(text: str, written: str) -> int:
    try:
        return int(written)
    except ValueError:
        raise _wrong(text, ', with a whole number of jobs or clients') from None
