"""Four counts between the events of a run.

They are live slots, running bodies, bodies beyond their slot, and jobs in the queue.

They are counted block by block, in all pools together.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulations.history.events import OCCUPANCY, OVERRUN, QUEUE, RUNNING, Block, changes


ROWS = 4
IN_QUEUE = 3
"""The row of the queue; those before it are of occupancy, running and overrun."""


class Spans(NamedTuple):
    """The counts in the span before each event, and after it.

    Attributes:
        block: the events.
        since: the instant of the previous event.
        seconds: the time from the previous event to this one.
        before: the counts during this time, with a row each for occupancy, running, overrun and
            queue.
        after: the counts after the event.
    """

    block: Block
    since: NDArray[np.float64]
    seconds: NDArray[np.float64]
    before: NDArray[np.int64]
    after: NDArray[np.int64]


class Levels:
    """The counts, carried over from one block to the next."""

    def __init__(self) -> None:
        self._now = np.zeros((ROWS, 1), np.int64)
        self._last: float | None = None
        self._steps = np.stack([changes(steps) for steps in (OCCUPANCY, RUNNING, OVERRUN, QUEUE)])

    def spans(self, block: Block) -> Spans:
        """Return the counts around the next events."""
        before = np.empty((ROWS, len(block.times) + 1), np.int64)
        before[:, :1] = self._now
        np.cumsum(self._steps[:, block.whats], axis=1, out=before[:, 1:])
        before[:, 1:] += self._now
        since = np.empty(len(block.times))
        since[0] = block.times[0] if self._last is None else self._last
        since[1:] = block.times[:-1]
        self._now, self._last = before[:, -1:].copy(), float(block.times[-1])
        return Spans(block, since, block.times - since, before[:, :-1], before[:, 1:])
