"""A proxy that cuts a server's connections where a test wants them cut, or delays its answers."""

import socket as sockets
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path


# Where a connection is cut: the server has not received the request; it has carried out the request
# and the client gets no answer; or the client gets only the first byte of the answer.
CUTS = ('before the request', 'before the reply', 'within the reply')


class CuttingProxy:
    """Stands between clients and a server, and cuts the connection at chosen requests.

    A request that arrives in one piece with others is part of a batch.  Each is passed on once the
    one before it is answered, as if the server had taken a moment for each.  A connection that
    subscribes to something is only passed on.

    Attributes:
        path: the unix socket to connect to.
        cuts: where to cut, by the number of the request, counted from 1 over all connections.
        batch_cuts: the same, but only the requests that are part of a batch are counted.
        before: what to do before a request that is part of a batch reaches the server, by its
            number among those.
        delay: how much later each answer arrives, in seconds.
        requests: how many requests arrived.
        batches: how many requests each batch had.
        held: how many requests have been held up.
        cut: how many connections have been cut.
    """

    def __init__(self, path: str, server: str) -> None:
        self.path = path
        self.cuts: Mapping[int, str] = {}
        self.batch_cuts: Mapping[int, str] = {}
        self.before: Mapping[int, Callable[[], object]] = {}
        self.delay = 0.0
        self.requests = 0
        self.batches: list[int] = []
        self.held = 0
        self.cut = 0
        self._server = server
        self._listener = sockets.socket(sockets.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen()
        self._open: list[sockets.socket] = []
        self._lock = threading.Lock()
        self._holds = ''
        self._let_go = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def start_counting(self, cuts: Mapping[int, str], batch_cuts: Mapping[int, str] | None = None) -> None:
        """Use these cuts from now on, and count requests and batches anew."""
        with self._lock:
            self.cuts, self.batch_cuts, self.requests, self.batches = cuts, batch_cuts or {}, 0, []

    def hold(self, where: str) -> None:
        """Hold up what arrives from now on, ``'before the request'`` or ``'before the reply'``."""
        self._let_go.clear()
        self.held, self._holds = 0, where

    def hold_no_more(self) -> None:
        """Pass on what arrives from now on; what is held up stays so."""
        self._holds = ''

    def let_go(self) -> None:
        """Pass on all that is held up, and what arrives from now on."""
        self._holds = ''
        self._let_go.set()

    def close(self) -> None:
        """Cut all connections."""
        self._let_go.set()
        for one in [self._listener, *self._open]:
            _close(one)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = sockets.socket(sockets.AF_UNIX)
                server.connect(self._server)
                self._open += [client, server]
                threading.Thread(target=self._pass_on, args=(client, server), daemon=True).start()

    def _pass_on(self, client: sockets.socket, server: sockets.socket) -> None:
        requests, replies = _Messages(client), _Messages(server)
        with suppress(OSError):
            while together := requests.receive():
                if b'SUBSCRIBE' in together[0][:20]:
                    threading.Thread(target=_pump, args=(server, client), daemon=True).start()
                    server.sendall(b''.join(together))
                    _pump(client, server)
                    break
                places = self._count(len(together))
                holds = self._hold_up(len(together))
                if holds == CUTS[0]:
                    self._let_go.wait()
                if not all(
                    self._carry(request, *place, client, server, replies, holds == CUTS[1])
                    for request, place in zip(together, places, strict=True)
                ):
                    with self._lock:
                        self.cut += 1
                    break
        _close(client)
        _close(server)

    def _count(self, together: int) -> list[tuple[int, int]]:
        """Return the number of each request, and its number among those of batches, or 0."""
        with self._lock:
            first, first_of_batch = self.requests + 1, sum(self.batches) + 1
            self.requests += together
            if together == 1:
                return [(first, 0)]
            self.batches.append(together)
            return [(first + place, first_of_batch + place) for place in range(together)]

    def _hold_up(self, together: int) -> str:
        with self._lock:
            if self._holds:
                self.held += together
            return self._holds

    def _carry(
        self,
        request: bytes,
        number: int,
        of_batches: int,
        client: sockets.socket,
        server: sockets.socket,
        replies: '_Messages',
        waits: bool,
    ) -> bool:
        """Pass a request and its answer on; return whether the connection is still there."""
        cut = self.cuts.get(number) or self.batch_cuts.get(of_batches)
        if of_batches in self.before:
            self.before[of_batches]()
        if cut == 'before the request':
            return False
        server.sendall(request)
        reply = b''.join(replies.receive(1))
        if waits:
            self._let_go.wait()
        if cut == 'before the reply':
            return False
        time.sleep(self.delay)
        client.sendall(reply[:1] if cut else reply)
        return not cut


class _Messages:
    """Splits what a socket receives into the requests or answers of the server's protocol."""

    def __init__(self, source: sockets.socket) -> None:
        self._source = source
        self._received = b''

    def receive(self, most: int | None = None) -> list[bytes]:
        """Return all that has arrived and is complete, at least one; nothing at the end."""
        while True:
            found: list[bytes] = []
            start = 0
            while len(found) != most and (end := _end(self._received, start)) is not None:
                found.append(self._received[start:end])
                start = end
            self._received = self._received[start:]
            if found:
                return found
            more = self._source.recv(1 << 20)
            if not more:
                return []
            self._received += more


def _end(data: bytes, start: int) -> int | None:
    """Return where the message that begins at ``start`` ends; ``None`` if it is not complete."""
    line = data.find(b'\r\n', start)
    if line < 0:
        return None
    kind, rest, end = data[start : start + 1], data[start + 1 : line], line + 2
    if kind in b'$=!':
        end += int(rest) + 2 if int(rest) >= 0 else 0
        return end if end <= len(data) else None
    if kind in b'*~>%':
        for _ in range(int(rest) * (2 if kind == b'%' else 1)):
            inner = _end(data, end)
            if inner is None:
                return None
            end = inner
    return end


def _pump(source: sockets.socket, target: sockets.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)


def _close(one: sockets.socket) -> None:
    with suppress(OSError):
        one.shutdown(sockets.SHUT_RDWR)
    one.close()


@contextmanager
def cutting_proxy(server: str) -> Iterator[CuttingProxy]:
    """Start a proxy in front of the server that listens on the unix socket ``server``."""
    with tempfile.TemporaryDirectory(prefix='cut-') as folder:
        proxy = CuttingProxy(str(Path(folder) / 's'), server)
        try:
            yield proxy
        finally:
            proxy.close()
