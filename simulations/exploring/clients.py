"""A client of an exploration: it acquires, holds and releases some times over, one command after the other.

A client is a plain value.  Where it stands within an operation is the list of the answers that it got so far: its steps
are made anew and given these again, as steps know nothing else.
"""

from collections.abc import Iterable
from enum import Enum
from typing import Any, NamedTuple

from py_cachify.commands import Command, Steps
from py_cachify.protocols import NOT_UNDONE, Lease, SlotProtocol
from simulations.faults.connection import LostConnectionError


KEY = 'pool'


class Lost(Enum):
    """What stands for an answer that never came: the steps see an error instead, made anew each time."""

    LOST = 'lost'


LOST = Lost.LOST


class Client(NamedTuple):
    """One client.

    Attributes:
        number: from 0.
        round: the how-manieth time it acquires, from 0.
        lease: what it holds, if it holds something.
        answers: what it was told in the operation under way; ``None``: none is.
        repeated: whether its driver asked something twice in the operation under way.
        ahead: whether its own clock is ahead.
        over: whether it has done all it wanted, or crashed.
    """

    number: int
    round: int = 0
    lease: Lease | None = None
    answers: tuple[Any, ...] | None = None
    repeated: bool = False
    ahead: bool = False
    over: bool = False

    @property
    def token(self) -> str:
        """By which its slot is known: a letter for the client, a number for the round."""
        return f'{name_of(self.number)}{self.round + 1}'

    @property
    def what(self) -> str:
        """The operation under way, or the next one."""
        return 'acquire' if self.lease is None else 'release'


class Asked(NamedTuple):
    """The operation goes on: it asks for this."""

    command: Command[Any]


class Returned(NamedTuple):
    """The operation is over, with this result."""

    result: Any


class Raised(NamedTuple):
    """The operation ended with an error; ``undone`` unless the error says otherwise."""

    error: BaseException

    @property
    def undone(self) -> bool:
        """Whether nothing of it is left."""
        return not any(note.startswith(NOT_UNDONE) for note in getattr(self.error, '__notes__', ()))


def name_of(number: int) -> str:
    """A client's letter."""
    return chr(ord('A') + number)


def operation(client: Client, protocol: SlotProtocol, max_size: int, slot_exp: float | None) -> Steps[Any]:
    """The steps of the operation under way, or of the next one."""
    if client.lease is None:
        return protocol.acquire(KEY, client.token, max_size, slot_exp)
    return protocol.release(client.lease)


def follow(steps: Steps[Any], answers: Iterable[Any]) -> Asked | Returned | Raised:
    """Where steps stand that were made just now and are given these answers."""
    try:
        stands: Asked | Returned | Raised = Asked(next(steps))
    except StopIteration as done:
        return Returned(done.value)
    for answer in answers:
        stands = go_on(steps, answer)
    return stands


def go_on(steps: Steps[Any], answer: Any) -> Asked | Returned | Raised:
    """Where steps stand with one more answer; for a lost one they see that the connection is gone."""
    try:
        return Asked(steps.throw(LostConnectionError('connection lost')) if answer is LOST else steps.send(answer))
    except StopIteration as done:
        return Returned(done.value)
    except LostConnectionError as error:
        return Raised(error)


def closed(steps: Steps[Any]) -> Command[Any] | None:
    """Close steps, as a crash does; what they ask for even then, if they do."""
    try:
        asked: Command[Any] = steps.throw(GeneratorExit)
    except (StopIteration, GeneratorExit):
        return None
    return asked
