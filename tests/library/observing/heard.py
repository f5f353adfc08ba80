"""A listener that remembers what it was told."""

import re
import threading

from py_cachify import Event


COURSE = re.compile(r'(refused|timed_out|failed|granted (renewed )*(lost )?(released|overrun|failed)) ')
"""What may be told of one attempt."""


class Heard:
    """Call it with events; ``events`` are all of them."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        with self._lock:
            self.events.append(event)

    @property
    def kinds_heard(self) -> list[str]:
        """The kinds of all events, in order."""
        return [event.kind for event in self.events]

    @property
    def last(self) -> Event:
        """The last event."""
        return self.events[-1]

    def courses(self) -> list[str]:
        """Return the kinds of each attempt that got a slot, in order, and of each other attempt."""
        by_token: dict[str, str] = {}
        others = []
        for event in self.events:
            if event.token is None:
                others.append(f'{event.kind} ')
            else:
                by_token[event.token] = by_token.get(event.token, '') + f'{event.kind} '
        return [*by_token.values(), *others]
