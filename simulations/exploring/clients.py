"""A client of an exploration: it acquires, renews and releases, one command after the other.

A client is a plain value. The answers it has received so far say where it is within an operation:
the steps of the operation are created anew and given these answers again.
"""

from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any, NamedTuple

from py_cachify.commands import AwaitTurn, Command, Refusal, Steps
from py_cachify.protocols import NOT_UNDONE, Lease, NoLease, SlotProtocol
from simulations.faults.connection import LostConnectionError


KEY = 'pool'


class Lost(Enum):
    """The stand-in for an answer that never arrived; the steps see a new error instead."""

    LOST = 'lost'


LOST = Lost.LOST


class Client(NamedTuple):
    """One client.

    Attributes:
        number: which client this is, counted from 0.
        round: which acquisition this is, counted from 0.
        lease: the lease it holds; ``None`` if it holds none.
        answers: the answers it has received in the current operation; ``None`` between operations.
        repeated: whether the client library sent a request twice in the current operation.
        ahead: whether its own clock is ahead.
        over: whether it has finished or crashed.
        turn: the last wait for its turn in the current operation; ``None`` if it has not waited.
            The answers begin after it.
        told: whether it was told that it has a slot.
        excused: whether others waited when its acquire was carried out, or its time was up.
        renewals: how often it still renews its slot before it releases it.
    """

    number: int
    round: int = 0
    lease: Lease | None = None
    answers: tuple[Any, ...] | None = None
    repeated: bool = False
    ahead: bool = False
    over: bool = False
    turn: AwaitTurn | None = None
    told: bool = False
    excused: bool = False
    renewals: int = 0

    @property
    def token(self) -> str:
        """The token of its slot: a letter for the client and a number for the round."""
        return f'{name_of(self.number)}{self.round + 1}'

    @property
    def what(self) -> str:
        """The current operation, or the next one."""
        if self.lease is None:
            return 'acquire'
        return 'renew' if self.renewals else 'release'

    @property
    def awaits_turn(self) -> bool:
        """Whether it waits and asks nothing at present."""
        return self.turn is not None and not self.answers and not self.over


class Asked(NamedTuple):
    """The operation continues: it sends this command."""

    command: Command[Any]


class Returned(NamedTuple):
    """The operation has ended with this result."""

    result: Any


class Raised(NamedTuple):
    """The operation has ended with an error; ``undone`` is false if the error says so."""

    error: BaseException

    @property
    def undone(self) -> bool:
        """Whether nothing of it is left."""
        return not any(note.startswith(NOT_UNDONE) for note in getattr(self.error, '__notes__', ()))


def name_of(number: int) -> str:
    """Return the letter of a client."""
    return chr(ord('A') + number)


def short(token: str) -> str:
    """Return the number of a token that says more than that; any other text as it is."""
    return token.rpartition(':')[2] if token.startswith('1:') else token


class Terms(NamedTuple):
    """How a client acquires.

    Attributes:
        ticket: its token in the store.
        max_size: the slots of the pool, as far as it knows.
        slot_exp: the life of its slot.
        waits: whether it waits.
        max_waiting: how many others may wait already.
        fences: whether it draws a fencing token, without which its acquire has failed.
    """

    ticket: str
    max_size: int
    slot_exp: float | None
    waits: bool = False
    max_waiting: int | None = None
    fences: bool = False


def operation(client: Client, protocol: SlotProtocol, terms: Terms) -> Steps[Any]:
    """Return the steps of the current operation, or of the next one."""
    ticket, max_size, slot_exp, waits, max_waiting, fences = terms
    if client.lease is not None and client.renewals:
        return _required(protocol, 'renew')(KEY, ((client.lease.token, slot_exp),))
    if client.lease is not None:
        return protocol.release(client.lease)
    if waits:
        steps = _required(protocol, 'wait')(KEY, ticket, max_size, slot_exp, max_waiting, client.turn)
    else:
        steps = protocol.acquire(KEY, ticket, max_size, slot_exp)
    return _with_fence(steps, _required(protocol, 'fence')) if fences else steps


def _required(protocol: SlotProtocol, name: str) -> Callable[..., Steps[Any]]:
    found: Callable[..., Steps[Any]] | None = getattr(protocol, name)
    if found is None:
        raise TypeError(f'the protocol {protocol.name} cannot {name}')
    return found


def _with_fence(
    acquire: Steps[Lease | NoLease], fence: Callable[[Lease], Steps[int | Refusal]]
) -> Steps[Lease | NoLease]:
    lease = yield from acquire
    if lease is None or isinstance(lease, Refusal):
        return lease
    drawn = yield from fence(lease)
    return drawn if isinstance(drawn, Refusal) else lease


def follow(steps: Steps[Any], answers: Iterable[Any]) -> Asked | Returned | Raised:
    """Return where new steps are after these answers."""
    try:
        position: Asked | Returned | Raised = Asked(next(steps))
    except StopIteration as done:
        return Returned(done.value)
    for answer in answers:
        position = go_on(steps, answer)
    return position


def go_on(steps: Steps[Any], answer: Any) -> Asked | Returned | Raised:
    """Return where steps are after one more answer; a lost answer becomes a connection error."""
    try:
        return Asked(steps.throw(LostConnectionError('connection lost')) if answer is LOST else steps.send(answer))
    except StopIteration as done:
        return Returned(done.value)
    except Exception as error:
        if not _is_lost(error):
            raise
        return Raised(error)


def _is_lost(error: BaseException | None) -> bool:
    """Return whether an error is the lost connection, or was raised because of it."""
    while error is not None and not isinstance(error, LostConnectionError):
        error = error.__cause__ or error.__context__
    return error is not None


def close_steps(steps: Steps[Any]) -> Command[Any] | str | None:
    """Close steps like a crash does; return the command that they still send, if any.

    Of steps within steps, Python does not say which command it is.
    """
    try:
        asked: Command[Any] = steps.throw(GeneratorExit)
    except (StopIteration, GeneratorExit):
        return None
    except RuntimeError as error:
        if str(error) != 'generator ignored GeneratorExit':
            raise
        return 'another command'
    return asked
