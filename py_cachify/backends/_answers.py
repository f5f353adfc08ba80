"""Recognise which request an answer of a server belongs to.

If an exception falls between a request and its answer (an interrupt, the time limit of a task
queue), a client may use the connection again, and the next request on it then reads the answer to
the last one.  So an answer names its request: by the end of its token and by the operation, or by a
number if the request has no token.  Another answer is ignored, the idle connections of the client
are closed, and the same request is sent again.  Every answer to it is right, because a command may
be repeated.
"""

import itertools
import os
from typing import Any


MAX_ASKED = 8
"""How often a request is sent, until its own answer is read."""

OPERATIONS = {'acquire': 0, 'release': 1, 'undo': 2}
"""The scripts whose requests have a token, each with the number that ``answer.lua`` adds."""

_NAME_BYTES, _OPERATION, _DECISION = 5, 2**40, 2**42
_NUMBERS = 2**24

_numbers = itertools.count(int.from_bytes(os.urandom(3), 'big'))


def new_number() -> bytes:
    """Return a name for a request that has no token."""
    return b'%d' % (next(_numbers) % _NUMBERS)


class DecisionReader:
    """Reads the answers to requests of one operation, which are a yes or a no."""

    def __init__(self, operation: str, *, no_if_repeated: bool = False) -> None:
        """Prepare the answers; ``no_if_repeated`` is what a no to a repeated request means."""
        no = OPERATIONS[operation] * _OPERATION
        yes = no + _DECISION
        self._decisions = {no: False, yes: True}
        self._if_repeated = {no: no_if_repeated, yes: True}

    def __call__(self, answer: Any, token: bytes, repeated: bool) -> bool | None:
        """Return the decision, or ``None`` if this is the answer to another request."""
        if not isinstance(answer, int):
            _check_kind(answer)
            return None
        decisions = self._if_repeated if repeated else self._decisions
        return decisions.get(answer - int.from_bytes(token[-_NAME_BYTES:], 'big'))


read_grant = DecisionReader('acquire')
# If an answer to it was not read, a slot that is gone may have been given back in time.
read_release = DecisionReader('release', no_if_repeated=True)
read_undo = DecisionReader('undo')


def read_size(answer: Any, number: bytes, repeated: bool) -> int | None:  # noqa: ARG001 - as above
    """Return how many slots were counted, or ``None`` if this is the answer to another request."""
    if not isinstance(answer, int):
        _check_kind(answer)
        return None
    slots, name = divmod(-1 - answer, _NUMBERS)
    return slots if slots >= 0 and name == int(number) else None


def unread() -> ConnectionError:
    """Return the error of a request whose answer was not read in ``MAX_ASKED`` attempts."""
    return ConnectionError(
        f'the client answered a script {MAX_ASKED} times with the answer to another request, as after an interrupt:'
        ' close the connections of the client'
    )


def _check_kind(answer: Any) -> None:
    """Raise ``TypeError`` if no server can have sent this answer, to whatever request."""
    if isinstance(answer, str | bytes | float | list | tuple | dict | set | type(None)):
        return
    # A pipeline, or an asynchronous client in a wrapper, returns an object that is merely true.
    kind = f'{type(answer).__module__}.{type(answer).__qualname__}'
    raise TypeError(
        f'the client answered a script with a {kind} instead of a number: pass the client itself, not a pipeline,'
        ' and pass an asynchronous client as async_client'
    )
