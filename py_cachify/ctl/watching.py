"""Draw the pools again and again, until the user has seen enough.

An error of the server or the network is shown instead of new values, above the last ones, and the
server is asked again at the next turn.
"""

import time
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar


V = TypeVar('V')


class View(NamedTuple, Generic[V]):
    """What there is to draw.

    Attributes:
        value: the last values that were read; ``None`` if there are none yet.
        error: why there are no newer ones; ``None`` if these are new.
        since: for how many seconds this is so.
    """

    value: V | None
    error: str | None
    since: float


def watch(
    read: Callable[[], V],
    draw: Callable[[View[V]], object],
    *,
    interval: float,
    times: int | None = None,
    explain: Callable[[Exception], str | None],
    sleep: Callable[[float], object] = time.sleep,
) -> None:
    """Read and draw every ``interval`` seconds, ``times`` times, or until an exception ends it.

    Args:
        read: returns new values.
        draw: shows a view.
        interval: from one reading to the next, in seconds; a slow server makes it longer.
        times: how often; ``None`` for ever.
        explain: returns what to show for an exception of ``read``; for ``None`` it is raised.
        sleep: waits so many seconds.

    Example::

        watch(lambda: 7, print, interval=1, times=3, explain=str)
    """
    value: V | None = None
    fresh_at = time.monotonic()
    turn = 0
    while times is None or turn < times:
        begun = time.monotonic()
        try:
            value = read()
            error = None
            fresh_at = time.monotonic()
        except Exception as raised:
            error = explain(raised)
            if error is None:
                raise
        draw(View(value, error, time.monotonic() - fresh_at))
        turn += 1
        if times is None or turn < times:
            sleep(max(0.0, begun + interval - time.monotonic()))
