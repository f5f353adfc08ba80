"""When a failed release is requested again: decided once, for threads and for asyncio.

A release has two reasons to be requested again, and a bound for each:

* *It could not be sent*, because all connections of the client are in use: other slots are given
  back at the same instant.  Then it is requested again for ``UNSENT_LIMIT`` seconds, or until the
  slot expires, if that is earlier.  What travels in a batch has waited there already.
* *It failed quickly*: a connection that the server closed while the body ran fails at once, and a
  new one may work.  It is requested once more.  A client that took longer has already repeated the
  request itself.
"""

import asyncio
import time

from py_cachify._signals import is_interrupt
from py_cachify._unsent import UNSENT_LIMIT, UnsentPauses, lacks_connection


QUICK_FAILURE = 0.1
"""In seconds: a client that repeats requests itself takes longer than this to give up."""


class Retries:
    """The failures of one release, and what follows from each.

    Attributes:
        may_have_arrived: whether one of the failed requests may have given the slot back.
    """

    may_have_arrived = False

    def __init__(self, began: float, expires: float | None) -> None:
        """Start with a first request that was sent at ``began``.

        ``expires`` is when the slot does, ``None`` for never.  Both are by ``time.monotonic()``.
        """
        limit = began + UNSENT_LIMIT
        self._until = limit if expires is None else min(limit, expires)
        self._began = began
        self._pauses = UnsentPauses()

    def begin(self) -> None:
        """Note that another request begins."""
        self._began = time.monotonic()

    def pause_after(self, error: BaseException) -> float | None:
        """Return the pause before the next request in seconds, or ``None`` if there is none."""
        now = time.monotonic()
        if lacks_connection(error):
            if now >= self._until:
                return None
            return min(self._pauses.next(), self._until - now)
        # Cancelled from within: for example by a loop that ends, if the client has its own tasks.
        broken_off = isinstance(error, asyncio.CancelledError | Exception) and is_interrupt(error)
        quick = isinstance(error, Exception) and now - self._began < QUICK_FAILURE
        if self.may_have_arrived or not (broken_off or quick):
            return None
        self.may_have_arrived = True
        return 0.0
