"""The three counts of a run between its events, block by block: live slots, running bodies, bodies beyond their slot.

Of all pools together, where there are many.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulations.history.events import OCCUPANCY, OVERRUN, RUNNING, Block, changes


class Spans(NamedTuple):
    """What held from each event's predecessor to the event, and what held after it.

    Attributes:
        block: the events.
        since: the instant of the event before each.
        seconds: from there to the event.
        before: the counts in this time, a row each for occupancy, running, overrun.
        after: the counts after the event.
    """

    block: Block
    since: NDArray[np.float64]
    seconds: NDArray[np.float64]
    before: NDArray[np.int64]
    after: NDArray[np.int64]


class Levels:
    """Keeps the counts from one block to the next."""

    def __init__(self) -> None:
        self._now = np.zeros((3, 1), np.int64)
        self._last: float | None = None
        self._steps = np.stack([changes(OCCUPANCY), changes(RUNNING), changes(OVERRUN)])

    def spans(self, block: Block) -> Spans:
        """The counts around the events that follow."""
        before = np.empty((3, len(block.times) + 1), np.int64)
        before[:, :1] = self._now
        np.cumsum(self._steps[:, block.whats], axis=1, out=before[:, 1:])
        before[:, 1:] += self._now
        since = np.empty(len(block.times))
        since[0] = block.times[0] if self._last is None else self._last
        since[1:] = block.times[:-1]
        self._now, self._last = before[:, -1:].copy(), float(block.times[-1])
        return Spans(block, since, block.times - since, before[:, :-1], before[:, 1:])
