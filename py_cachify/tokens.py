"""The token of a slot, which is its ticket while it waits: a text that says who asked for what.

Its fields are separated by colons::

    1:5f0c9a7be2d14c08-4711:2:1795904095964:3:600.0:42

=============  =====================================================================================
field          contents
=============  =====================================================================================
version        ``1``; a later version may add fields before the number, and changes no other
process        a random text for each process, and its id
channel        the number of the channel on which the process learns that it may have a slot
instant        when it asked, by its own clock: milliseconds since 1970
max_size       the ``max_size`` of the acquire
life           the life of the slot in seconds; empty if it never expires
number         different for all tokens of the process
=============  =====================================================================================

A store that shows its tokens to other processes, a server with scripts, needs all of them.  For
others the fields from channel to life are empty, because a store in memory knows them anyway.

Releases before 1.3 wrote ``process-id-number`` and read nothing from a token.  So both kinds may
hold slots of one pool.
"""

import functools
import itertools
import time
from collections.abc import Callable
from typing import NamedTuple

from py_cachify import _process as process


_head: str
_next_number: Callable[[], int]

CHANNEL_PREFIX = 'py-cachify:'
"""The beginning of the names of all channels."""


class Token(NamedTuple):
    """What a token says.

    Attributes:
        process: the random text of the process that asked, and its id.
        channel: the number of the channel on which that process listens; empty if it is unknown.
        instant: when it asked, by its own clock, in seconds since 1970; ``None`` if it is unknown.
        max_size: the ``max_size`` of the acquire; ``None`` if it is unknown.
        slot_exp: the life of the slot in seconds; ``None`` if it never expires, or is unknown.
        number: different for all tokens of the process.
    """

    process: str
    channel: str
    instant: float | None
    max_size: int | None
    slot_exp: float | None
    number: str

    @property
    def pid(self) -> int:
        """The id of the process that asked."""
        return int(self.process.rpartition('-')[2])


def new_short_token(pid: int, max_size: int, slot_exp: float | None, channel: int = 0) -> str:  # noqa: ARG001
    """Return a token with a process and a number alone; ``pid`` is the id of this process."""
    # The caller reads the id each time, because Python does not notice every fork.
    return f'{_head}{pid}:::::{_next_number()}'


def new_token(pid: int, max_size: int, slot_exp: float | None, channel: int = 0) -> str:
    """Return a token with all fields; the arguments are those of the acquire."""
    asked = int(time.time() * 1000)
    return f'{_head}{pid}:{channel}:{asked}:{_terms(max_size, slot_exp)}:{_next_number()}'


@functools.lru_cache
def _terms(max_size: int, slot_exp: float | None) -> str:
    return f'{max_size}:{"" if slot_exp is None else repr(float(slot_exp))}'


def _start() -> None:
    global _head, _next_number
    # A bound method and a text, because a pool in memory would notice the time to look them up.
    _head = f'1:{process.name}-'
    _next_number = itertools.count().__next__


_start()
process.after_fork(_start)


def read_token(token: str) -> Token | None:
    """Return what a token says; ``None`` for a text of another form, such as an older token.

    Example::

        read_token('1:5f0c9a7be2d14c08-4711:2:1795904095964:3:600.0:42').pid     # 4711
    """
    version, _, rest = token.partition(':')
    fields = rest.split(':')
    if not version.isdecimal() or len(fields) < 6:
        return None
    owner, channel, instant, max_size, life, *_, number = fields
    try:
        return Token(
            owner,
            channel,
            float(instant) / 1000 if instant else None,
            int(max_size) if max_size else None,
            float(life) if life else None,
            number,
        )
    except ValueError:
        return None


def channel_name(owner: str, channel: object) -> str:
    """Return the name of a channel of the process ``owner``."""
    return f'{CHANNEL_PREFIX}{owner}:{channel}'
