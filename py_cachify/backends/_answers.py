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
from enum import Enum
from typing import Any, Protocol, TypeVar, cast

from py_cachify.commands import Listed, Queued, Refusal


R = TypeVar('R')
R_co = TypeVar('R_co', covariant=True)


MAX_REPEATED = 7
"""How often a request is sent again, until its own answer is read."""

OPERATIONS = {'acquire': 0, 'release': 1, 'undo': 2, 'join': 3, 'ask': 4, 'leave': 5, 'fence': 6}
"""The scripts whose requests have a token, each with the number that ``answer.lua`` adds."""

_NAME_BYTES, _OPERATION, _DECISION = 5, 2**40, 2**43
_NUMBERS = 2**24

_numbers = itertools.count(int.from_bytes(os.urandom(3), 'big'))


class Read(Protocol[R_co]):
    """Returns the reply from an answer to the request of this name; ``None`` for another answer."""

    def __call__(self, answer: Any, name: bytes, /, repeated: bool = False) -> R_co | None: ...


def new_number() -> bytes:
    """Return a name for a request that has no token."""
    return b'%d' % (next(_numbers) % _NUMBERS)


def _reader(operation: str, *decisions: object, no_if_repeated: object = False) -> Callable[..., Any]:
    """Return a function that reads the answers to requests of one operation.

    ``decisions`` are what the script's numbers from 0 mean; ``no_if_repeated`` is what 0 means if
    the request was repeated.
    """
    first = OPERATIONS[operation] * _OPERATION
    meaning = {first + number * _DECISION: decision for number, decision in enumerate(decisions)}
    if_repeated = {**meaning, first: no_if_repeated}

    def read(answer: Any, token: bytes, repeated: bool = False) -> Any:
        if not isinstance(answer, int):
            if not (isinstance(answer, list) and answer and isinstance(answer[0], int)):
                _check_kind(answer)
                return None
            answer = answer[0]
        return (if_repeated if repeated else meaning).get(answer - int.from_bytes(token[-_NAME_BYTES:], 'big'))

    return read


class _More(Enum):
    QUEUED = 'queued'
    FENCED = 'fenced'


QUEUED = _More.QUEUED
"""What an answer means that says where a waiter is in the queue; :func:`unpack` reads the rest."""

FENCED = _More.FENCED
"""What an answer means that has a fencing token; :func:`unpack` reads it."""

read_grant: Read[bool | Refusal] = _reader('acquire', False, True, Refusal.PROMISED)
# If an answer to it was not read, a slot that is gone may have been given back in time.
read_release: Read[bool] = _reader('release', False, True, no_if_repeated=True)
read_undo: Read[bool] = _reader('undo', False, True)
read_join: Read[bool | Refusal | Queued] = _reader('join', False, True, Refusal.PROMISED, QUEUED, Refusal.CROWDED)
read_ask: Read[bool | Queued] = _reader('ask', False, True, Refusal.PROMISED, QUEUED)
read_leave: Read[bool] = _reader('leave', False, True)
read_fence: Read[int | Refusal] = _reader('fence', Refusal.EXPIRED, FENCED, no_if_repeated=Refusal.EXPIRED)


def unpack(answer: list[Any], reply: R) -> tuple[R, list[str]]:
    """Return the whole reply, and the tickets of this process that have got a slot."""
    whole: Any = reply
    first = 1
    if reply is FENCED:
        return cast('R', int(answer[1])), []
    if isinstance(reply, tuple):
        return reply, []
    if reply is QUEUED:
        place, rank, left = answer[1:4]
        whole, first = Queued(float(place), int(rank), float(left) if left else None), 4
    return whole, [_text(ticket) for ticket in answer[first:]]


def _text(ticket: Any) -> str:
    # Anything may be in the store; what is no text is no token of this library.
    return ticket.decode(errors='replace') if isinstance(ticket, bytes) else str(ticket)


def read_listed(items: tuple[Any, ...]) -> tuple[Listed, ...]:
    """Return the slots in the answer of ``holders.lua``, from all its items but the first."""
    members, lives = items[::2], items[1::2]
    # A waiter that has not confirmed its slot yet has a claim.
    return tuple(
        Listed(_text(member).removeprefix('?'), float(life)) for member, life in zip(members, lives, strict=True)
    )


def read_tickets(items: tuple[Any, ...]) -> tuple[str, ...]:
    """Return the tickets in the answer of ``tickets.lua``, from all its items but the first."""
    return tuple(map(_text, items))


def read_renewed(gone: tuple[Any, ...], count: int) -> tuple[bool, ...]:
    """Return which of ``count`` slots were there, from the items of the answer of ``renew.lua``."""
    places = set(gone)
    return tuple(place not in places for place in range(count))


def read_size(answer: Any, number: bytes, repeated: bool = False) -> int | None:  # noqa: ARG001 - as above
    """Return how many slots were counted, or ``None`` if this is the answer to another request."""
    if not isinstance(answer, int):
        _check_kind(answer)
        return None
    slots, name = divmod(-1 - answer, _NUMBERS)
    return slots if slots >= 0 and name == int(number) else None


def read_list(answer: Any, number: bytes, repeated: bool = False) -> tuple[Any, ...] | None:  # noqa: ARG001 - as above
    """Return what was listed, or ``None`` if this is the answer to another request."""
    if not (isinstance(answer, list) and answer and isinstance(answer[0], int)):
        _check_kind(answer)
        return None
    return None if read_size(answer[0], number) is None else tuple(answer[1:])


def unread() -> ConnectionError:
    """Return the error of a request whose answer was not read however often it was repeated."""
    return ConnectionError(
        f'the client answered a script {MAX_REPEATED + 1} times with the answer to another request, as after an'
        ' interrupt: close the connections of the client'
    )


def _check_kind(answer: Any) -> None:
    """Raise ``TypeError`` if no server can have sent this answer, to whatever request."""
    if isinstance(answer, int | str | bytes | float | list | tuple | dict | set | type(None)):
        return
    # A pipeline, or an asynchronous client in a wrapper, returns an object that is merely true.
    kind = f'{type(answer).__module__}.{type(answer).__qualname__}'
    raise TypeError(
        f'the client answered a script with a {kind} instead of a number: pass the client itself, not a pipeline,'
        ' and pass an asynchronous client as async_client'
    )
