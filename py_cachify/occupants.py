"""Who holds the slots of a pool, and who waits for one, as ``holders()`` and ``queue()`` say."""

from typing import NamedTuple

from py_cachify.commands import Listed
from py_cachify.tokens import Token, read_token


class Holder(NamedTuple):
    """Who holds a slot.

    What an older release wrote, or somebody else, is ``None``, or an empty label.

    Attributes:
        token: the token of the slot, for ``pool.slot(token)``.
        label: what its pool says for people; may be empty.
        host: the name of its machine; ``None`` with ``init_cachify(identify=False)``.
        pid: the id of its process on that machine; ``None`` in the same case.
        asked_at: when it asked for the slot, by its own clock, in seconds since 1970; ``None`` for
            a store in memory, which keeps no such time.
        remaining: how long the slot still lives, in seconds; infinite if it never expires, ``None``
            for a client of the plain contract, which cannot tell.
        renewing: whether it was taken with ``renew_for``.  After a crash it still says so: only
            ``remaining`` then sinks below two thirds of the life.
        max_size: the ``max_size`` that it was taken with.

    Example::

        for holder in pool('reports', max_size=3).holders():
            print(f'{holder.label} on {holder.host}, for another {holder.remaining:.0f} s')
    """

    token: str
    label: str
    host: str | None
    pid: int | None
    asked_at: float | None
    remaining: float | None
    renewing: bool
    max_size: int | None


class Waiter(NamedTuple):
    """Who waits for a slot.

    Attributes:
        token: its ticket, which becomes the token of its slot.
        label, host, pid, asked_at: as for :class:`Holder`.
        rank: how many wait before it.

    Example::

        pool('reports', max_size=3).queue()[0].label        # who is next
    """

    token: str
    label: str
    host: str | None
    pid: int | None
    asked_at: float | None
    rank: int


def make_holder(listed: Listed) -> Holder:
    """Return who holds a slot, from its token."""
    token = _read(listed.token)
    return Holder(
        listed.token,
        token.label,
        token.host,
        token.pid,
        token.instant,
        listed.remaining,
        token.renewed,
        token.max_size,
    )


def make_waiter(ticket: str, rank: int) -> Waiter:
    """Return who waits, from its ticket."""
    token = _read(ticket)
    return Waiter(ticket, token.label, token.host, token.pid, token.instant, rank)


_UNKNOWN = Token('', '', None, None, None, '')


def _read(token: str) -> Token:
    return read_token(token) or _UNKNOWN
