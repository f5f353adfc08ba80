"""Recognise a request that a client could not send, because all its connections were in use.

Errors are recognised by name, because each client package has its own classes, and none is imported
here: ``redis`` and ``valkey`` raise ``MaxConnectionsError``, and their blocking pools a
``ConnectionError`` with a fixed text.
"""


def lacks_connection(error: BaseException) -> bool:
    """Return whether the last attempt of a request found all connections of the client in use."""
    if any(kind.__name__ == 'MaxConnectionsError' for kind in type(error).__mro__):
        return True
    return type(error).__name__ == 'ConnectionError' and error.args == ('No connection available.',)


def was_never_sent(error: BaseException) -> bool:
    """Return whether no attempt of a request can have reached the server.

    A cluster client repeats requests by itself and notes the node on the error.  So its last
    attempt may have lacked a connection although an earlier one was sent.
    """
    return lacks_connection(error) and not hasattr(error, 'connection')
