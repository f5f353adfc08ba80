"""The token of a slot, which is its ticket while it waits: a text that says who asked for what.

Its fields are separated by colons::

    1:5f0c9a7be2d14c08-4711:2:1795904095964:3:600.0:web-1:import%20of%2014%3A00:r:42

=============  =====================================================================================
field          contents
=============  =====================================================================================
version        ``1``; a later version may add fields before the number, and changes no other
process        a random text for each process, and its id; without the id if it is anonymous
channel        the number of the channel on which the process learns that it may have a slot
instant        when it asked, by its own clock: milliseconds since 1970
max_size       the ``max_size`` of the acquire
life           the life of the slot in seconds; empty if it never expires
host           the name of its machine; empty if it is anonymous
label          what the pool says for people about who holds the slot
renewed        ``r`` if the holder renews the slot, or empty
number         different for all tokens of the process
=============  =====================================================================================

A store that other processes read, a server, needs all of them.  In memory the channel and the
instant are empty, because a pool there would notice the time that they take.

Host and label are at most ``LONGEST_LABEL`` characters.  In them, all but letters, digits and
``_.-~/`` of ASCII is written as ``%`` and two hexadecimal digits for each byte, as in a URL.  So no
token is longer than about 1,700 bytes, and nothing in it can be taken for another field, or for a
command to a terminal.

Earlier releases wrote fewer fields, ``process-id-number`` before 1.3, and read at most those from
channel to life.  So all kinds may hold slots of one pool, and wait for them.
"""

import functools
import hashlib
import itertools
import socket
import time
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import quote, unquote

from py_cachify import _process as process


_head: str
_next_number: Callable[[], int]

CHANNEL_PREFIX = 'py-cachify:'
"""The beginning of the names of all channels."""

LONGEST_LABEL = 64
"""How many characters of a label or of a host's name a token keeps."""


class Token(NamedTuple):
    """What a token says.

    Attributes:
        process: the random text of the process that asked, and its id.
        channel: the number of the channel on which that process listens; empty if it is unknown.
        instant: when it asked, by its own clock, in seconds since 1970; ``None`` if it is unknown.
        max_size: the ``max_size`` of the acquire; ``None`` if it is unknown.
        slot_exp: the life of the slot in seconds; ``None`` if it never expires, or is unknown.
        number: different for all tokens of the process.
        host: the name of its machine; ``None`` if it is unknown.
        label: who holds the slot, for people; may be empty.
        renewed: whether the holder renews the slot.
    """

    process: str
    channel: str
    instant: float | None
    max_size: int | None
    slot_exp: float | None
    number: str
    host: str | None = None
    label: str = ''
    renewed: bool = False

    @property
    def pid(self) -> int | None:
        """The id of the process that asked; ``None`` if it is unknown."""
        pid = self.process.rpartition('-')[2] if '-' in self.process else ''
        return int(pid) if pid.isascii() and pid.isdecimal() else None


@functools.lru_cache(maxsize=512)
def make_terms(
    max_size: int, slot_exp: float | None, label: str = '', renewed: bool = False, identify: bool = True
) -> str:
    """Return the fields of a token from ``max_size`` to ``renewed``.

    Without ``identify``, the name of this machine is left out.
    """
    life = '' if slot_exp is None else repr(float(slot_exp))
    host = _host() if identify else ''
    return f'{max_size}:{life}:{host}:{_quoted(label)}:{"r" if renewed else ""}'


@functools.cache
def _host() -> str:
    try:
        return _quoted(socket.gethostname())
    except OSError:
        return ''


def _quoted(text: str) -> str:
    return quote(text[:LONGEST_LABEL], safe='/', errors='replace')


def new_short_token(pid: int, terms: str, channel: int = 0) -> str:  # noqa: ARG001
    """Return a token without channel and instant; ``pid`` is the id of this process.

    ``terms`` are those of :func:`make_terms`.
    """
    # Of `read_pid()`, which notices every fork.
    return f'{_head}{pid}:::{terms}:{_next_number()}'


def new_token(pid: int, terms: str, channel: int = 0) -> str:
    """Return a token with all fields; see :func:`new_short_token`."""
    return f'{_head}{pid}:{channel}:{int(time.time() * 1000)}:{terms}:{_next_number()}'


def new_anonymous_token(pid: int, terms: str, channel: int = 0) -> str:
    """Return a token that does not say which process this is; see :func:`new_short_token`."""
    owner = process_name(pid, identify=False)
    return f'1:{owner}:{channel}:{int(time.time() * 1000)}:{terms}:{_next_number()}'


def process_name(pid: int, *, identify: bool) -> str:
    """Return what stands for this process in its tokens and channels."""
    name = f'{process.name}-{pid}'
    return name if identify else hashlib.blake2s(name.encode(), digest_size=8).hexdigest()


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

        read_token('1:5f0c9a7be2d14c08-4711:2:1795904095964:3:600.0:web-1:::42').host     # 'web-1'
    """
    version, _, rest = token.partition(':')
    fields = rest.split(':')
    if not version.isdecimal() or len(fields) < 6:
        return None
    owner, channel, instant, max_size, life, *others, number = fields
    host, label, renewed = others[:3] if len(others) >= 3 else ('', '', '')
    try:
        return Token(
            owner,
            channel,
            float(instant) / 1000 if instant else None,
            int(max_size) if max_size else None,
            float(life) if life else None,
            number,
            _unquoted(host) or None,
            _unquoted(label),
            renewed == 'r',
        )
    except ValueError:
        return None


def _unquoted(text: str) -> str:
    """Return a label or a host as it was, but without what could command a terminal."""
    plain = unquote(text, errors='replace')[:LONGEST_LABEL]
    return plain if plain.isprintable() else ''.join(each if each.isprintable() else '\ufffd' for each in plain)


def channel_name(owner: str, channel: object) -> str:
    """Return the name of a channel of the process ``owner``."""
    return f'{CHANNEL_PREFIX}{owner}:{channel}'
