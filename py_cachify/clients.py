"""The plain contract: what a client needs, for any store with an atomic set-if-not-exists.

The library recognises a client of Redis or Valkey (``redis``, ``redis.asyncio``, ``valkey``,
``fakeredis``, cluster and sentinel clients) by its ``eval`` and ``evalsha``, and serves it with
scripts.  These must accept the arguments that redis-py's accept: a client with others is refused.
Where ``evalsha`` is that of redis-py or valkey-py itself, a synchronous client is called by
``execute_command('EVALSHA', ...)`` instead, which is what that method does.  An asynchronous client
of these packages is called in the same way, and by its pipelines.
The library uses a ``MemoryClient`` directly.  Every other client must fulfil this contract:

* ``get(name)`` returns the value that was set (or its bytes), or ``None`` if there is none.
* ``set(name, value, ex=None, nx=False)`` sets a name for ``ex`` whole seconds.  With ``nx=True`` it
  sets the name only if it does not exist, in one atomic step, and returns a true value if it did so
  and a false value if it did not.  A client that repeats requests itself must return a true value
  if its first attempt set the name; otherwise it must not repeat the request.
* ``delete(*names)`` removes the names.  A missing name is not an error.

The asynchronous contract is the same with ``await``.  The package's ``README.md`` has two complete
clients to copy, one over a dictionary and one over SQLite.  ``pool-sim check-client`` tells you
whether yours keeps the contract.

A client need not inherit from ``SyncClient`` or ``AsyncClient``.  If it does and lacks a method,
Python refuses to create it: an inherited method would do nothing, and without ``set`` the pool
would always be full.

The cost: one call to take a slot of an empty pool, up to ``max_size`` calls in a full one, two
calls to give a slot back, ``max_size`` calls for ``size()``.  :mod:`py_cachify.protocols` lists the
limits.
"""

from abc import abstractmethod
from collections.abc import Awaitable
from typing import Any, Protocol


class SyncClient(Protocol):
    """A client for threads; the module's docstring describes the contract."""

    @abstractmethod
    def get(self, name: str) -> Any: ...

    @abstractmethod
    def set(self, name: str, value: Any, *, ex: int | None = None, nx: bool = False) -> Any: ...

    @abstractmethod
    def delete(self, *names: str) -> Any: ...


class AsyncClient(Protocol):
    """A client for asyncio; the module's docstring describes the contract."""

    @abstractmethod
    def get(self, name: str) -> Awaitable[Any]: ...

    @abstractmethod
    def set(self, name: str, value: Any, *, ex: int | None = None, nx: bool = False) -> Awaitable[Any]: ...

    @abstractmethod
    def delete(self, *names: str) -> Awaitable[Any]: ...
