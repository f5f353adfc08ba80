"""What the metrics are called, and the name under which they count a pool."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from py_cachify.arguments import shown
from py_cachify.events import Event, Kind


class Metric(NamedTuple):
    """The name of a metric for OpenTelemetry, its unit there, and what it is."""

    name: str
    unit: str
    description: str

    @property
    def for_prometheus(self) -> str:
        """Its name for Prometheus, without the suffix ``_total`` of counters."""
        return self.name.replace('.', '_') + ('_seconds' if self.unit == 's' else '')

    def described(self, *labels: str) -> tuple[str, str, list[str]]:
        """Its name, its description and its labels for Prometheus, the pool's name first."""
        return self.for_prometheus, self.description, [label.replace('.', '_') for label in (POOL, *labels)]


COUNT = Metric('py_cachify.slot.count', '{slot}', 'Slots that this process holds')
MAX = Metric('py_cachify.slot.max', '{slot}', 'Slots of the pool, which processes share: take the maximum')
EXP = Metric('py_cachify.slot.exp', 's', 'Life of a slot, or 0 if it never expires')
PENDING = Metric('py_cachify.slot.pending_requests', '{request}', 'Attempts of this process that wait in the queue')
TIMEOUTS = Metric('py_cachify.slot.timeouts', '{timeout}', 'Attempts that waited in vain')
WAIT_TIME = Metric('py_cachify.slot.wait_time', 's', 'Time from the beginning of an attempt to its slot')
USE_TIME = Metric('py_cachify.slot.use_time', 's', 'Time from the grant of a slot to its end')
EVENTS = Metric('py_cachify.slot.events', '{event}', 'Events of attempts to take a slot, by their kind')

POOL = 'py_cachify.pool.name'
STATE = 'py_cachify.slot.state'
USED = 'used'
KIND = 'py_cachify.event.kind'
ERROR = 'error.type'

KINDS: tuple[Kind, ...] = ('granted', 'refused', 'timed_out', 'released', 'overrun', 'renewed', 'lost')
"""The kinds that are counted from zero; ``'failed'`` has one counter for each type of error."""

SECONDS = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
    *(30.0, 60.0, 120.0, 300.0, 600.0),
)
"""The upper bounds of the histograms' buckets: from a millisecond to ten minutes."""

NO_TEMPLATE = '(no template)'
"""The name that ``by_template()`` gives to all pools that were made by ``pool()``."""


def as_label(name: str) -> str:
    """Return a pool's name as UTF-8 can encode it: a lone surrogate would make a scrape fail."""
    return name.encode(errors='replace').decode()


def by_template(event: Event) -> str:
    """Return the template of the decorated function, such as ``'mail-{user_id}'``.

    All pools that were made by ``pool()`` share the name ``'(no template)'``, because their keys
    may contain what identifies a user.

    Example::

        by_template(event)  # 'mail-{user_id}' for the key 'mail-7'
    """
    return NO_TEMPLATE if event.template is None else event.template


def by_key(event: Event) -> str:
    """Return the template of the decorated function, or else the key that ``pool()`` was given.

    Use it if your program calls ``pool()`` with few different keys, none of which is secret: each
    becomes a time series of its own.

    Example::

        by_key(event)  # 'reports' for pool('reports', max_size=3)
    """
    return event.key if event.template is None else event.template


def error_type(error: BaseException | None) -> str:
    """Return the class of an error with its module, as ``error.type`` is defined.

    Example::

        error_type(redis.ConnectionError())  # 'redis.exceptions.ConnectionError'
    """
    if error is None:
        return ''
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == 'builtins' else f'{kind.__module__}.{kind.__qualname__}'


def check_name(name: Any) -> None:
    """Refuse what cannot name a pool.

    Raises:
        TypeError: it is not callable.
    """
    if not callable(name):
        raise TypeError(f'name must be a function of an event that returns a string, such as by_key, not {shown(name)}')


def check_buckets(buckets: Sequence[float]) -> tuple[float, ...]:
    """Return the upper bounds of buckets, in seconds.

    Raises:
        ValueError: there are none, or they are not positive, finite and increasing.
    """
    bounds = tuple(map(float, buckets))
    if not bounds or any(
        not lower < upper < math.inf for lower, upper in zip((0.0, *bounds[:-1]), bounds, strict=True)
    ):
        raise ValueError(
            f'buckets must be upper bounds in seconds, positive, finite and increasing, not {shown(bounds)}'
        )
    return bounds
