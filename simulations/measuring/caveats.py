"""Reasons to doubt an interval, as values with stable codes; the report finds the words."""

from typing import NamedTuple


TOO_FEW_JOBS = 'too-few-jobs'
"""No interval can be made; ``amount`` is the number of jobs."""
WARM_UP_OPEN = 'warm-up-open'
"""The end of the warm-up was not found."""
NOT_STEADY = 'not-steady'
"""Arrivals change with time, so that there is no long run, and the interval says only how much this one varies."""
BATCHES_ALIKE = 'batches-alike'
"""Batches resemble the ones beside them, so that the intervals are too narrow."""
SHORT_RUN = 'short-run'
"""The run is only ``amount`` holding times long."""
HALF_WIDTH_MISSED = 'half-width-missed'
"""The limit on replications came before the half-width that was asked for."""
FEW_OVERRUNS = 'few-overruns'
"""There is no interval of the overrun: only ``amount`` bodies outlived their slot."""


class Caveat(NamedTuple):
    """A reason to doubt an interval, or why there is none.

    Attributes:
        code: one of the constants of this module.
        amount: how many, where the code counts something.
        figure: the figure that it is about; ``None`` for all of them.
    """

    code: str
    amount: float = 0.0
    figure: str | None = None

    @property
    def against_all(self) -> bool:
        """Whether it stands against every interval of the run."""
        return self.figure is None
