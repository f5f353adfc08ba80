"""What pools promise, as the instants at which slots end. It knows nothing of the library."""

import math
from collections import defaultdict


class Model:
    """The granted slots of all pools, and the instant at which each is gone.

    ``whole_seconds`` means that fractions of a second in a life are rounded up.
    """

    def __init__(self, *, whole_seconds: bool) -> None:
        self.now = 1000.0
        self._whole_seconds = whole_seconds
        self._ends: defaultdict[str, dict[str, float]] = defaultdict(dict)

    def live(self, key: str) -> set[str]:
        """Return the tokens with a live slot; at the very instant of its end a slot is gone."""
        return {token for token, end in self._ends[key].items() if end > self.now}

    def take(self, key: str, token: str, life: float | None) -> None:
        """``token`` is granted a slot, for ``life`` seconds or for ever."""
        if life is None:
            life = math.inf
        elif self._whole_seconds:
            life = math.ceil(life)
        self._ends[key][token] = self.now + life

    def drop(self, key: str, token: str) -> bool:
        """``token`` gives its slot back; whether it was still there."""
        return self._ends[key].pop(token, -math.inf) > self.now

    def forget(self) -> None:
        """The store has lost all that it had."""
        self._ends.clear()

    def ends(self, *keys: str) -> list[float]:
        """The instants to come at which a slot ends, of these pools or of all, in order."""
        slots = [self._ends[key] for key in keys or self._ends]
        return sorted({end for each in slots for end in each.values() if self.now < end < math.inf})
