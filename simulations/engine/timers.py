"""Call a function later in virtual time, without a SimPy process."""

from collections.abc import Callable
from typing import Any

import simpy


class After(simpy.Event):
    """A call after ``delay`` seconds: a SimPy ``Timeout`` with less overhead."""

    NORMAL, AFTER_ALL_ENDS = 1, 2

    def __init__(self, env: simpy.Environment, delay: float, do: Callable[[Any], None], priority: int = NORMAL) -> None:
        self.env = env
        self.callbacks = [do]
        self._ok = True
        self._value = None
        env.schedule(self, priority=priority, delay=delay)  # type: ignore[arg-type]  # SimPy knows two by name


def check_moves_clock(now: float, what: str, seconds: float) -> float:
    """Return ``seconds`` if they move the clock.

    Raises:
        ValueError: they are lost in rounding, so a job that waits so long would retry forever.
    """
    if seconds > 0 and now + seconds == now:
        raise ValueError(
            f'a {what} of {seconds!r} s is too short: at {now!r} s it does not move the clock; use longer ones'
        )
    return seconds
