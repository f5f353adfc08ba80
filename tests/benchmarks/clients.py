"""The clients of the server: the same settings for all that is compared, the defaults of ``redis``."""

from typing import Any

import redis
import redis.asyncio


def make_client(socket: str) -> Any:
    """A synchronous client."""
    return redis.Redis(unix_socket_path=socket)


def make_async_client(socket: str) -> Any:
    """An asynchronous client, for one event loop."""
    return redis.asyncio.Redis(unix_socket_path=socket)
