"""The clients of the server, which have the default settings of ``redis`` in every row.

Only the connections may differ: the default refuses the 101st.
"""

from typing import Any

import redis
import redis.asyncio


def make_client(socket: str, connections: int | None = None) -> Any:
    """Return a synchronous client."""
    return redis.Redis(unix_socket_path=socket, max_connections=connections)


def make_async_client(socket: str, connections: int | None = None) -> Any:
    """Return an asynchronous client, for one event loop."""
    return redis.asyncio.Redis(unix_socket_path=socket, max_connections=connections)


def make_blocking_client(socket: str, connections: int) -> Any:
    """Return an asynchronous client whose requests wait while all connections are in use."""
    return redis.asyncio.Redis.from_pool(
        redis.asyncio.BlockingConnectionPool(
            max_connections=connections,
            timeout=None,
            connection_class=redis.asyncio.UnixDomainSocketConnection,
            path=socket,
        )
    )
