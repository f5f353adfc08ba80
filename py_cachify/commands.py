"""The requests that a protocol can make to a store, each of them indivisible.

A protocol is a generator of *steps*: it yields commands and receives their replies.  It does no
I/O, reads no clock, never sleeps and draws no random numbers.  So its driver decides when each
command happens, what happens in between, and what fails::

    granted = yield from TakeSlot(key, token, max_size, slot_exp)     # granted: bool

Commands are small values that nothing changes.  Every instant and duration is in seconds.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar


R = TypeVar('R')


class Command(Generic[R]):
    """One indivisible request; its reply has type ``R``."""

    __slots__ = ()

    def __iter__(self) -> 'Generator[Command[Any], Any, R]':
        return (yield self)  # type: ignore[no-any-return]  # `send()` passes this command's reply


Steps = Generator[Command[Any], Any, R]

TOMBSTONE_LIFE = 3600.0
"""How long a store remembers that an acquire was undone, in seconds.

A connection that was given up can still deliver what was written to it, until the operating system
gives up too: on Linux after some 15 minutes.
"""

MAX_TOMBSTONES = 10_000
"""How many undone acquires of one pool a store remembers; one more and it forgets the oldest."""

# `frozen` would double the time that it takes to create the command of an acquire or a release.


# --- Commands that a store carries out in one step: memory directly, a server with a script.


@dataclass(slots=True, unsafe_hash=True)
class TakeSlot(Command[bool]):
    """Drop the expired slots, then give ``token`` a slot; the reply says whether it has one.

    A token that already holds a slot gets it again and is not counted twice.  So a driver may
    repeat the command if a reply was lost.  A token that was undone gets none.  ``slot_exp`` is the
    slot's life in seconds, ``None`` for no expiration.
    """

    key: str
    token: str
    max_size: int
    slot_exp: float | None


@dataclass(slots=True, unsafe_hash=True)
class DropSlot(Command[bool]):
    """Drop the slot of ``token``; the reply is false if it had expired or was gone.

    A store may drop other expired slots as well.
    """

    key: str
    token: str


@dataclass(slots=True, unsafe_hash=True)
class UndoSlot(Command[bool]):
    """Drop the slot of ``token`` as :class:`DropSlot` does, and leave a *tombstone*.

    The acquire being undone may still be on its way.  While the tombstone is there, a ``TakeSlot``
    of this token is refused, so a late one takes nothing.  A tombstone is no slot: it is counted
    nowhere.  It is gone after ``TOMBSTONE_LIFE`` seconds, or after ``MAX_TOMBSTONES`` later ones of
    the same pool.
    """

    key: str
    token: str


@dataclass(slots=True, unsafe_hash=True)
class CountSlots(Command[int]):
    """Count the slots that have not expired; a store may drop the expired ones as well."""

    key: str


# --- Commands of the plain contract: get, set-if-not-exists, delete.


@dataclass(slots=True, unsafe_hash=True)
class SetIfAbsent(Command[bool]):
    """Set ``name`` unless it exists; the reply says whether this call set it.

    ``ex`` is its life in whole seconds, ``None`` for no expiration.
    """

    name: str
    value: str
    ex: int | None


@dataclass(slots=True, unsafe_hash=True)
class GetValue(Command[str | None]):
    """Get the value of ``name``; the reply is ``None`` if it does not exist."""

    name: str


@dataclass(slots=True, unsafe_hash=True)
class DeleteName(Command[None]):
    """Remove ``name`` if it exists."""

    name: str
