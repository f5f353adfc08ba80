"""Options of what a refused job does."""

import functools
from collections.abc import Mapping
from typing import Any

from simulations.cli.options.option import Option
from simulations.distributions import Holding, parse_holding
from simulations.workloads.refusals import Leave, Retry


def _pause(text: str) -> Holding | None:
    return None if text.lower() == 'none' else parse_holding(text)


_option = functools.partial(Option, group='refused jobs leave, or try again')

REFUSAL = (
    _option(
        '--retry',
        'on_refusal.pause',
        convert=_pause,
        metavar='PAUSE',
        help='after a pause in seconds, such as exp:1; none: they leave',
    ),
    _option(
        '--back-off',
        'on_refusal.factor',
        read=float,
        metavar='FACTOR',
        help='each pause is so many times the one before',
    ),
    _option('--longest-pause', 'on_refusal.longest', read=float, metavar='SECONDS', help='but no longer than this'),
    _option(
        '--jitter',
        'on_refusal.jitter',
        read=float,
        metavar='SHARE',
        help='shorten each by a random part of up to this',
    ),
    _option('--tries', 'on_refusal.tries', read=int, metavar='N', help='give up after so many attempts'),
)


def changed_refusal(refusal: Leave | Retry, changes: Mapping[str, Any]) -> Leave | Retry:
    """Return what a refused job does once the options have changed it; a pause of ``None`` makes it leave.

    Raises:
        TypeError, ValueError: a value cannot be, or is for jobs that try again, and these leave.
    """
    values = dict(changes)
    if 'pause' in values and values['pause'] is None:
        del values['pause']
        refusal = Leave()
    if not values:
        return refusal
    if isinstance(refusal, Retry):
        kept = {name: getattr(refusal, name) for name in ('factor', 'longest', 'jitter', 'tries')}
        values = {'pause': refusal.pauses, **kept} | values
    if 'pause' not in values:
        option = next(option for option in REFUSAL if option.field.partition('.')[2] in values)
        raise ValueError(f'{option.flag} is for jobs that try again: give --retry PAUSE as well, such as --retry exp:1')
    return Retry(**values)
