"""What a server carried out, in order, as its command ``MONITOR`` shows it."""

import socket
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from tests.state_machine.shared.recording import Request


class Carried(NamedTuple):
    """One request that reached the server.

    Attributes:
        request: the request.
        is_known: whether the server knew the script, and so carried the request out.
        has_text: whether it brought the text of the script with it.
    """

    request: Request
    is_known: bool
    has_text: bool


class Monitor:
    """Sees all that a server carries out."""

    def __init__(self, place: str) -> None:
        """Watch the server with the unix socket ``place``, from now on."""
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(place)
        self._socket.settimeout(60)
        self._socket.sendall(b'MONITOR\r\n')
        assert self._socket.recv(5) == b'+OK\r\n'
        self._rest = b''
        self._marks = 0

    def close(self) -> None:
        """Watch no longer."""
        self._socket.close()

    def lines(self, client: Any) -> list[bytes]:
        """Return the lines about all that the server has carried out since the last call."""
        self._marks += 1
        mark = b'"ECHO" "mark %d"\r\n' % self._marks
        client.echo(mark[8:-3])
        parts = [self._rest]
        while mark not in parts[-1] and mark not in b''.join(parts[-2:]):
            parts.append(self._socket.recv(1 << 20))
        seen, _, self._rest = b''.join(parts).partition(mark)
        # The last one is the beginning of the line with the mark.
        return seen.split(b'\r\n')[:-1]


def carried(lines: list[bytes], names: Mapping[bytes, str]) -> Iterator[Carried]:
    """Yield the scripts that were sent; the server knew none at the beginning.

    ``names`` are the names of the scripts, by digest and by text.
    """
    known: set[str] = set()
    for line in lines:
        if b' lua] ' in line:
            continue
        what, *arguments = line.partition(b'"')[2][:-1].split(b'" "')
        if what == b'EVALSHA':
            name = names[arguments[0]]
            yield Carried((name, _request(arguments)), name in known, has_text=False)
        elif what == b'EVAL':
            name = names[arguments[0].decode().encode().decode('unicode_escape').encode('latin-1')]
            known.add(name)
            yield Carried((name, _request(arguments)), is_known=True, has_text=True)
        elif what == b'SCRIPT' and arguments == [b'FLUSH']:
            known.clear()
        else:
            assert what in {b'HELLO', b'CLIENT', b'SUBSCRIBE', b'UNSUBSCRIBE', b'PUBLISH', b'PING', b'ECHO'}, line


def _request(arguments: list[bytes]) -> tuple[bytes, ...]:
    _, _, *rest = arguments
    return tuple(rest)
