"""A request that a client could not send, because all its connections were in use.

Connections become free all the time, so a release is requested again, and a batch is sent again.
Errors are recognised by name, because each client package has its own classes, and none is imported
here: ``redis`` raises ``MaxConnectionsError``; ``valkey`` and older versions of ``redis``, and all
their blocking pools, raise a ``ConnectionError`` with a fixed text.
"""

import random


UNSENT_LIMIT = 30.0
"""In seconds: how long a request that could not be sent is sent again."""

SHORTEST_PAUSE, LONGEST_PAUSE = 0.001, 0.064
"""In seconds.  Pauses double from the first to the second, so that many waiters burn no core."""

_random = random.Random()
"""The library's own, so that it draws nothing from the stream that a program may have seeded."""


class UnsentPauses:
    """How long to pause until a request is sent again."""

    _longest = SHORTEST_PAUSE

    def next(self) -> float:
        """Return the next pause, in seconds.

        It is at random, or all that wait would ask at the same instant again.
        """
        pause = self._longest * _random.uniform(0.5, 1)
        self._longest = min(2 * self._longest, LONGEST_PAUSE)
        return pause

    def begin_again(self) -> None:
        """Note that a connection was free."""
        self._longest = SHORTEST_PAUSE


def lacks_connection(error: BaseException) -> bool:
    """Return whether the last attempt of a request found all connections of the client in use."""
    if any(kind.__name__ == 'MaxConnectionsError' for kind in type(error).__mro__):
        return True
    return type(error).__name__ == 'ConnectionError' and error.args in _TEXTS


_TEXTS = ('No connection available.',), ('Too many connections',)


def note_unsent(error: BaseException) -> None:
    """Note that a request was broken off by ``error`` while it waited to be sent."""
    # No class of its own, because asyncio looks for exactly `CancelledError`.
    error.was_unsent = True  # type: ignore[attr-defined]


def was_never_sent(error: BaseException) -> bool:
    """Return whether no attempt of a request can have reached the server.

    A cluster client repeats requests by itself and notes the node on the error.  So its last
    attempt may have lacked a connection although an earlier one was sent.
    """
    return hasattr(error, 'was_unsent') or (lacks_connection(error) and not hasattr(error, 'connection'))
