"""What a client must be able to do: the plain contract, for any store with an atomic set-if-not-exists.

A client of Redis or Valkey (``redis``, ``redis.asyncio``, ``valkey``, ``fakeredis``, cluster and sentinel
clients) is recognised by its ``eval`` and ``evalsha`` and served by scripts.  ``MemoryClient`` is served
natively.  Everything else is held to this contract:

* ``get(name)`` gives the value that was set (or its bytes), or ``None`` if there is none;
* ``set(name, value, ex=None, nx=False)``: with ``nx=True`` it sets only if the name does not exist, in
  one atomic step, and returns a true value if it did and a false one if it did not.  ``ex`` is the life
  of the name in whole seconds.  A client that repeats a request by itself must answer true where the
  first try had set the name, or not repeat it;
* ``delete(*names)`` removes them; a name that is not there is no error.

The asynchronous contract is the same with ``await``.  The package's ``README.md`` has two whole clients to copy,
one over a dictionary and one over SQLite.

What this costs: one call to take a slot of an empty pool, up to ``max_size`` calls in a full one, two to
give a slot back, ``max_size`` for ``size()``.  Its limits are listed in :mod:`py_cachify.protocols`.
"""

from collections.abc import Awaitable
from typing import Any, Protocol


class SyncClient(Protocol):
    """A client for threads; see the module's text for the contract."""

    def get(self, name: str) -> Any: ...

    def set(self, name: str, value: Any, *, ex: int | None = None, nx: bool = False) -> Any: ...

    def delete(self, *names: str) -> Any: ...


class AsyncClient(Protocol):
    """A client for asyncio; see the module's text for the contract."""

    def get(self, name: str) -> Awaitable[Any]: ...

    def set(self, name: str, value: Any, *, ex: int | None = None, nx: bool = False) -> Awaitable[Any]: ...

    def delete(self, *names: str) -> Awaitable[Any]: ...
