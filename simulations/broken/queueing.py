"""Commands of a plain server for clients that wait: messages, queues, and a list of tokens.

Each command is atomic, as a script of a real server is. Some commands *block*: the server carries
them out as soon as it can, as ``BLPOP`` does, and answers ``None`` if the time of the client is up
before. Each pool ``name`` is a set of holders, and has a queue and a list of tokens of its own.
Whoever waits has a mailbox with the name of its member.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from py_cachify.commands import Command


# --- messages


@dataclass(frozen=True, slots=True)
class Subscribe(Command[None]):
    """Let each message that is published on ``name`` from now on arrive in a mailbox."""

    name: str
    mailbox: str


@dataclass(frozen=True, slots=True)
class Publish(Command[int]):
    """Send a message to all mailboxes that are subscribed at present; return how many."""

    name: str


@dataclass(frozen=True, slots=True)
class AwaitMessage(Command['str | None']):
    """Return the first message in a mailbox; wait while there is none."""

    mailbox: str


# --- a queue of waiters


@dataclass(frozen=True, slots=True)
class Join(Command[None]):
    """Put ``member`` at the end of the queue."""

    name: str
    member: str


@dataclass(frozen=True, slots=True)
class TakeOrJoin(Command[bool]):
    """Add ``member`` to the holders if there is room and nobody is queued; otherwise queue it."""

    name: str
    member: str
    most: int
    seconds: float


@dataclass(frozen=True, slots=True)
class TakeQueued(Command[bool]):
    """Move ``member`` from anywhere in the queue to the holders, if there is room."""

    name: str
    member: str
    most: int
    seconds: float


@dataclass(frozen=True, slots=True)
class TakeWhenFirst(Command['bool | None']):
    """Move ``member`` to the holders; wait while it is not the first one or there is no room."""

    name: str
    member: str
    most: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Leave(Command[bool]):
    """Remove ``member`` from the queue; return whether it was there."""

    name: str
    member: str


@dataclass(frozen=True, slots=True)
class DropLive(Command[bool]):
    """Drop the expired holders, then ``member``; return whether it was still there."""

    name: str
    member: str


@dataclass(frozen=True, slots=True)
class WakeFirst(Command[int]):
    """Send a message to the first one in the queue; return how many were sent."""

    name: str


@dataclass(frozen=True, slots=True)
class WakeAll(Command[int]):
    """Send a message to everybody in the queue; return how many were sent."""

    name: str


# --- a list of tokens, one for each free slot


@dataclass(frozen=True, slots=True)
class Refill(Command[None]):
    """Create the list with ``most`` tokens, the first time; put back those of expired holders."""

    name: str
    most: int


@dataclass(frozen=True, slots=True)
class PopToken(Command['str | None']):
    """Take a token out of the list; wait while none is there and no holder has expired."""

    name: str


@dataclass(frozen=True, slots=True)
class PutBack(Command[bool]):
    """Drop ``member`` from the holders; if it was there, put its token back into the list."""

    name: str
    member: str


Values = dict[str, tuple[Any, float | None]]
Sets = dict[str, dict[str, float]]


def carry_out(command: Command[Any], values: Values, sets: Sets, now: float) -> Any:
    """Carry out one of these commands; ``None`` is the answer of one that blocks.

    Raises:
        TypeError: it is another command.
    """
    match command:
        case Subscribe(name, mailbox):
            _put(values, f'{name}-mailboxes', (*_list(values, f'{name}-mailboxes'), mailbox))
            return None
        case Publish(name):
            return _send(values, _list(values, f'{name}-mailboxes'))
        case AwaitMessage(mailbox):
            return _first(values, f'mailbox-{mailbox}')
        case Join(name, member):
            _put(values, f'{name}-queue', (*_list(values, f'{name}-queue'), member))
            return None
        case TakeOrJoin(name, member, most, seconds):
            if not _list(values, f'{name}-queue') and _take(sets, name, member, most, now, seconds):
                return True
            _put(values, f'{name}-queue', (*_list(values, f'{name}-queue'), member))
            return False
        case TakeQueued(name, member, most, seconds):
            return _take(sets, name, member, most, now, seconds) and _leave(values, name, member)
        case TakeWhenFirst(name, member, most, seconds):
            first = _list(values, f'{name}-queue')[:1] == (member,)
            return (first and _take(sets, name, member, most, now, seconds) and _leave(values, name, member)) or None
        case Leave(name, member):
            return _leave(values, name, member)
        case DropLive(name, member):
            _drop_expired(sets, name, now)
            return sets.get(name, {}).pop(member, None) is not None
        case WakeFirst(name):
            return _send(values, _list(values, f'{name}-queue')[:1])
        case WakeAll(name):
            return _send(values, _list(values, f'{name}-queue'))
        case Refill(name, most):
            if f'{name}-tokens' not in values:
                values[f'{name}-tokens'] = ((), None)
                _give(values, name, most)
            _give(values, name, _drop_expired(sets, name, now))
            return None
        case PopToken(name):
            _give(values, name, _drop_expired(sets, name, now))
            # An empty list stays, so that it is not created again.
            tokens = _list(values, f'{name}-tokens')
            values[f'{name}-tokens'] = (tokens[1:], None)
            return tokens[0] if tokens else None
        case PutBack(name, member):
            _give(values, name, _drop_expired(sets, name, now))
            there = sets.get(name, {}).pop(member, None) is not None
            _give(values, name, int(there))
            return there
    raise TypeError(f'this server does not support the command {command!r}')


def must_wait(command: Command[Any], values: Mapping[str, Any], live: Mapping[str, Mapping[str, float]]) -> bool | None:
    """Return whether a command that blocks must still wait; ``None`` if it never blocks.

    Args:
        command: the command.
        values: the values of the server.
        live: the members of its sets, each with the seconds until it expires.
    """
    match command:
        case AwaitMessage(mailbox):
            return not values.get(f'mailbox-{mailbox}')
        case TakeWhenFirst(name, member, most):
            taken = sum(left > 0 for left in live.get(name, {}).values())
            return values.get(f'{name}-queue', ())[:1] != (member,) or taken >= most
        case PopToken(name):
            return not values.get(f'{name}-tokens') and all(left > 0 for left in live.get(name, {}).values())
    return None


def _list(values: Values, name: str) -> tuple[str, ...]:
    found: tuple[str, ...] = values.get(name, ((), None))[0]
    return found


def _put(values: Values, name: str, items: tuple[str, ...]) -> None:
    # An empty list is the same as none, so more states are equal.
    if items:
        values[name] = (items, None)
    else:
        values.pop(name, None)


def _first(values: Values, name: str) -> str | None:
    items = _list(values, name)
    _put(values, name, items[1:])
    return items[0] if items else None


def _send(values: Values, mailboxes: tuple[str, ...]) -> int:
    for mailbox in mailboxes:
        _put(values, f'mailbox-{mailbox}', (*_list(values, f'mailbox-{mailbox}'), 'free'))
    return len(mailboxes)


def _leave(values: Values, name: str, member: str) -> bool:
    queue = _list(values, f'{name}-queue')
    _put(values, f'{name}-queue', tuple(each for each in queue if each != member))
    return member in queue


def _give(values: Values, name: str, number: int) -> None:
    values[f'{name}-tokens'] = ((*_list(values, f'{name}-tokens'), *['token'] * number), None)


def _drop_expired(sets: Sets, name: str, now: float) -> int:
    members = sets.get(name, {})
    expired = [member for member, until in members.items() if until <= now]
    for member in expired:
        del members[member]
    return len(expired)


def _take(sets: Sets, name: str, member: str, most: int, now: float, seconds: float) -> bool:
    _drop_expired(sets, name, now)
    members = sets.setdefault(name, {})
    if len(members) >= most:
        return False
    members[member] = now + seconds
    return True
