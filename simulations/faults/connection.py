"""Define the error that a client sees when a request or reply is lost."""


class LostConnectionError(ConnectionError):
    """The client lost its connection; its command may or may not have taken effect."""
