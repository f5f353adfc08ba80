"""The clients that ``init_cachify(url)`` makes, and how their connections are closed.

They are clients of ``redis``, which is imported only here, and connect when they are first used.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

from py_cachify.arguments import is_a
from py_cachify.backends._url import checked_url, malformed


if TYPE_CHECKING:
    import redis.asyncio


SOCKET_TIMEOUT = 5
"""In seconds, unless the URL says otherwise; before redis-py 8, a request could wait forever."""

UNLIMITED = 2**31
"""The number of connections for threads, unless the URL says otherwise."""


class OpenedClients:
    """The clients of one URL, and their connections.

    For asyncio they are a bounded number, and a request waits for a free one.  Threads open as many
    as they need: ``redis.BlockingConnectionPool`` has a lock that stays locked forever if a signal
    handler raises at the wrong moment, such as that of a task queue's time limit.
    """

    def __init__(self, url: str) -> None:
        """Make the clients without connecting."""
        import redis.asyncio.retry
        import redis.backoff
        import redis.connection
        import redis.retry

        def options(retry: Callable[..., Any]) -> dict[str, Any]:
            # One repetition is for a connection that the server closed while it was idle.
            errors = [redis.ConnectionError]
            return {
                'socket_timeout': SOCKET_TIMEOUT,
                'socket_connect_timeout': SOCKET_TIMEOUT,
                'retry': retry(redis.backoff.NoBackoff(), 1, supported_errors=tuple(errors)),
                'retry_on_error': errors,
            }

        def make_pool() -> 'redis.ConnectionPool':
            found: dict[str, Any] = redis.connection.parse_url(url)  # type: ignore[no-untyped-call]
            # Only a pool that waits has this time limit.
            found.pop('timeout', None)
            return redis.ConnectionPool(**{'max_connections': UNLIMITED, **options(redis.retry.Retry), **found})

        def make_async_pool() -> 'redis.asyncio.BlockingConnectionPool':
            return redis.asyncio.BlockingConnectionPool.from_url(url, **options(redis.asyncio.retry.Retry))

        # redis-py looks at the options of a URL only when it makes a connection.
        trial: tuple[Any, ...] = make_pool(), make_async_pool()
        for each in trial:
            each.make_connection()
        self._connections = make_pool()
        self.sync = redis.Redis(connection_pool=self._connections)
        self.asynchronous = LoopClients(make_async_pool)

    def close(self) -> None:
        """Close the connections of all threads; a later request opens new ones."""
        self._connections.disconnect()

    async def aclose(self) -> None:
        """Close the connections of all threads and of the running event loop."""
        self.close()
        await self.asynchronous.aclose()


class LoopClients:
    """An asynchronous client with separate connections for each event loop.

    A connection works only in the loop that opened it, so ``asyncio.run()`` twice needs two.  The
    connections of a loop are closed when it ends.
    """

    connection = None
    """As for any client of redis-py with more than one connection."""

    def __init__(self, make_pool: 'Callable[[], redis.asyncio.BlockingConnectionPool]') -> None:
        self._make_pool = make_pool
        self._clients: dict[asyncio.AbstractEventLoop, tuple[redis.asyncio.Redis, AsyncGenerator[None, None]]] = {}

    def evalsha(self, *arguments: Any) -> Awaitable[Any]:
        """Run a script that the server knows, in the running loop."""
        answer: Awaitable[Any] = self._client().evalsha(*arguments)
        return answer

    def eval(self, *arguments: Any) -> Awaitable[Any]:
        """Run a script, in the running loop."""
        answer: Awaitable[Any] = self._client().eval(*arguments)
        return answer

    def execute_command(self, *arguments: Any) -> Awaitable[Any]:
        """Send a command, in the running loop."""
        answer: Awaitable[Any] = self._client().execute_command(*arguments)
        return answer

    def pipeline(self, *, transaction: bool) -> Any:
        """Return an empty pipeline, for the running loop."""
        return self._client().pipeline(transaction=transaction)

    def pubsub(self) -> Any:
        """Return a subscription to nothing yet, for the running loop."""
        return self._client().pubsub()

    @property
    def connection_pool(self) -> 'redis.asyncio.BlockingConnectionPool':
        """The connections of the running loop."""
        pool: redis.asyncio.BlockingConnectionPool = self._client().connection_pool
        return pool

    async def aclose(self) -> None:
        """Close the connections of the running loop; a later request opens new ones."""
        _, closing = self._clients.pop(asyncio.get_running_loop(), (None, None))
        if closing is not None:
            await closing.aclose()

    def _client(self) -> Any:
        loop = asyncio.get_running_loop()
        found = self._clients.get(loop)
        return self._make_client(loop) if found is None else found[0]

    def _make_client(self, loop: asyncio.AbstractEventLoop) -> 'redis.asyncio.Redis':
        import redis.asyncio

        # A list first, because loops of other threads may come and go.
        for other in list(self._clients):
            if other.is_closed():
                self._clients.pop(other, None)
        pool = self._make_pool()
        client = redis.asyncio.Redis(connection_pool=pool)
        closing = _closing(pool)
        # At its end, or if nobody refers to the generator, a loop closes each generator that began
        # in it.  This one begins at once, without waiting for anything.
        with contextlib.suppress(StopIteration):
            closing.__anext__().__await__().send(None)
        self._clients[loop] = client, closing
        return client


async def _closing(pool: 'redis.asyncio.BlockingConnectionPool') -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        await pool.disconnect()


def open_clients(sync_client: Any, async_client: Any) -> OpenedClients | None:
    """Return new clients if ``sync_client`` is a URL; ``None`` if neither argument is one.

    Raises:
        TypeError: a URL was passed together with another client, or as ``async_client``.
        ValueError: a string is no URL that redis-py accepts.
        ModuleNotFoundError: the package ``redis`` is not installed.
    """
    if is_a(async_client, str):
        raise TypeError(
            'async_client must be a client, not a string: pass a URL as the first argument, sync_client, where it'
            ' serves both threads and asyncio'
        )
    if not is_a(sync_client, str):
        return None
    if async_client is not None:
        raise TypeError(
            'async_client must not be passed if sync_client is a URL, which serves both threads and asyncio: pass the'
            ' URL alone, or two clients'
        )
    return _open(checked_url(str.__str__(sync_client)))


def _open(url: str) -> OpenedClients:
    try:
        return OpenedClients(url)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "a URL needs the package redis, which the extra `redis` installs: pip install 'py-cachify-lab[redis]'",
            name=error.name,
        ) from error
    except Exception as error:
        kind = type(error).__name__
    # Raised out here, because the error of redis-py may show parts of the URL.
    raise malformed(f'redis-py does not accept one of the options after the ? ({kind})')
