"""Open the store of a run: memory, fakeredis, an embedded Valkey server, or a server by its URL.

Each is a store of the library itself and receives virtual time in place of its clock.  Every run
has its own key prefix and removes its own keys at the end.  On a server that others use, nothing
else is touched.
"""

import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from py_cachify import MemoryClient
from py_cachify.backends.atomic import AtomicBackend
from py_cachify.backends.memory import MemoryBackend
from py_cachify.backends.pool_keys import pool_keys
from py_cachify.backends.redis import RedisBackend
from py_cachify.protocols import INDEXED, SlotProtocol
from simulations.stores.contents import Contents, KeyValueContents, MemoryContents, NameContents, ServerContents
from simulations.stores.embedded import EmbeddedServerError, embedded_server, embedded_server_exists


URL_SCHEMES = ('redis://', 'rediss://', 'unix://')
STORES = 'memory, fakeredis, valkey, or the URL of a server (redis://HOST:PORT/DB, rediss://..., unix://PATH)'


class StoreError(Exception):
    """A store is not available, or does not answer."""


class Store:
    """An open store, for one run after another.

    Attributes:
        name: the name or URL that was asked for, without a password.
    """

    def __init__(self, name: str, client: Any = None) -> None:
        """Open a store on the server of ``client``, or in memory if there is none."""
        self.name = without_password(name)
        self._client = client
        self._prefix = f'pool-sim-{secrets.token_hex(6)}-'
        self._runs = 0

    def new_run(self) -> str:
        """Return a key prefix that no run has used before."""
        self._runs += 1
        return f'{self._prefix}{self._runs}-'

    def backend(self, clock: Callable[[], float]) -> AtomicBackend:
        """Return the library's own backend on this store, with ``clock`` in seconds."""
        if self._client is None:
            return MemoryBackend(MemoryClient(clock))
        return RedisBackend(self._client, clock)

    def contents(self, protocol: SlotProtocol | None, clock: Callable[[], float]) -> Contents:
        """Return the store in a form that can be inspected.

        Args:
            protocol: the plain contract or a broken protocol, both in memory; ``None`` for the
                protocol that the store uses.
            clock: returns the present instant in seconds.

        Raises:
            ValueError: there is a ``protocol``, and the store is not in memory.
        """
        if protocol is not None and self._client is not None:
            raise ValueError(
                f'a protocol given by name runs in memory only, but the store is {self.name}: choose the store memory,'
                ' or omit the protocol'
            )
        if protocol is INDEXED:
            return NameContents(clock)
        if protocol is not None:
            return KeyValueContents(protocol, clock)
        return MemoryContents(clock) if self._client is None else ServerContents(self._client, clock)

    def remove(self, keys: Iterable[str]) -> None:
        """Delete what is left of the pools ``keys`` of a run from the server."""
        if self._client is not None:
            for key in keys:
                self._client.delete(*pool_keys(key))

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Convert errors of the client to a ``StoreError`` with the store's name."""
        if self._client is None:
            yield
            return
        from redis.exceptions import RedisError

        try:
            yield
        except (RedisError, OSError) as error:
            raise StoreError(f'the store {self.name} does not answer: {error}') from error


def without_password(name: str) -> str:
    """Return the name of a store with any password hidden."""
    if '://' not in name:
        return name
    hidden = re.sub(r'(?<=://).*@', '***@', name)
    return re.sub(r'(?<=password=)[^&]*', '***', hidden)


def default_store() -> str:
    """Return ``valkey`` if the embedded server is installed, else ``memory``."""
    return 'valkey' if embedded_server_exists() else 'memory'


@contextmanager
def open_store(name: str) -> Iterator[Store]:
    """Open a store: ``memory``, ``fakeredis``, ``valkey`` (an embedded server), or a URL.

    Raises:
        StoreError: the store does not exist, or does not answer.

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
            # Any exception: the client raises many kinds if the answer is not that of a Redis
            # server.
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
        # No retries: a simulation reports a lost server immediately.  One connection is enough,
        # because commands are sent one after another, and it saves the overhead of a connection
        # pool.
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
