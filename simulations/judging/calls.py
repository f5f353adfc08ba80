"""A history of calls and returns: what clients sent and received.

It says nothing about what the store did in between.
"""

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple


ACQUIRE, RELEASE, RENEW = 'acquire', 'release', 'renew'

GRANTED, REFUSED, RELEASED, TOO_LATE, FAILED, UNKNOWN, RENEWED, TIMED_OUT, CROWDED = (
    'granted',
    'refused',
    'released',
    'too late',
    'failed',
    'unknown',
    'renewed',
    'timed out',
    'crowded',
)
REFUSALS = (REFUSED, TIMED_OUT, CROWDED)
ANSWERS = {
    ACQUIRE: (GRANTED, *REFUSALS, FAILED, UNKNOWN),
    RELEASE: (RELEASED, TOO_LATE, UNKNOWN),
    RENEW: (RENEWED, TOO_LATE, UNKNOWN),
}
"""How each kind of call can end.

* ``timed out``: an acquire waited in vain;
* ``crowded``: an acquire was refused because too many waited;
* ``too late``: a release or a renewal found that the slot was gone;
* ``failed``: an acquire ended with an error, and its client undid whatever may have happened;
* ``unknown``: the call ended with an error, or never because its client crashed. It may have
  happened, or may still happen.
"""


class Call(NamedTuple):
    """One operation of one client.

    Attributes:
        what: ``acquire``, ``release`` or ``renew``. A request that renews several slots is a call
            for each of them, which differ only in token and answer.
        token: the token of the slot, which an acquire shares only with its renewals and its
            release.
        called: the instant of the call, in seconds of one clock for all clients.
        returned: the instant of the return; infinite if the call never returned.
        answer: how it ended: ``granted`` or ``refused``, ``timed out`` or ``crowded``,
            ``released``, ``renewed`` or ``too late``, ``failed`` or ``unknown``.
        key: the pool; ``''`` if there is only one.
        worker: the number of the worker that made the call.
        repeated: whether the client library may have sent a request more than once.
        settled: the instant from which nothing of the call can happen, if known, as in a
            simulation; infinite otherwise.
        since: of an acquire that waited, an instant before its slot was taken, as its client knows;
            infinite if it did not wait, or was not queued.
    """

    what: str
    token: str
    called: float
    returned: float
    answer: str
    key: str = ''
    worker: int = 0
    repeated: bool = False
    settled: float = math.inf
    since: float = math.inf

    @property
    def asked(self) -> float:
        """An instant before its slot was taken."""
        return self.called if math.isinf(self.since) else max(self.called, self.since)


def write_calls(calls: Iterable[Call], path: str | Path) -> None:
    """Write calls to a file, one JSON array a line; an infinite instant is ``null``."""
    with Path(path).open('w', encoding='utf-8') as file:
        for call in calls:
            file.write(json.dumps([None if value == math.inf else value for value in call]) + '\n')


def read_calls(path: str | Path) -> list[Call]:
    """Read calls that :func:`write_calls` wrote.

    Raises:
        ValueError: a line contains no call; the message names it.
        OSError: the file cannot be read.
    """
    calls = []
    for number, line in enumerate(Path(path).read_text(encoding='utf-8').splitlines(), 1):
        try:
            values: list[Any] = [math.inf if value is None else value for value in json.loads(line)]
            call = Call(*values)
            if call.answer not in ANSWERS[call.what] or not call.called <= call.returned:
                raise ValueError('its answer is unknown, or it returned before it was called')  # noqa: TRY301
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f'{path}, line {number} is not a recorded call: {error}') from None
        calls.append(call)
    return calls
