"""What is promised of a pool: its size and the life of its slots, by the store's clock, while it keeps its writes."""

import math
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple


_ROUNDING = 1e-12


class StoreClock:
    """How far the store's clock goes, beside the clock of those who watch.

    Args:
        jumps: (instant, seconds by which it jumps ahead, or back if less than 0); between them both go equally fast.
    """

    def __init__(self, jumps: Iterable[tuple[float, float]] = ()) -> None:
        self._stretches = [(-math.inf, 0.0)]
        for instant, by in sorted(jumps):
            self._stretches.append((instant, self._stretches[-1][1] + by))

    @property
    def jumps(self) -> list[float]:
        """When it jumps."""
        return [instant for instant, _ in self._stretches[1:]]

    def _parts(self, since: float) -> Iterator[tuple[float, float, float]]:
        """(begin, end, by how much it is ahead) of each stretch of time from ``since`` on."""
        for (begin, ahead), (end, _) in pairwise([*self._stretches, (math.inf, 0.0)]):
            if end > since:
                yield max(begin, since), end, ahead

    def readings(self, first: float, last: float) -> tuple[float, float]:
        """The least and the most that it shows from ``first`` to ``last``."""
        shown = [(begin + ahead, min(end, last) + ahead) for begin, end, ahead in self._parts(first) if begin <= last]
        return min(least for least, _ in shown), max(most for _, most in shown)

    def first_at(self, reading: float, since: float) -> float:
        """The first instant from ``since`` on at which it shows so much, or more."""
        for begin, end, ahead in self._parts(since):
            if reading - ahead < end:
                return max(begin, reading - ahead)
        return math.inf

    def last_below(self, reading: float, since: float) -> float:
        """The instant from which on it shows so much, or more, for ever."""
        last = since
        for begin, end, ahead in self._parts(since):
            if begin + ahead < reading:
                last = min(end, reading - ahead)
        return last


class Loss(NamedTuple):
    """The store came back without some of what was written.

    Attributes:
        instant: when.
        missing: how many seconds of writes before that instant are lost; infinite: all.
    """

    instant: float
    missing: float = math.inf


class Terms(NamedTuple):
    """What is promised.

    Attributes:
        max_size: slots of each pool.
        slot_exp: life of a slot in seconds, ``None`` for ever.
        honest: whether a refusal says that the pool was full at some instant of the call.
        owned: whether a release frees no slot but its own, whatever the network does.
        clock: the store's.
        losses: when it lost writes: what was promised of these ends there.
        margin: seconds by which a slot may expire early, for clocks that do not go quite equally fast.
    """

    max_size: int
    slot_exp: float | None
    honest: bool = True
    owned: bool = True
    clock: StoreClock = StoreClock()
    losses: tuple[Loss, ...] = ()
    margin: float = 0.0

    def life(self, called: float, returned: float) -> tuple[float, float]:
        """When a slot expires that was taken between these instants: not before the first, surely by the second."""
        if self.slot_exp is None:
            return math.inf, math.inf
        if math.isinf(returned):
            return self.clock.first_at(self.clock.readings(called, called)[0] + self.slot_exp, called), math.inf
        least, most = self.clock.readings(called, returned)
        earliest = self.clock.first_at(least + self.slot_exp, called)
        # Sums of instants come out differently by the last digits, according to their order.
        margin = self.margin + _ROUNDING * max(1.0, abs(returned))
        return earliest - margin, self.clock.last_below(most + self.slot_exp, returned) + margin
