"""How long a job waits in the queue of a full pool: a number of seconds, any time, or its patience.

Each job has a patience of its own.  A pool with ``wait=5`` has jobs that are all equally patient;
``wait='exp:5'`` draws the patience of each one.
"""

import random
from pathlib import Path
from typing import Any, TypeGuard

from py_cachify.arguments import check_wait
from simulations.distributions import Constant, Holding
from simulations.distributions.parse import as_duration


FOR_EVER = 'none'
"""As a text: jobs wait for as long as it takes."""

Wait = float | None | Holding
"""Seconds, 0 for not at all; ``None`` for as long as it takes; or the distribution of patience."""


def as_wait(given: Any, folder: str | Path | None = None) -> Wait:
    """Return how long jobs wait, checked.

    Args:
        given: a number of seconds, 0 for not at all; ``None`` or ``'none'`` for as long as it
            takes; or the distribution of patience, as an object or as a string that
            :func:`simulations.parse_holding` reads.
        folder: the folder that a path in a string is relative to; the working directory by default.

    Raises:
        TypeError, ValueError: it is none of these, or a number is out of the library's range.

    Example::

        as_wait('exp:5').mean()                 # 5.0
        as_wait('none')                         # None
    """
    if isinstance(given, str):
        if given.lower() == FOR_EVER:
            return None
        try:
            given = as_duration('wait', given, folder)
        except ValueError as error:
            raise ValueError(
                f'wait must be a number of seconds, none, or a distribution of patience such as exp:5: {error}'
            ) from None
    if is_patience(given):
        as_duration('wait', given)
        return check_wait(given.seconds) if isinstance(given, Constant) else given
    seconds = check_wait(given)
    return None if seconds is None else float(seconds)


def is_patience(wait: Any) -> TypeGuard[Holding]:
    """Return whether ``wait`` is a distribution from which the patience of each job is drawn."""
    return hasattr(wait, 'draw')


def wait_text(wait: Wait) -> float | str:
    """Return a value that :func:`as_wait` reads as ``wait``: a number or a text."""
    if wait is None:
        return FOR_EVER
    return wait if isinstance(wait, int | float) else str(wait)


class Patience:
    """The patience of one job after the other.

    Args:
        seed: the seed of the run; patience has its own random stream.
        wait: how long jobs wait.
    """

    def __init__(self, seed: int, wait: Wait) -> None:
        self._stream = random.Random(f'{seed} patience')
        self._wait = wait

    def draw(self) -> float | None:
        """Return for how many seconds the next job waits at most; ``None`` for any time."""
        wait = self._wait
        return wait if wait is None or isinstance(wait, int | float) else wait.draw(self._stream)
