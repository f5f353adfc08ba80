"""How fast a pool forgets its past, as far as the laws of its workload say."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Pace(NamedTuple):
    """How fast a pool forgets its past.

    The *deficit* after t seconds is the share of the stationary occupancy that a pool still lacks t
    seconds after it started empty. It is also the correlation of the occupancy with itself t
    seconds later, if no job is refused: S. G. Eick, W. A. Massey and W. Whitt, "The physics of the
    Mt/G/infinity queue", Operations Research 41, 1993.

    Attributes:
        memory: the integral of the deficit over all times, in seconds: the time that a slot seen at
            a random instant stays occupied, on average. Infinite if the time that a job occupies
            its slot has no finite variance.
        times: instants in seconds, increasing, the first one 0.
        deficit: the deficit at these instants.
        cause: what makes ``memory`` infinite: ``heavy-tail``, ``slots-lost`` or ``unstable``.
        beyond: the ``memory`` of the bodies beyond their slot; infinite if they have no finite
            variance, 0 if there are none.
        cycle: the seconds of a cycle of bursts, on average, if a run ends with a number of jobs. A
            run that meets a burst then ends early, so bursts have too little weight in every run.
            0 if there is no such shift.
    """

    memory: float
    times: NDArray[np.float64]
    deficit: NDArray[np.float64]
    cause: str = ''
    beyond: float = 0.0
    cycle: float = 0.0

    def settled(self, share: float) -> float:
        """Return the seconds after which the deficit is at most ``share``; infinite if never."""
        below = np.flatnonzero(self.deficit <= share)
        return float(self.times[below[0]]) if len(below) else math.inf

    def missing(self, start: float, end: float) -> float:
        """Return the mean deficit between two instants, in seconds from the start of the run."""
        if not end > start:
            return float(np.interp(start, self.times, self.deficit))
        inner = self.times[(self.times > start) & (self.times < end)]
        points = np.concatenate(([start], inner, [end]))
        values = np.interp(points, self.times, self.deficit)
        return float(np.trapezoid(values, points) / (end - start))
