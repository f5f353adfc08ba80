"""Items in groups, each with an instant at which it ends by itself, in seconds of whatever clock the caller uses."""

import heapq
import math


class Expiries:
    """Add, remove and collect in O(log n) each, in memory proportional to the items that are live.

    ``live`` gives the items of each group that has any; look into it, and change it by the methods.
    """

    __slots__ = ('_count', '_heap', 'live')

    def __init__(self) -> None:
        self.live: dict[str, dict[str, float]] = {}
        self._heap: list[tuple[float, str, str]] = []
        self._count = 0

    def earliest(self) -> float:
        """No item ends before this instant."""
        return self._heap[0][0] if self._heap else math.inf

    def add(self, group: str, item: str, instant: float) -> None:
        """Let ``item``, which is not there yet, end at ``instant``; ``inf``: never by itself."""
        self._count += 1
        # In one statement: a finalizer or a signal's handler may empty the group in between.
        self.live.setdefault(group, {})[item] = instant
        if instant < math.inf:
            heapq.heappush(self._heap, (instant, group, item))
            # What was removed stays in the heap until its time; it must not outgrow the rest.
            if len(self._heap) > 2 * self._count + 64:
                self._rebuild()

    def remove(self, group: str, item: str) -> bool:
        """Take ``item`` out; false if it was not there."""
        items = self.live.get(group)
        if items is None or items.pop(item, None) is None:
            return False
        self._count -= 1
        if not items:
            self.live.pop(group, None)
        return True

    def drop_ended(self, now: float) -> list[str]:
        """Take out every item whose instant is not after ``now``; which they were."""
        heap, ended = self._heap, []
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
        self._heap = heap
