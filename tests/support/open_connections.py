"""Name the test that leaves an asynchronous connection open whose event loop has ended.

Nothing can close it any more.  Python would warn when it collects it, much later, and that warning
would fail whichever test happens to run then.
"""

from typing import Any
from weakref import WeakSet

from redis.asyncio.connection import AbstractConnection


_made: 'WeakSet[AbstractConnection]' = WeakSet()
_init: Any = AbstractConnection.__init__


def _noting_init(self: AbstractConnection, *args: Any, **kwargs: Any) -> None:
    _init(self, *args, **kwargs)
    _made.add(self)


def note_connections() -> None:
    """Note each connection that is made from now on."""
    AbstractConnection.__init__ = _noting_init  # type: ignore[method-assign]


def left_open() -> list[AbstractConnection]:
    """Return the connections that are open although their loops have ended, and forget them."""
    left = []
    for connection in list(_made):
        transport = getattr(connection._writer, 'transport', None)
        loop = getattr(transport, '_loop', None)
        if loop is not None and loop.is_closed():
            left.append(connection)
            _made.discard(connection)
    return left
