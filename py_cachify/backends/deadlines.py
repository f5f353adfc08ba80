"""Items that each have an instant at which they end, in seconds of whatever clock the caller uses."""

import heapq
from typing import Generic, TypeVar


T = TypeVar('T', bound=tuple[str, ...])


class Deadlines(Generic[T]):
    """Set, forget and collect in O(log n) each, in memory proportional to the items that are live."""

    __slots__ = ('_heap', '_live')

    def __init__(self) -> None:
        self._live: dict[T, float] = {}
        self._heap: list[tuple[float, T]] = []

    def set(self, item: T, instant: float) -> None:
        """Let ``item`` end at ``instant``, whatever was set before."""
        self._live[item] = instant
        heapq.heappush(self._heap, (instant, item))
        # What was forgotten or set anew stays in the heap until its time; it must not outgrow the rest.
        if len(self._heap) > 2 * len(self._live) + 64:
            heap = [(until, each) for each, until in list(self._live.items())]
            heapq.heapify(heap)
            self._heap = heap

    def forget(self, item: T) -> None:
        """Let ``item`` never end by itself."""
        self._live.pop(item, None)

    def pop_ended(self, now: float) -> T | None:
        """Take out one item whose instant is not after ``now``, the earliest first; ``None`` if there is none."""
        heap = self._heap
        while heap and heap[0][0] <= now:
            instant, item = heapq.heappop(heap)
            if self._live.get(item) == instant:
                del self._live[item]
                return item
        return None
