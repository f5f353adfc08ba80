"""Recognise that an asynchronous client still uses an event loop that has ended.

A client's idle connections belong to the loop in which they were opened.  If another loop uses the
client later, as with a second ``asyncio.run()``, a request on such a connection fails.  Most
clients then drop the connection, and the next request opens a new one.
"""

from py_cachify.arguments import kind_of


_SIGNS = (
    'Event loop is closed',
    'attached to a different loop',
    'is bound to a different event loop',
    'the handler is closed',
)
"""Parts of the texts with which asyncio and uvloop say so; the error has no separate class."""


def belongs_to_another_loop(error: BaseException) -> bool:
    """Return whether a request failed because the client belongs to another event loop."""
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in _SIGNS)


def another_loop(client: object) -> RuntimeError:
    """Return the error of a client that does not recover from a change of event loops."""
    return RuntimeError(
        f'the asynchronous client, a {kind_of(client)}, belongs to another event loop, and does not recover: in each'
        ' event loop, make a new client and pass it to init_cachify(), and close it before the loop ends'
    )
