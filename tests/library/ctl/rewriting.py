"""A proxy that changes what a real server answers, where no real one answers so here."""

import socket as sockets
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


@contextmanager
def rewriting(server: str, rewrite: Callable[[bytes, bytes], bytes]) -> Iterator[str]:
    """Stand before a server, and rewrite what it answers; yield the unix socket."""
    with tempfile.TemporaryDirectory(prefix='rw-') as folder, sockets.socket(sockets.AF_UNIX) as listener:
        listener.bind(f'{folder}/s')
        listener.listen()

        def serve() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    threading.Thread(target=pass_on, args=(client,), daemon=True).start()

        def pass_on(client: sockets.socket) -> None:
            with suppress(OSError), client, sockets.socket(sockets.AF_UNIX) as upstream:
                upstream.connect(server)
                while request := client.recv(65536):
                    upstream.sendall(request)
                    client.sendall(rewrite(request, upstream.recv(1 << 20)))

        threading.Thread(target=serve, daemon=True).start()
        yield f'{folder}/s'
        listener.shutdown(sockets.SHUT_RDWR)
