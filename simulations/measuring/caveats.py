"""Reasons to doubt an interval, as values with stable codes; the report puts them into words."""

from typing import NamedTuple


TOO_FEW_JOBS = 'too-few-jobs'
"""No interval can be made. ``amount`` is the number of jobs."""
WARM_UP_OPEN = 'warm-up-open'
"""The end of the warm-up was not found."""
NOT_STEADY = 'not-steady'
"""Arrivals change with time, so there is no long run; the interval is about this run alone."""
BATCHES_ALIKE = 'batches-alike'
"""Neighbouring batches are correlated, so the intervals are too narrow."""
SHORT_RUN = 'short-run'
"""The run is only ``amount`` mean holding times long."""
HALF_WIDTH_MISSED = 'half-width-missed'
"""The limit on replications was reached before the requested half-width."""
FEW_OVERRUNS = 'few-overruns'
"""The overrun has no interval, because only ``amount`` bodies outlived their slot."""


class Caveat(NamedTuple):
    """A reason to doubt an interval, or the reason why there is none.

    Attributes:
        code: one of the constants of this module.
        amount: the number that the code counts, if it counts something.
        figure: the figure that the caveat is about; ``None`` for all figures.
    """

    code: str
    amount: float = 0.0
    figure: str | None = None

    @property
    def against_all(self) -> bool:
        """Whether the caveat applies to every interval of the run."""
        return self.figure is None
