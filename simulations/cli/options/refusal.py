"""Options for what a refused job does."""

import functools
from collections.abc import Mapping
from typing import Any

from simulations.cli.options.option import Option
from simulations.distributions import Holding, parse_holding
from simulations.workloads.refusals import Leave, Retry


def _pause(text: str) -> Holding | None:
    return None if text.lower() == 'none' else parse_holding(text)


_option = functools.partial(Option, group='what refused jobs do')

REFUSAL = (
    _option(
        '--retry',
        'on_refusal.pause',
        convert=_pause,
        metavar='PAUSE',
        help='let a refused job try again after a pause in seconds, drawn from a distribution such as exp:1;'
        ' with "none", refused jobs leave',
    ),
    _option(
        '--back-off',
        'on_refusal.factor',
        read=float,
        metavar='FACTOR',
        help='multiply each further pause by FACTOR',
    ),
    _option('--longest-pause', 'on_refusal.longest', read=float, metavar='SECONDS', help='limit each pause to SECONDS'),
    _option(
        '--jitter',
        'on_refusal.jitter',
        read=float,
        metavar='SHARE',
        help='shorten each pause at random by up to SHARE of it',
    ),
    _option('--tries', 'on_refusal.tries', read=int, metavar='N', help='let a job give up after N attempts'),
)


def changed_refusal(refusal: Leave | Retry, changes: Mapping[str, Any]) -> Leave | Retry:
    """Return what a refused job does once the options are applied.

    A pause of ``None`` makes the job leave.

    Raises:
        TypeError, ValueError: a value is out of range, or an option needs jobs that try again and
            these leave.
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
        raise ValueError(f'{option.flag} needs jobs that try again: add --retry PAUSE, such as --retry exp:1')
    return Retry(**values)
