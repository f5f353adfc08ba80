"""What a member of a sorted set says: whether it is a slot or a waiter of a pool, and whose."""

import re
from typing import NamedTuple

from py_cachify.tokens import Token, read_token


CLAIM_MARK = '?'
"""Precedes the token of a slot that its waiter has not confirmed yet."""

DEADLINE_MARK = '!'
"""Precedes the ticket in the member that says by when a waiter must ask again."""

_BEFORE_1_3 = re.compile(r'([0-9a-f]{16,64}(?:-[0-9]{1,10})?)-[0-9]{1,30}', re.ASCII)
"""Process, id and number; the first release left out the id."""

LARGEST_PID = 2**31


class Member(NamedTuple):
    """A member that is a token.

    Attributes:
        token: the token, without a mark.
        claimed: whether it is a claim, which its waiter has not confirmed yet.
        said: what the token says.
    """

    token: str
    claimed: bool
    said: Token


def read_member(member: bytes) -> Member | None:
    """Return what a member of a pool's slots says; ``None`` if it is no token.

    Example::

        read_member(b'1:5f0c9a7be2d14c08-4711:2:1795904095964:3:600.0:web-1:::42').said.pid
    """
    try:
        text = member.decode()
    except UnicodeDecodeError:
        return None
    token = text.removeprefix(CLAIM_MARK)
    said = read_any_token(token)
    return None if said is None else Member(token, token != text, said)


def read_any_token(token: str) -> Token | None:
    """Return what a token of any release says; ``None`` if the text is no token."""
    said = read_token(token)
    if said is not None:
        return said if said.process and _is_sane(said) else None
    older = _BEFORE_1_3.fullmatch(token)
    return None if older is None else Token(older[1], '', None, None, None, token.rpartition('-')[2])


def _is_sane(said: Token) -> bool:
    """Return whether the numbers are such as the library writes, and can be shown."""
    return (
        (said.instant is None or 0 <= said.instant < 1e11)
        and (said.max_size is None or 0 <= said.max_size <= 2**63)
        and (said.slot_exp is None or 0 < said.slot_exp < 1e18)
        and (said.pid is None or said.pid <= LARGEST_PID)
    )
