"""The promises of a pool: its size, and the life of its slots by the store's clock."""

import math
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple


_ROUNDING = 1e-12


class StoreClock:
    """The store's clock, relative to the clock of the observers.

    Args:
        jumps: (instant, seconds by which the clock jumps ahead, or back if negative). Between jumps
            both clocks run at the same speed.
    """

    def __init__(self, jumps: Iterable[tuple[float, float]] = ()) -> None:
        self._stretches = [(-math.inf, 0.0)]
        for instant, by in sorted(jumps):
            self._stretches.append((instant, self._stretches[-1][1] + by))

    @property
    def jumps(self) -> list[float]:
        """The instants at which the clock jumps."""
        return [instant for instant, _ in self._stretches[1:]]

    def _parts(self, since: float) -> Iterator[tuple[float, float, float]]:
        """Yield (begin, end, offset) of each stretch of time from ``since`` on."""
        for (begin, ahead), (end, _) in pairwise([*self._stretches, (math.inf, 0.0)]):
            if end > since:
                yield max(begin, since), end, ahead

    def readings(self, first: float, last: float) -> tuple[float, float]:
        """Return the smallest and largest reading from ``first`` to ``last``."""
        shown = [(begin + ahead, min(end, last) + ahead) for begin, end, ahead in self._parts(first) if begin <= last]
        return min(least for least, _ in shown), max(most for _, most in shown)

    def first_at(self, reading: float, since: float) -> float:
        """Return the first instant from ``since`` on with at least this reading."""
        for begin, end, ahead in self._parts(since):
            if reading - ahead < end:
                return max(begin, reading - ahead)
        return math.inf

    def last_below(self, reading: float, since: float) -> float:
        """Return the instant from which the reading stays at this value or above."""
        last = since
        for begin, end, ahead in self._parts(since):
            if begin + ahead < reading:
                last = min(end, reading - ahead)
        return last


class Loss(NamedTuple):
    """The store lost writes.

    Attributes:
        instant: when.
        missing: how many seconds of writes before that instant are lost; infinite for all.
    """

    instant: float
    missing: float = math.inf


class Terms(NamedTuple):
    """What is promised.

    Attributes:
        max_size: the slots of each pool.
        slot_exp: the life of a slot in seconds; ``None`` for slots that never expire.
        honest: whether a refusal means that the pool was full at some instant of the call.
        owned: whether a release frees only its own slot, whatever the network does.
        clock: the store's clock.
        losses: when the store lost writes; promises that rest on them end there.
        margin: the seconds by which a slot may expire early, because clocks differ slightly in
            speed.
        waiting: whether acquires wait in a queue. Then a refusal is also honest if others waited
            for the slots, or free ones were kept for them.
        max_waiting: how many may wait already when one more is queued; ``None`` for any number.
    """

    max_size: int
    slot_exp: float | None
    honest: bool = True
    owned: bool = True
    clock: StoreClock = StoreClock()
    losses: tuple[Loss, ...] = ()
    margin: float = 0.0
    waiting: bool = False
    max_waiting: int | None = None

    def life(self, called: float, returned: float) -> tuple[float, float]:
        """Return the earliest and latest expiry of a slot that was taken between these instants."""
        if self.slot_exp is None:
            return math.inf, math.inf
        if math.isinf(returned):
            return self.clock.first_at(self.clock.readings(called, called)[0] + self.slot_exp, called), math.inf
        least, most = self.clock.readings(called, returned)
        earliest = self.clock.first_at(least + self.slot_exp, called)
        # Sums of instants differ in the last digits, depending on their order.
        margin = self.margin + _ROUNDING * max(1.0, abs(returned))
        return earliest - margin, self.clock.last_below(most + self.slot_exp, returned) + margin
