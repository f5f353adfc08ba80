"""The figures in which two designs are compared, their labels, and how their values are written."""

import math
from typing import NamedTuple, TypeGuard

from simulations.measuring.figures import Figures


_CIRCUMSTANCES = frozenset(('jobs', 'pools', 'first', 'last', 'warm_up', 'drain'))
"""Fields that say what a run was, not how the design did."""


FIGURES = (*(name for name in Figures._fields if name not in _CIRCUMSTANCES), 'overrun_share')
"""The names of all figures in which a difference has a meaning."""


def compared(figures: Figures) -> dict[str, float | None]:
    """Return these figures of a run; ``None`` for one that has no value."""
    found = {name: getattr(figures, name) for name in FIGURES[:-1]}
    return found | {'overrun_share': figures.expired_while_running / figures.granted if figures.granted else 0.0}


def is_number(value: float | None) -> TypeGuard[float]:
    """Return whether a figure has a value that can be subtracted."""
    return value is not None and math.isfinite(value)


class Headline(NamedTuple):
    """A figure that the verdict speaks of.

    Attributes:
        less, more: what B does if its figure is lower, or higher.
        fewer, further: the words after an amount by which it is lower, or higher.
    """

    less: str
    more: str
    fewer: str
    further: str


HEADLINES = {
    'refusal_share': Headline('refuses fewer jobs', 'refuses more jobs', 'of the jobs fewer', 'of the jobs more'),
    'wait_mean': Headline('makes jobs wait less', 'makes jobs wait longer', 'less on average', 'longer on average'),
    'attempts_refusal_share': Headline(
        'refuses fewer attempts', 'refuses more attempts', 'of the attempts fewer', 'of the attempts more'
    ),
    'served_within': Headline(
        'serves fewer jobs in time', 'serves more jobs in time', 'of the jobs fewer', 'of the jobs more'
    ),
    'timed_out_share': Headline(
        'lets fewer attempts time out',
        'lets more attempts time out',
        'of the attempts fewer',
        'of the attempts more',
    ),
    'overrun_mean': Headline(
        'has fewer bodies beyond their slots',
        'has more bodies beyond their slots',
        'fewer on average',
        'more on average',
    ),
    'recovery_mean': Headline(
        'frees the slots of crashed holders sooner',
        'frees the slots of crashed holders later',
        'sooner on average',
        'later on average',
    ),
}
"""The figures of the verdict, the most telling first."""

_LARGE = 1000
"""From here on, values are written without a fraction."""

COUNTS = frozenset(
    (
        'granted',
        'refused',
        'failed',
        'attempts',
        'retries',
        'granted_later',
        'expired_while_running',
        'crashed',
        'recovered',
        'renewals',
        'lost',
        'lost_running',
        'timed_out',
    )
)
"""Totals, which the picture leaves out because a share or a mean says the same."""

_LABELS = {
    'granted': 'jobs granted a slot',
    'refused': 'jobs refused',
    'refusal_share': 'share of jobs refused',
    'failed': 'jobs that failed',
    'attempts_refusal_share': 'share of attempts refused',
    'granted_later': 'jobs granted at a later attempt',
    'wait_mean': 'mean wait',
    'wait_p50': 'median wait',
    'wait_p95': '95% of the waits within',
    'wait_p99': '99% of the waits within',
    'wait_longest': 'longest wait',
    'wait_mean_granted': 'mean wait of granted jobs',
    'waited_share': 'share of jobs that waited',
    'timed_out': 'attempts that timed out',
    'timed_out_share': 'share of attempts that timed out',
    'queue_mean': 'mean queue',
    'queue_peak': 'longest queue',
    'served_within': 'share of jobs served in time',
    'throughput': 'grants a second',
    'occupancy_mean': 'mean occupancy',
    'occupancy_peak': 'highest occupancy of a pool',
    'utilisation': 'share of slots in use',
    'running_mean': 'mean number of bodies',
    'running_peak': 'highest number of bodies',
    'expired_while_running': 'slots that expired too early',
    'overrun_mean': 'mean overrun (bodies)',
    'overrun_peak': 'highest overrun (bodies)',
    'overrun_share': 'share of jobs that outlived their slot',
    'crashed': 'holders that crashed',
    'recovered': 'slots freed after a crash',
    'recovery_mean': 'mean time to free a crashed slot',
    'recovery_longest': 'longest time to free a crashed slot',
    'lost': 'slots lost',
    'lost_running': 'time run after a loss',
    'lost_running_longest': 'longest time run after a loss',
}


def label(figure: str) -> str:
    """Return the name of a figure in words."""
    return _LABELS.get(figure, figure.replace('_', ' '))


def is_share(figure: str) -> bool:
    """Return whether a figure is a share, from 0 to 1."""
    return figure.endswith('_share') or figure in ('utilisation', 'served_within')


def is_time(figure: str) -> bool:
    """Return whether a figure is a number of seconds."""
    return figure.startswith(('wait_', 'recovery_', 'lost_running')) and not is_share(figure)


def value_text(figure: str, value: float, *, signed: bool = False) -> str:
    """Return a value of a figure as text, with its unit; ``signed`` shows a plus as well."""
    sign = '+' if signed else ''
    if is_share(figure):
        return f'{100 * value:{sign}.3g}%'
    text = f'{value:{sign},.0f}' if abs(value) >= _LARGE else f'{value:{sign}.4g}'
    return f'{text} s' if is_time(figure) else text
