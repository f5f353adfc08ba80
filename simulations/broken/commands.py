"""Commands of a plain server, from which protocols are built: keys, counters and sets.

Each command is atomic, as on a real server. What goes wrong happens between two commands.
"""

from dataclasses import dataclass, field
from typing import Any

from py_cachify.commands import Command
from simulations.broken.queueing import carry_out, must_wait


@dataclass(frozen=True, slots=True)
class GetKey(Command['str | None']):
    """Get the value of ``name``, or ``None``."""

    name: str


@dataclass(frozen=True, slots=True)
class SetNew(Command[bool]):
    """Set ``name`` for ``ex`` seconds unless it exists; return whether this call set it."""

    name: str
    value: str
    ex: float | None = None


@dataclass(frozen=True, slots=True)
class Remove(Command[bool]):
    """Remove ``name``; return whether it existed."""

    name: str


@dataclass(frozen=True, slots=True)
class Increment(Command[int]):
    """Add ``by`` to the counter ``name``; return its new value."""

    name: str
    by: int = 1


@dataclass(frozen=True, slots=True)
class Count(Command[int]):
    """Return the number of members of the set ``name``."""

    name: str


@dataclass(frozen=True, slots=True)
class Add(Command[None]):
    """Add a member to the set ``name``, with the instant ``seconds`` from now as its score."""

    name: str
    member: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Drop(Command[bool]):
    """Remove a member from the set ``name``; return whether it was there."""

    name: str
    member: str


@dataclass(frozen=True, slots=True)
class DropExpired(Command[int]):
    """Remove the members of the set ``name`` whose score has passed, by the server's clock."""

    name: str


@dataclass(frozen=True, slots=True)
class TakeBelow(Command[bool]):
    """Drop expired members of the set ``name``, then add one if there are fewer than ``most``.

    The new member lives for ``seconds``. With ``knows_own``, a member that is already there is
    granted again. ``now`` decides what has expired, if it is given; otherwise the server's clock
    does.
    """

    name: str
    member: str
    most: int
    seconds: float
    knows_own: bool
    now: float | None = None


@dataclass(frozen=True, slots=True)
class ProlongOrAdd(Command[bool]):
    """Let a member of the set ``name`` live for ``seconds`` from now; add it if it is missing.

    Return false, and do nothing, if it is there and has expired.
    """

    name: str
    member: str
    seconds: float


@dataclass(frozen=True, slots=True)
class OwnClock(Command[float]):
    """Return the present instant of the client's own clock, in seconds, without asking a server."""


@dataclass
class KeyValues:
    """A server that carries out these commands, at the instant that comes with each."""

    values: dict[str, tuple[Any, float | None]] = field(default_factory=dict)
    sets: dict[str, dict[str, float]] = field(default_factory=dict)

    def perform(self, command: Command[Any], now: float, own_now: float) -> Any:
        """Carry out ``command`` at ``now``; the client's own clock shows ``own_now``."""
        self._let_expire(now)
        match command:
            case GetKey(name):
                return self.values.get(name, (None, None))[0]
            case SetNew(name, value, ex):
                if name in self.values:
                    return False
                self.values[name] = (value, None if ex is None else now + ex)
                return True
            case Remove(name):
                return self.values.pop(name, None) is not None
            case Increment(name, by):
                value = self.values.get(name, (0, None))[0] + by
                self.values[name] = (value, None)
                return value
            case Count(name):
                return len(self.sets.get(name, {}))
            case Add(name, member, seconds):
                self.sets.setdefault(name, {})[member] = now + seconds
                return None
            case Drop(name, member):
                return self.sets.get(name, {}).pop(member, None) is not None
            case DropExpired(name):
                return self._drop(name, now)
            case TakeBelow(name, member, most, seconds, knows_own, told_now):
                judged = now if told_now is None else told_now
                self._drop(name, judged)
                members = self.sets.setdefault(name, {})
                if member in members and knows_own:
                    return True
                if len(members) >= most:
                    return False
                members[member] = judged + seconds
                return True
            case ProlongOrAdd(name, member, seconds):
                members = self.sets.setdefault(name, {})
                if members.get(member, now + seconds) <= now:
                    return False
                members[member] = now + seconds
                return True
            case OwnClock():
                return own_now
        return carry_out(command, self.values, self.sets, now)

    @staticmethod
    def blocked(command: Command[Any], snapshot: tuple[Any, ...]) -> bool | None:
        """Return whether a command must still wait; ``None`` if it never waits."""
        values, sets = snapshot
        return must_wait(command, {name: value for name, value, _ in values}, {n: dict(m) for n, m in sets})

    def _drop(self, name: str, now: float) -> int:
        members = self.sets.get(name, {})
        gone = [member for member, score in members.items() if score <= now]
        for member in gone:
            del members[member]
        return len(gone)

    def _let_expire(self, now: float) -> None:
        for name in [name for name, (_, until) in self.values.items() if until is not None and until <= now]:
            del self.values[name]

    def snapshot(self, now: float) -> tuple[Any, ...]:
        """Return the contents as a value, with instants relative to ``now``."""
        self._let_expire(now)
        values = sorted((n, v, None if until is None else until - now) for n, (v, until) in self.values.items())
        sets = sorted((n, tuple(sorted((m, s - now) for m, s in members.items()))) for n, members in self.sets.items())
        return tuple(values), tuple(each for each in sets if each[1])

    def restore(self, snapshot: tuple[Any, ...], now: float) -> None:
        """Restore a snapshot."""
        values, sets = snapshot
        self.values = {n: (v, None if left is None else now + left) for n, v, left in values}
        self.sets = {n: {m: now + left for m, left in members} for n, members in sets}
