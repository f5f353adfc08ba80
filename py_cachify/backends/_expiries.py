"""Items in groups, each with the instant at which it expires, in seconds by the caller's clock."""

import heapq
import math


class Expiries:
    """Items that expire; adding, removing and dropping one takes O(log n).

    The memory used is proportional to the number of live items.

    ``heap[0][0]`` is an instant before which no item expires, if ``heap`` is not empty: for those
    who cannot afford to call :meth:`earliest`.  ``live`` maps each group that has items to its
    items, and these to their instants.  Read both, but change them only through the methods.
    """

    __slots__ = ('_count', 'heap', 'live')

    def __init__(self) -> None:
        self.live: dict[str, dict[str, float]] = {}
        self.heap: list[tuple[float, str, str]] = []
        self._count = 0

    def earliest(self) -> float:
        """Return an instant before which no item expires."""
        return self.heap[0][0] if self.heap else math.inf

    def add(self, group: str, item: str, instant: float) -> None:
        """Add ``item``, which must be new, to expire at ``instant``, or never with ``inf``."""
        self._count += 1
        # In one statement, because a finalizer or a signal handler may empty the group in between.
        self.live.setdefault(group, {})[item] = instant
        if instant < math.inf:
            heapq.heappush(self.heap, (instant, group, item))
            # Removed items stay in the heap until they expire; they must not outnumber the rest.
            if len(self.heap) > 2 * self._count + 64:
                self._rebuild()

    def move(self, group: str, item: str, instant: float) -> None:
        """Let ``item``, which must be there, expire at another instant."""
        self._count -= 1
        self.add(group, item, instant)

    def remove(self, group: str, item: str) -> bool:
        """Remove ``item``; return false if it was not there."""
        items = self.live.get(group)
        if items is None or items.pop(item, None) is None:
            return False
        self._count -= 1
        if not items:
            self.live.pop(group, None)
        return True

    def drop_ended(self, now: float) -> list[str]:
        """Remove every item that has expired at ``now``, and return these items."""
        heap, ended = self.heap, []
        while heap and heap[0][0] <= now:
            instant, group, item = heapq.heappop(heap)
            if self.live.get(group, {}).get(item) == instant and self.remove(group, item):
                ended.append(item)
        return ended

    def _rebuild(self) -> None:
        heap = [
            (instant, group, item)
            for group, items in list(self.live.items())
            for item, instant in list(items.items())
            if instant < math.inf
        ]
        heapq.heapify(heap)
        self.heap = heap
