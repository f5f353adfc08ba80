"""Something that happens later, for runs that need no process for it."""

from collections.abc import Callable
from typing import Any

import simpy


class After(simpy.Event):
    """Something that happens after ``delay`` seconds, as a SimPy ``Timeout``, with less ado."""

    NORMAL, AFTER_ALL_ENDS = 1, 2

    def __init__(self, env: simpy.Environment, delay: float, do: Callable[[Any], None], priority: int = NORMAL) -> None:
        self.env = env
        self.callbacks = [do]
        self._ok = True
        self._value = None
        env.schedule(self, priority=priority, delay=delay)  # type: ignore[arg-type]  # SimPy knows two by name


def moves_on(now: float, what: str, seconds: float) -> float:
    """The seconds, if the clock moves by them: else whoever waits so long would ask again and again for ever."""
    if seconds > 0 and now + seconds == now:
        raise ValueError(f'a {what} of {seconds!r} s does not move a clock that stands at {now!r} s: take longer ones')
    return seconds
