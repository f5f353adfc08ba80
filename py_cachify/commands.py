"""What a protocol may ask of the world outside, one indivisible request at a time.

A protocol is a generator of *steps*: it yields commands and is sent their replies.  It does no I/O,
reads no clock, never sleeps and draws no random numbers, so whoever drives it decides when each
command happens, what falls in between, and what goes wrong::

    granted = yield from TakeSlot(key, token, max_size, slot_exp)     # granted: bool

Commands are small values that nobody changes.  Every instant and duration is in seconds.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar


R = TypeVar('R')


class Command(Generic[R]):
    """One indivisible request; its reply has type ``R``."""

    __slots__ = ()

    def __iter__(self) -> 'Generator[Command[Any], Any, R]':
        return (yield self)  # type: ignore[no-any-return]  # what is sent is this command's reply


Steps = Generator[Command[Any], Any, R]

# `frozen` would double the time that each acquire and each release takes to make its command.


# --- Commands that a store carries out as a whole: memory natively, Redis and Valkey by one script each.


@dataclass(slots=True, unsafe_hash=True)
class TakeSlot(Command[bool]):
    """Drop what has expired, then give ``token`` a slot; the reply says whether it has one.

    A token that holds a slot already is granted it again without being counted twice, so a driver may
    repeat the command after a reply was lost.  ``slot_exp`` is the slot's life in seconds, ``None`` for ever.
    """

    key: str
    token: str
    max_size: int
    slot_exp: float | None


@dataclass(slots=True, unsafe_hash=True)
class DropSlot(Command[bool]):
    """Drop what has expired, then the slot of ``token``; false if that was gone by then."""

    key: str
    token: str


@dataclass(slots=True, unsafe_hash=True)
class CountSlots(Command[int]):
    """Drop what has expired, then count the slots that are left."""

    key: str


# --- Commands of the plain contract: get, set-if-not-exists, delete.


@dataclass(slots=True, unsafe_hash=True)
class SetIfAbsent(Command[bool]):
    """Set ``name`` unless it exists; true if this call did.  ``ex`` is in whole seconds, ``None`` for ever."""

    name: str
    value: str
    ex: int | None


@dataclass(slots=True, unsafe_hash=True)
class GetValue(Command[str | None]):
    """The value of ``name``, or ``None``."""

    name: str


@dataclass(slots=True, unsafe_hash=True)
class DeleteName(Command[None]):
    """Remove ``name``, if it is there."""

    name: str
