"""Pools, their slots and their waiters, as values that were read at one instant.

Data in, data out: nothing here asks a server or draws on a screen.  All instants are in seconds
since 1970, all durations in seconds.
"""

import hashlib
import math
from collections.abc import Iterable
from typing import NamedTuple

from py_cachify.ctl.members import Member


class Slot(NamedTuple):
    """A slot that is taken.

    Attributes:
        token: its token.
        label: what its pool says for people; may be empty.
        host: the name of its machine; ``None`` if unknown.
        pid: the id of its process; ``None`` if unknown.
        asked_at: when its holder asked, by the holder's clock; ``None`` if unknown.
        remaining: how long it still lives, by the server's clock; infinite if it never expires.
        life: its full life; ``None`` if unknown, or if it never expires.
        renewed: whether its holder renews it.
        max_size: the ``max_size`` with which it was taken; ``None`` if unknown.
        claimed: whether a waiter was given it and has not confirmed it yet.
    """

    token: str
    label: str
    host: str | None
    pid: int | None
    asked_at: float | None
    remaining: float
    life: float | None
    renewed: bool
    max_size: int | None
    claimed: bool

    @property
    def id(self) -> str:
        """Eight letters and digits that stand for the token where it is too long."""
        return hashlib.blake2s(self.token.encode(), digest_size=4).hexdigest()


class Waiter(NamedTuple):
    """Who waits for a slot; its attributes are as for :class:`Slot`.

    Attributes:
        rank: how many wait before it.
    """

    token: str
    label: str
    host: str | None
    pid: int | None
    asked_at: float | None
    max_size: int | None
    rank: int


class Pool(NamedTuple):
    """A pool.

    Attributes:
        key: its key, without the prefix.
        now: the server's instant at which it was read.
        slots: those that are taken, the longest held first.
        waiters: those who wait, the next one first.
        ahead: by how much the latest deadline of a waiter is further away than any can be, in
            seconds; above 0 only if the server's clock went back.
    """

    key: str
    now: float
    slots: tuple[Slot, ...]
    waiters: tuple[Waiter, ...]
    ahead: float = 0.0


class Summary(NamedTuple):
    """A pool in one line.

    Attributes:
        key: its key, without the prefix.
        now: the server's instant at which it was read.
        occupancy: how many slots are taken.
        max_sizes: each ``max_size`` that a holder or a waiter uses, ascending; empty if unknown.
        waiting: how many wait.
        oldest: the slot that has been held longest; ``None`` if there is none, or no instants.
    """

    key: str
    now: float
    occupancy: int
    max_sizes: tuple[int, ...]
    waiting: int
    oldest: Slot | None

    @property
    def fullness(self) -> float:
        """The share of the slots that is taken, as :func:`share_taken` has it."""
        return share_taken(self.occupancy, self.max_sizes)


def share_taken(occupancy: int, max_sizes: tuple[int, ...]) -> float:
    """Return the share of a pool's slots that is taken; 0 if ``max_size`` is unknown.

    If its users disagree on ``max_size``, it is that of those with the smallest, who are refused
    first; it may then be above 1.

    Example::

        share_taken(3, (3, 5))      # 1.0
    """
    smallest = next((size for size in max_sizes if size), None)
    return occupancy / smallest if smallest else 0.0


def make_slot(member: Member, remaining: float) -> Slot:
    """Return the slot of a member that still lives so many seconds."""
    said = member.said
    return Slot(
        member.token,
        said.label,
        said.host,
        said.pid,
        said.instant,
        remaining,
        said.slot_exp,
        said.renewed,
        said.max_size,
        member.claimed,
    )


def make_waiter(ticket: Member, rank: int) -> Waiter:
    """Return the waiter with a ticket."""
    said = ticket.said
    return Waiter(ticket.token, said.label, said.host, said.pid, said.instant, said.max_size, rank)


def by_age(slots: Iterable[Slot]) -> tuple[Slot, ...]:
    """Return slots, the longest held first; those without an instant, and claims, come last."""
    return tuple(sorted(slots, key=_age))


def _age(slot: Slot) -> tuple[bool, float, str]:
    return slot.claimed, math.inf if slot.asked_at is None else slot.asked_at, slot.token


def max_sizes(pool: Pool) -> tuple[int, ...]:
    """Return each ``max_size`` that a holder or a waiter of a pool uses, ascending."""
    everybody: tuple[Slot | Waiter, ...] = (*pool.slots, *pool.waiters)
    return tuple(sorted({one.max_size for one in everybody if one.max_size is not None}))


def summarize(pool: Pool) -> Summary:
    """Return a pool in one line."""
    oldest = pool.slots[0] if pool.slots and pool.slots[0].asked_at is not None else None
    return Summary(pool.key, pool.now, len(pool.slots), max_sizes(pool), len(pool.waiters), oldest)


def fullest_first(summaries: Iterable[Summary]) -> list[Summary]:
    """Return pools, the fullest first, and among equals the one with the longest queue."""
    return sorted(summaries, key=lambda each: (-each.fullness, -each.waiting, -each.occupancy, each.key))


class Totals(NamedTuple):
    """All pools together.

    Attributes:
        pools: how many there are.
        full: how many of them have no free slot, at least for those with the smallest ``max_size``.
        slots: how many slots are taken.
        waiting: how many wait.
    """

    pools: int
    full: int
    slots: int
    waiting: int


def total(summaries: Iterable[Summary]) -> Totals:
    """Return all pools together."""
    listed = list(summaries)
    return Totals(
        len(listed),
        sum(each.fullness >= 1 for each in listed),
        sum(each.occupancy for each in listed),
        sum(each.waiting for each in listed),
    )
