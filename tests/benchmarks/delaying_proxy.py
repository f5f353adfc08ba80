"""A process between clients and a server that delays each message, and nothing else.

All messages are delayed by the same time, so they leave in the order in which they came, in one
queue for all connections.  Any number of them may be on the way.  One thread reads, and notes when
each message came; another one sleeps until the first is due, and sends it.  A new connection is
open at once.
"""

import multiprocessing
import shutil
import socket
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from selectors import EVENT_READ, DefaultSelector
from typing import Any, NamedTuple


_AT_ONCE = 2**18
_BACKLOG = 512


class Load(NamedTuple):
    """What the proxy did until now."""

    messages: int
    """How many messages it sent."""
    late: float
    """How much later than they were due, in seconds, all together."""
    working: float
    """How many seconds of a core it took."""
    now: float
    """When this was, in seconds."""

    def since(self, before: 'Load') -> str:
        """Return what the proxy did since then, in words."""
        late = (self.late - before.late) / max(1, self.messages - before.messages)
        busy = (self.working - before.working) / (self.now - before.now)
        return f'messages left the proxy {late * 1000:.2f} ms late, it took {busy:.0%} of a core'


class DelayingProxy:
    """A context manager, which ends the process.

    Args:
        server: the unix socket of the server.
        seconds: by how much each message is delayed, in each direction.

    Attributes:
        socket: the unix socket of the proxy, for the clients.

    Example::

        with DelayingProxy(socket, 0.001) as proxy, make_client(proxy.socket) as client:
            client.ping()  # takes 2 ms more
    """

    def __init__(self, server: str, seconds: float) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix='proxy-'))
        self.socket = str(self._folder / 's')
        context = multiprocessing.get_context('spawn')
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_run, args=(self.socket, server, seconds, theirs), daemon=True)
        self._process.start()
        theirs.close()
        self._pipe.recv()
        self._reported = self.load()

    def __enter__(self) -> 'DelayingProxy':
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.close()
        self._process.join()
        shutil.rmtree(self._folder, ignore_errors=True)

    def load(self) -> Load:
        """Return what the proxy did until now."""
        self._pipe.send(None)
        load: Load = self._pipe.recv()
        return load

    def report(self) -> str:
        """Return what the proxy did since the last report, in words."""
        before, self._reported = self._reported, self.load()
        return self._reported.since(before)


def _run(here: str, server: str, seconds: float, pipe: Any) -> None:
    line = _DelayLine(here, server, seconds)
    for work in (line.read, line.send):
        threading.Thread(target=work, daemon=True).start()
    pipe.send('ready')
    with suppress(EOFError):
        while True:
            pipe.recv()
            pipe.send(Load(line.messages, line.late, time.process_time(), time.monotonic()))


class _DelayLine:
    def __init__(self, here: str, server: str, seconds: float) -> None:
        self.messages, self.late = 0, 0.0
        self._server, self._seconds = server, seconds
        self._on_the_way: SimpleQueue[tuple[float, socket.socket, bytes]] = SimpleQueue()
        self._selector = DefaultSelector()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(here)
        self._listener.listen(_BACKLOG)
        self._selector.register(self._listener, EVENT_READ)

    def read(self) -> None:
        """Accept connections, and put what comes from either side on its way."""
        while True:
            for key, _ in self._selector.select():
                if key.data is None:
                    self._accept()
                    continue
                reads: Any = key.fileobj
                try:
                    message = reads.recv(_AT_ONCE)
                except OSError:
                    message = b''
                if not message:
                    self._selector.unregister(reads)
                self._on_the_way.put((time.monotonic() + self._seconds, key.data, message))

    def send(self) -> None:
        """Send each message when it is due; an empty one is the end of its direction."""
        while True:
            due, to, message = self._on_the_way.get()
            if (early := due - time.monotonic()) > 0:
                time.sleep(early)
            # An error means that this side is gone: then its end is on the way to the other side.
            with suppress(OSError):
                if message:
                    self.messages += 1
                    self.late += time.monotonic() - due
                    to.sendall(message)
                else:
                    to.shutdown(socket.SHUT_WR)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        server = socket.socket(socket.AF_UNIX)
        server.connect(self._server)
        # A socket closes when neither the selector nor a message on its way refers to it.
        self._selector.register(client, EVENT_READ, server)
        self._selector.register(server, EVENT_READ, client)
