"""An embedded Valkey server that can be killed and started again, with its data or without."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from simulations.stores.embedded import EmbeddedServerError, embedded_binary, end_with_us


_STARTS = 5
"""How often a start is attempted: the socket of a killed server may still exist for a moment."""


class LiveServer:
    """The running server.

    Attributes:
        socket: the path of its unix socket.
    """

    def __init__(self, folder: Path, keep_data: bool) -> None:
        """Prepare the server in a folder.

        Args:
            folder: the folder of its socket and its data.
            keep_data: write each change to disk before the answer, so that a killed server loses
                nothing.
        """
        self._folder = folder
        self.socket = folder / 's'
        config = {'appendonly': 'yes', 'appendfsync': 'always'} if keep_data else {}
        valkey_server, self._error = embedded_binary()
        self._server: Any = valkey_server(port=0, data_dir=folder, unix_socket_path=self.socket, config=config)
        self._watcher: Any = None

    def start(self) -> None:
        """Start it with the data on its disk, and wait until it answers.

        Raises:
            EmbeddedServerError: the server does not start.
        """
        for last in (*[False] * (_STARTS - 1), True):
            try:
                self._server.start()
                break
            except (self._error, OSError) as error:
                if last:
                    raise EmbeddedServerError(f'the embedded Valkey server does not start: {error}') from error
        self._watcher = end_with_us(self._server, self._folder)

    def kill(self, data: str = 'kept') -> None:
        """Kill it without warning; if ``data`` is ``'lost'``, delete its data on disk as well."""
        if self._watcher is not None:
            self._watcher.kill()
            self._watcher.communicate()
            self._watcher = None
        self._server.terminate()
        if data == 'lost':
            shutil.rmtree(self._folder / 'appendonlydir', ignore_errors=True)
            (self._folder / 'dump.rdb').unlink(missing_ok=True)


@contextmanager
def live_server(keep_data: bool) -> Iterator[LiveServer]:
    """Start such a server, which ends with the context, and also if this process is killed.

    Raises:
        EmbeddedServerError: the server is not installed, or does not start.
    """
    # A short path, because the path of a unix socket can have only about a hundred bytes.
    folder = Path(tempfile.mkdtemp(prefix='live-'))
    try:
        server = LiveServer(folder, keep_data)
        server.start()
        try:
            yield server
        finally:
            with suppress(Exception):
                server.kill()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
