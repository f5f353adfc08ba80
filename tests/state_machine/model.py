"""What pools promise, as the instants at which slots expire; it shares no code with the library."""

import math
from collections import defaultdict


class Model:
    """The granted slots of all pools, and the instant at which each expires.

    ``whole_seconds`` means that fractions of a second in a life are rounded up.
    """

    def __init__(self, *, whole_seconds: bool) -> None:
        self.now = 1000.0
        self._whole_seconds = whole_seconds
        self._ends: defaultdict[str, dict[str, float]] = defaultdict(dict)

    def live(self, key: str) -> set[str]:
        """Return the tokens with a live slot; at the very instant of its expiry a slot is gone."""
        return {token for token, end in self._ends[key].items() if end > self.now}

    def take(self, key: str, token: str, life: float | None) -> None:
        """Grant ``token`` a slot for ``life`` seconds, or one that never expires."""
        if life is None:
            life = math.inf
        elif self._whole_seconds:
            life = math.ceil(life)
        self._ends[key][token] = self.now + life

    def drop(self, key: str, token: str) -> bool:
        """Release the slot of ``token``; return whether it was still there."""
        return self._ends[key].pop(token, -math.inf) > self.now

    def forget(self) -> None:
        """Forget all slots, as a store does that lost its data."""
        self._ends.clear()

    def ends(self, *keys: str) -> list[float]:
        """Return the future expiries of slots, of these pools or of all, in order."""
        slots = [self._ends[key] for key in keys or self._ends]
        return sorted({end for each in slots for end in each.values() if self.now < end < math.inf})
