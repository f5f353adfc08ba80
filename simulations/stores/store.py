"""Where the pools of a run are kept: memory, fakeredis, an embedded Valkey server, or any server by its URL.

Each is a store of the library itself, told virtual time in place of its clock.  Every run has a key prefix
of its own and removes its own keys at the end; on a server that others use, nothing else is touched.
"""

import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from py_cachify import MemoryClient
from py_cachify.backends.base import Backend
from py_cachify.backends.memory import MemoryBackend
from py_cachify.backends.redis import RedisBackend
from py_cachify.protocols import INDEXED, SlotProtocol
from simulations.stores.contents import Contents, KeyValueContents, MemoryContents, NameContents, ServerContents
from simulations.stores.embedded import EmbeddedServerError, embedded_server, embedded_server_exists


URL_SCHEMES = ('redis://', 'rediss://', 'unix://')
STORES = 'memory, fakeredis, valkey, or the URL of a server (redis://HOST:PORT/DB, rediss://..., unix://PATH)'


class StoreError(Exception):
    """A store cannot be had, or does not answer."""


class Store:
    """A place for pools, open for one run after another.

    Attributes:
        name: as it was asked for, less a password.
    """

    def __init__(self, name: str, client: Any = None) -> None:
        """``client`` is the server's; without one the store is in memory."""
        self.name = without_password(name)
        self._client = client
        self._prefix = f'pool-sim-{secrets.token_hex(6)}-'
        self._runs = 0

    def new_run(self) -> str:
        """A prefix that no run had before."""
        self._runs += 1
        return f'{self._prefix}{self._runs}-'

    def backend(self, clock: Callable[[], float]) -> Backend:
        """The library's own backend on this store, under ``clock``, in seconds."""
        if self._client is None:
            return MemoryBackend(MemoryClient(clock))
        return RedisBackend(self._client, clock)

    def contents(self, protocol: SlotProtocol | None, clock: Callable[[], float]) -> Contents:
        """The store, to be looked into, under ``clock``.

        Args:
            protocol: one that is not the store's own: the plain contract, or a broken one, both in memory.
            clock: in seconds.

        Raises:
            ValueError: another protocol is only for memory.
        """
        if protocol is not None and self._client is not None:
            raise ValueError(
                f"a protocol that is not the store's own runs in memory only, and the store is {self.name}"
            )
        if protocol is INDEXED:
            return NameContents(clock)
        if protocol is not None:
            return KeyValueContents(protocol, clock)
        return MemoryContents(clock) if self._client is None else ServerContents(self._client, clock)

    def remove(self, keys: Iterable[str]) -> None:
        """Take the keys of a run off the server, if one is left."""
        if self._client is not None:
            for key in keys:
                self._client.delete(key)

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn what the client raises into a ``StoreError`` with the store's name."""
        if self._client is None:
            yield
            return
        from redis.exceptions import RedisError

        try:
            yield
        except (RedisError, OSError) as error:
            raise StoreError(f'the store {self.name} does not answer: {error}') from error


def without_password(name: str) -> str:
    """A store's name that may be shown and kept."""
    if '://' not in name:
        return name
    hidden = re.sub(r'(?<=://).*@', '***@', name)
    return re.sub(r'(?<=password=)[^&]*', '***', hidden)


def default_store() -> str:
    """``valkey`` where the embedded server is installed, else ``memory``."""
    return 'valkey' if embedded_server_exists() else 'memory'


@contextmanager
def open_store(name: str) -> Iterator[Store]:
    """The store ``name``: ``memory``, ``fakeredis``, ``valkey`` (a server of its own), or a URL.

    Raises ``StoreError`` if it does not exist or does not answer.

    Example::

        with open_store('valkey') as store:
            result = replay(workload, max_size=5, store=store)
    """
    if name == 'memory':
        yield Store(name)
        return
    with ExitStack() as stack:
        if name == 'fakeredis':
            client = _fake_client()
        elif name == 'valkey':
            try:
                socket = stack.enter_context(embedded_server())
            except EmbeddedServerError as error:
                raise StoreError(str(error)) from error
            client = _client(f'unix://{socket}')
        elif name.startswith(URL_SCHEMES):
            client = _client(name)
        else:
            raise StoreError(f'there is no store {name!r}: choose {STORES}')
        stack.callback(_close, client)
        store = Store(name, client)
        try:
            client.ping()
        except Exception as error:
            # Also what the client makes of an answer that no such server gives.
            raise StoreError(f'the store {store.name} does not answer: {error}') from error
        yield store


def _fake_client() -> Any:
    import fakeredis

    return fakeredis.FakeRedis(server=fakeredis.FakeServer())


def _client(url: str) -> Any:
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    try:
        # A server that is gone is reported at once: a simulation has nobody to wait for.
        # And it asks one thing after another, so a connection of its own saves the way through a pool of them.
        return redis.Redis.from_url(
            url,
            single_connection_client=True,
            retry=Retry(NoBackoff(), 0),
            socket_connect_timeout=5,
            socket_timeout=30,
        )
    except (ValueError, TypeError) as error:
        raise StoreError(f'the store {without_password(url)}: {error}') from error
    except (redis.RedisError, OSError) as error:
        raise StoreError(f'the store {without_password(url)} does not answer: {error}') from error


def _close(client: Any) -> None:
    with suppress(Exception):
        client.close()
