"""The requests that a protocol can make to a store, each of them indivisible.

A protocol is a generator of *steps*: it yields commands and receives their replies.  It does no
I/O, reads no clock, never sleeps and draws no random numbers.  So its driver decides when each
command happens, what happens in between, and what fails::

    granted = yield from TakeSlot(key, token, max_size, slot_exp)     # granted: bool

Commands are small values that nothing changes.  Every instant and duration is in seconds.
"""

from collections.abc import Generator
from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, Literal, NamedTuple, TypeVar


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

CLAIM = 2.0
"""How long a slot that was given to a waiter of another process is kept for it, in seconds.

Until the waiter asks again, which gives the slot its full life.  Never longer than that life.
"""

HEARTBEAT = 5.0
"""How long a waiter pauses at most until it asks again by itself, in seconds."""

DEADLINE = 15.0
"""How long a waiter may be silent until it loses its place to the next one, in seconds."""

MAX_GRANTS = 100
"""To how many waiters one request gives slots, at most; then the next waiter is woken to ask."""

MAX_DROPPED = 1000
"""How many silent waiters one request removes, at most."""

MAX_RENEWED = 1000
"""How many slots one request renews, at most; the server serves nobody else meanwhile."""

FENCE_LIFE = 86_400.0
"""How long a store remembers the last fencing token of a pool, in seconds.

Later ones are greater in any case, because the clock has moved on.
"""


class Refusal(Enum):
    """Why an acquire got no slot, where the pool was not simply full; false as a condition."""

    PROMISED = 'promised'
    """Others wait, and free slots are theirs."""
    CROWDED = 'crowded'
    """``max_waiting`` are waiting already."""
    TIMED_OUT = 'timed out'
    """It waited, and its time was up."""
    EXPIRED = 'expired'
    """It got a slot, which expired before it got its fencing token."""

    def __bool__(self) -> Literal[False]:
        return False


class Queued(NamedTuple):
    """The reply to a waiter that stays in the queue.

    Attributes:
        place: its place by the store's count, from which it is queued again if the store forgets.
        rank: how many waiters are before it.
        next_expiry: the seconds until the next slot expires; ``None`` if never.
    """

    place: float
    rank: int
    next_expiry: float | None


class Listed(NamedTuple):
    """One slot in the reply to a request that lists them.

    Attributes:
        token: its token.
        remaining: how long it still lives, in seconds; infinite if it never expires, ``None`` if
            the store cannot say.
    """

    token: str
    remaining: float | None


class Turn(Enum):
    """Why a waiter stops waiting."""

    ASK = 'ask'
    """It may have a slot, or it has been silent long enough: it asks again."""
    GRANTED = 'granted'
    """A request of this process gave it a slot."""
    OVER = 'over'
    """Its time is up."""
    GIVE_UP = 'give up'
    """The store has not answered for too long."""


# `frozen` would double the time that it takes to create the command of an acquire or a release.


# --- Commands that a store carries out in one step: memory directly, a server with a script.


@dataclass(slots=True, unsafe_hash=True)
class TakeSlot(Command[bool | Refusal]):
    """Drop the expired slots, then give ``token`` a slot; the reply says whether it has one.

    A token that already holds a slot gets it again and is not counted twice.  So a driver may
    repeat the command if a reply was lost.  A token that was undone gets none.  If others wait,
    free slots are given to them, and the reply is ``Refusal.PROMISED``.  ``slot_exp`` is the slot's
    life in seconds, ``None`` for no expiration.
    """

    key: str
    token: str
    max_size: int
    slot_exp: float | None


@dataclass(slots=True, unsafe_hash=True)
class DropSlot(Command[bool]):
    """Drop the slot of ``token``, and give free slots to the first waiters.

    The reply is false if the slot had expired or was gone.  A store may drop other expired slots as
    well.
    """

    key: str
    token: str


@dataclass(slots=True, unsafe_hash=True)
class UndoSlot(Command[bool]):
    """Drop the slot of ``token`` as :class:`DropSlot` does, or its ticket; leave a *tombstone*.

    The acquire being undone may still be on its way.  While the tombstone is there, every command
    that could give this token a slot is refused, so a late one takes nothing.  A tombstone is no
    slot: it is counted nowhere.  It is gone
    after ``TOMBSTONE_LIFE`` seconds, or after ``MAX_TOMBSTONES`` later ones of the same pool.
    """

    key: str
    token: str


@dataclass(slots=True, unsafe_hash=True)
class CountSlots(Command[int]):
    """Count the slots that have not expired; a store may drop the expired ones as well."""

    key: str


@dataclass(slots=True, unsafe_hash=True)
class ListSlots(Command[tuple[Listed, ...]]):
    """List the slots that have not expired, in no particular order; it changes nothing."""

    key: str


# --- Holding.  A store that cannot extend a life without the risk of reviving has neither.


@dataclass(slots=True, unsafe_hash=True)
class RenewSlots(Command[tuple[bool, ...]]):
    """Give each of these slots its full life again; the reply says for each whether it is there.

    A slot that has expired, or was given back, stays gone.  So a driver may repeat the command, and
    a late one does no harm.  ``renewals`` are at most ``MAX_RENEWED`` tokens, each with the life of
    its slot in seconds, ``None`` for no expiration.
    """

    key: str
    renewals: tuple[tuple[str, float | None], ...]


@dataclass(slots=True, unsafe_hash=True)
class DrawFence(Command[int | Refusal]):
    """Draw the next fencing token of the pool, if ``token`` has a slot.

    It is greater than every earlier one.  A token whose slot is gone gets none
    (``Refusal.EXPIRED``): it could be greater than that of a later holder.  If the command is
    repeated, only the last reply counts.
    """

    key: str
    token: str


# --- Waiting.  A store that cannot queue has none of these.
#
# A waiter has a *ticket* in the pool's queue: the token of the slot to come.  Each command
# that may find a free slot gives the first waiters theirs.  A ticket of the process that sent the
# command gets its full life at once, and the backend tells that waiter.  Any other ticket gets a
# *claim*: a slot for a short time, within which its holder must ask again.


@dataclass(slots=True, unsafe_hash=True)
class JoinQueue(Command[bool | Refusal | Queued]):
    """Take a slot as :class:`TakeSlot` does, or queue for one if that is refused.

    Refused are a token that was undone (``False``), and one that finds ``max_waiting`` others
    waiting (``Refusal.CROWDED``).  ``max_waiting`` is ``None`` for any number.
    """

    key: str
    token: str
    max_size: int
    slot_exp: float | None
    max_waiting: int | None


@dataclass(slots=True, unsafe_hash=True)
class AskAgain(Command[bool | Queued]):
    """Turn the claim of ``token`` into a slot, or keep its ticket in the queue.

    A ticket that the store does not know is queued again at ``place``, and then gets only a claim.
    Refused is a token that was undone.
    """

    key: str
    token: str
    max_size: int
    slot_exp: float | None
    place: float


@dataclass(slots=True, unsafe_hash=True)
class LeaveQueue(Command[bool]):
    """Remove the ticket of ``token``, unless it has been given a slot: then the reply is true.

    With ``tombstone``, leave one as :class:`UndoSlot` does, if it got no slot.
    """

    key: str
    token: str
    max_size: int
    slot_exp: float | None
    tombstone: bool


@dataclass(slots=True, unsafe_hash=True)
class CountWaiting(Command[int]):
    """Count the tickets in the queue whose holders have not been silent for too long."""

    key: str


@dataclass(slots=True, unsafe_hash=True)
class ListWaiting(Command[tuple[str, ...]]):
    """List the tickets that :class:`CountWaiting` counts, in order; it changes nothing."""

    key: str


@dataclass(slots=True, unsafe_hash=True)
class AwaitTurn(Command[Turn]):
    """Wait until there is a reason to ask again, or none to wait any longer.

    No store carries this out, but the driver, which has a clock and hears what other requests gave
    away.  The fields say everything that decides how the protocol continues.

    Attributes:
        queued: the last reply of the store; ``None`` if it cannot queue.
        failures: how many requests of this ticket have failed since that reply.
        unanswered: whether a request of this ticket may still be on its way.
    """

    key: str
    token: str
    max_size: int
    slot_exp: float | None
    queued: Queued | None = None
    failures: int = 0
    unanswered: bool = False


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
