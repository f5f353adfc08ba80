"""Recognise an answer by which a server refused an acquire: this request took no slot.

Errors are recognised by the names of their classes and by their codes, because each client package
has its own classes, and none is imported here.
"""

_CLASSES = frozenset(
    {
        'AskError',  # and MovedError
        'AuthenticationError',
        'BusyLoadingError',
        'ClusterDownError',
        'NoPermissionError',
        'OutOfMemoryError',
        'ReadOnlyError',
        'TryAgainError',
    }
)

_BEGINNINGS = ('BUSY ', 'MISCONF ', 'NOREPLICAS ', 'unknown command')
"""Of the answers for which clients have no separate class."""


def was_refused(error: BaseException) -> bool:
    """Return whether the server refused the last attempt of an acquire before a slot was taken.

    A client that repeats requests by itself may have sent the acquire before and lost the reply,
    and no error shows this.
    """
    names = {kind.__name__ for kind in type(error).__mro__}
    text = str(error)
    if 'NoPermissionError' in names and ' script: ' in text:
        # A command within the script, which others may have preceded.
        return False
    if names & _CLASSES:
        return True
    if 'ResponseError' in names:
        return text.startswith(_BEGINNINGS)
    # A cluster client that was redirected, or asked to try again, until it gave up.
    return 'ClusterError' in names and text == 'TTL exhausted.'
