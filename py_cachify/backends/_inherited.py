"""Recognise a client that sends its requests as its package does, and not in its own way."""

from typing import Any


def module_of(client: Any, method: str) -> str:
    """Return the module whose class defines a client's method.

    The result is empty if there is no such method, or if it was replaced on the client itself.
    """
    # By name, because each client package has its own classes, and none is imported here.
    if method in getattr(client, '__dict__', ()):
        return ''
    return next((kind.__module__ for kind in type(client).__mro__ if method in vars(kind)), '')
