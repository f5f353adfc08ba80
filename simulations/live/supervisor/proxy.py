"""Stands between a worker and the server, one for each worker, and loses or delays what passes: a bad network.

A loop of its own in a thread.  What is lost stays lost: a connection that lost something passes nothing more in that
direction, as its client, which would take one reply for another, gives it up at its time-out.
"""

import asyncio
import random
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from simulations.live.plan import LiveError


_AT_ONCE = 65536
_WAIT = 30.0


@dataclass
class Weather:
    """What befalls one worker's connections now.

    Attributes:
        cut: how many partitions there are: nothing passes.
        delays: seconds by which each request and each reply takes longer.
        lost_requests, lost_replies: the shares that are lost.
    """

    cut: int = 0
    delays: list[float] = field(default_factory=list)
    lost_requests: list[float] = field(default_factory=list)
    lost_replies: list[float] = field(default_factory=list)

    def loses(self, request: bool, stream: random.Random) -> bool:
        """Whether what comes now is lost."""
        shares = self.lost_requests if request else self.lost_replies
        return bool(self.cut) or any(stream.random() < share for share in shares)


class Proxy:
    """Proxies for so many workers before one server; a context manager.

    Attributes:
        weather: of each worker; whoever changes it does so between two messages.
        lost: messages that were lost.
    """

    def __init__(self, folder: Path, server: str, workers: int, seed: int) -> None:
        self.weather = [Weather() for _ in range(workers)]
        self.lost = 0
        self._paths = [folder / f'way-{worker}' for worker in range(workers)]
        self._server = server
        self._stream = random.Random(f'{seed} network')
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._open = threading.Event()
        self._listeners: list[asyncio.Server] = []

    def address(self, worker: int) -> str:
        """The URL for a worker, with the password and database of the server's own."""
        parts = urlsplit(self._server)
        query = parts.query
        login = f'{parts.netloc.rpartition("@")[0]}@' if '@' in parts.netloc else ''
        if parts.scheme == 'redis' and parts.path.strip('/'):
            query = '&'.join(filter(None, [query, f'db={parts.path.strip("/")}']))
        return f'unix://{login}{self._paths[worker]}' + (f'?{query}' if query else '')

    def __enter__(self) -> 'Proxy':
        self._thread.start()
        if not self._open.wait(_WAIT):
            raise LiveError('the proxy between workers and server did not start')
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_WAIT)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._listen())
        self._open.set()
        self._loop.run_forever()
        for listener in self._listeners:
            listener.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    async def _listen(self) -> None:
        for worker, path in enumerate(self._paths):
            listener = await asyncio.start_unix_server(
                lambda reader, writer, worker=worker: self._pass_on(worker, reader, writer),  # type: ignore[misc]
                path,
            )
            self._listeners.append(listener)

    async def _pass_on(self, worker: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_server: asyncio.StreamWriter | None = None
        try:
            if self.weather[worker].cut:
                # It seems to be connected, as far as its own side goes, and hears nothing.
                await reader.read(-1)
                return
            from_server, to_server = await self._connect()
            ways = [
                asyncio.ensure_future(self._one_way(worker, reader, to_server, request=True)),
                asyncio.ensure_future(self._one_way(worker, from_server, writer, request=False)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            for one in (writer, to_server):
                if one is not None:
                    with suppress(Exception):
                        one.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        parts = urlsplit(self._server)
        if parts.scheme == 'unix':
            return await asyncio.open_unix_connection(unquote(parts.path))
        return await asyncio.open_connection(parts.hostname or 'localhost', parts.port or 6379)

    async def _one_way(
        self, worker: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bool
    ) -> None:
        """Pass on until one side has closed; a message comes in one piece, as clients and servers send it."""
        weather, deaf = self.weather[worker], False
        while message := await reader.read(_AT_ONCE):
            for delay in list(weather.delays):
                await asyncio.sleep(delay)
            if deaf or weather.loses(request, self._stream):
                self.lost += not deaf
                deaf = True
                continue
            writer.write(message)
            await writer.drain()
