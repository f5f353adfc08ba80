"""What a client sees of a request that was lost."""


class LostConnectionError(ConnectionError):
    """The client's connection is gone; what it asked for may have happened or not."""
