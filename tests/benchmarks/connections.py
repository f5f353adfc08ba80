"""How many connections somebody opens, by the server's own count."""

from typing import Any


class ConnectionCount:
    """Counts from when it was made.

    Args:
        observer: a synchronous client of the server, which keeps its connection.
    """

    def __init__(self, observer: Any) -> None:
        self._observer = observer
        observer.ping()  # connects
        self._opened_before = self._received()
        self._open_before = {each['id'] for each in observer.client_list()}

    def opened(self) -> int:
        """Return how many were opened, whether or not they are still open."""
        return self._received() - self._opened_before

    def subscribed(self) -> int:
        """Return how many of them are open and subscribe to a channel."""
        return sum(each['id'] not in self._open_before for each in self._observer.client_list(_type='pubsub'))

    def _received(self) -> int:
        return int(self._observer.info('stats')['total_connections_received'])
