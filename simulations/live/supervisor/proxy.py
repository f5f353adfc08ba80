"""The bad network: a proxy between each worker and the server, which loses or delays messages.

It runs an event loop in a separate thread.  What is lost stays lost: a connection that lost a
message passes nothing more in that direction, because its client would mistake one reply for
another.  The client gives the connection up at its time-out.
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
    """The state of the network between one worker and the server.

    Attributes:
        cut: how many partitions last; if any, nothing passes.
        delays: seconds by which each request and each reply is delayed.
        lost_requests, lost_replies: the shares of messages that are lost.
    """

    cut: int = 0
    delays: list[float] = field(default_factory=list)
    lost_requests: list[float] = field(default_factory=list)
    lost_replies: list[float] = field(default_factory=list)

    def loses(self, request: bool, stream: random.Random) -> bool:
        """Return whether the next message is lost."""
        shares = self.lost_requests if request else self.lost_replies
        return bool(self.cut) or any(stream.random() < share for share in shares)


class Proxy:
    """Proxies between the workers and one server; a context manager.

    Args:
        folder: the folder of the proxies' sockets.
        server: the URL of the server.
        workers: the number of workers.
        seed: the seed of the losses.

    Attributes:
        weather: the state of each worker's network, which takes effect at the next message.
        lost: how many messages were lost.
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
        """Return the URL for a worker, with the password and database of the server's URL."""
        parts = urlsplit(self._server)
        query = parts.query
        login = f'{parts.netloc.rpartition("@")[0]}@' if '@' in parts.netloc else ''
        if parts.scheme == 'redis' and parts.path.strip('/'):
            query = '&'.join(filter(None, [query, f'db={parts.path.strip("/")}']))
        return f'unix://{login}{self._paths[worker]}' + (f'?{query}' if query else '')

    def __enter__(self) -> 'Proxy':
        self._thread.start()
        if not self._open.wait(_WAIT):
            raise LiveError(f'the proxy between the workers and the server did not start within {_WAIT:g} s')
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
                # The client believes that it is connected, but gets no answers.
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
        """Pass messages on until one side closes; each message arrives in one piece."""
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
