"""A proxy that cuts a server's connections where a test wants them cut, or delays its answers."""

import socket as sockets
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


# Where a connection is cut: the server has not received the request; it has carried out the request
# and the client gets no answer; or the client gets only the first byte of the answer.
CUTS = ('before the request', 'before the reply', 'within the reply')


class CuttingProxy:
    """Stands between clients and a server, and cuts the connection at chosen requests.

    Attributes:
        path: the unix socket to connect to.
        cuts: where to cut, by the number of the request, counted from 1 over all connections.
        delay: how much later each answer arrives, in seconds.
        requests: how many requests arrived.
    """

    def __init__(self, path: str, server: str) -> None:
        self.path = path
        self.cuts: dict[int, str] = {}
        self.delay = 0.0
        self.requests = 0
        self._server = server
        self._listener = sockets.socket(sockets.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen()
        self._open: list[sockets.socket] = []
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def start_counting(self, cuts: dict[int, str]) -> None:
        """Use these cuts from now on, and count requests from 1 again."""
        with self._lock:
            self.cuts, self.requests = cuts, 0

    def close(self) -> None:
        """Cut all connections."""
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
        # The clients of these tests send a request in one piece and wait for its answer.
        with suppress(OSError):
            while request := client.recv(65536):
                with self._lock:
                    self.requests += 1
                    cut = self.cuts.get(self.requests)
                if cut == 'before the request':
                    break
                server.sendall(request)
                reply = server.recv(65536)
                if cut == 'before the reply':
                    break
                time.sleep(self.delay)
                client.sendall(reply[:1] if cut else reply)
                if cut:
                    break
        _close(client)
        _close(server)


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
