"""Recognise an error after which the same request may work a moment later.

The connection was lost, or the server is starting, failing over, or busy with a slow script.  A
waiter continues to wait then.  Errors are recognised by the names of their classes and by their
codes, because each client package has its own classes, and none is imported here.
"""

from py_cachify._signals import is_interrupt


_CLASSES = frozenset(
    {
        'AskError',  # and MovedError
        'BusyLoadingError',
        'ClusterDownError',
        'ConnectionError',
        'MasterNotFoundError',
        'ReadOnlyError',
        'SlaveNotFoundError',
        'TimeoutError',
        'TryAgainError',
    }
)
_LASTING = frozenset({'AuthenticationError', 'AuthorizationError'})
"""Connection errors, by their classes, that come back each time."""

_BEGINNINGS = ('BUSY ', 'MASTERDOWN ', 'NOREPLICAS ', 'UNBLOCKED ')
"""Of the answers for which clients have no separate class."""


def is_transient(error: Exception) -> bool:
    """Return whether a request that failed with ``error`` may work a moment later."""
    if is_interrupt(error):
        return False
    names = {kind.__name__ for kind in type(error).__mro__}
    if names & _LASTING:
        return False
    if names & _CLASSES:
        return True
    text = str(error)
    if 'ClusterError' in names:
        return text == 'TTL exhausted.'
    return 'ResponseError' in names and text.startswith(_BEGINNINGS)
