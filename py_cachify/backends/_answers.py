"""Recognise which request an answer of a server belongs to.

If an exception falls between a request and its answer (an interrupt, the time limit of a task
queue), a client may use the connection again, and the next request on it then reads the answer to
the last one.  So an answer names its request: by the end of its token and by the operation, or by a
number if the request has no token.  Another answer is ignored, the idle connections of the client
are closed, and the same request is sent again.

Every answer to a repeated request is right, whichever copy it belongs to, because a command may be
repeated.  But another copy may still be on its way.  A late copy of a release, an undo or a size
does nothing.  A late copy of an acquire takes a slot, so a refusal is followed by an undo then.
"""

import itertools
import os
from collections.abc import Callable
from typing import Any


MAX_REPEATED = 7
"""How often a request is sent again, until its own answer is read."""

OPERATIONS = {'acquire': 0, 'release': 1, 'undo': 2}
"""The scripts whose requests have a token, each with the number that ``answer.lua`` adds."""

_NAME_BYTES, _OPERATION, _DECISION = 5, 2**40, 2**42
_NUMBERS = 2**24

_numbers = itertools.count(int.from_bytes(os.urandom(3), 'big'))


def new_number() -> bytes:
    """Return a name for a request that has no token."""
    return b'%d' % (next(_numbers) % _NUMBERS)


def _reader(operation: str, *, no_if_repeated: bool = False) -> Callable[..., bool | None]:
    """Return a function that reads the answers to requests of one operation, a yes or a no.

    ``no_if_repeated`` is what a no to a repeated request means.
    """
    no = OPERATIONS[operation] * _OPERATION
    decisions = {no: False, no + _DECISION: True}
    if_repeated = {no: no_if_repeated, no + _DECISION: True}

    def read(answer: Any, token: bytes, repeated: bool = False) -> bool | None:
        if not isinstance(answer, int):
            _check_kind(answer)
            return None
        return (if_repeated if repeated else decisions).get(answer - int.from_bytes(token[-_NAME_BYTES:], 'big'))

    return read


read_grant = _reader('acquire')
# If an answer to it was not read, a slot that is gone may have been given back in time.
read_release = _reader('release', no_if_repeated=True)
read_undo = _reader('undo')


def read_size(answer: Any, number: bytes, repeated: bool = False) -> int | None:  # noqa: ARG001 - as above
    """Return how many slots were counted, or ``None`` if this is the answer to another request."""
    if not isinstance(answer, int):
        _check_kind(answer)
        return None
    slots, name = divmod(-1 - answer, _NUMBERS)
    return slots if slots >= 0 and name == int(number) else None


def unread() -> ConnectionError:
    """Return the error of a request whose answer was not read however often it was repeated."""
    return ConnectionError(
        f'the client answered a script {MAX_REPEATED + 1} times with the answer to another request, as after an'
        ' interrupt: close the connections of the client'
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
