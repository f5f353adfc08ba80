"""Reasons to doubt an interval, as values with stable codes; the report puts them into words."""

from collections.abc import Iterable
from typing import NamedTuple


TOO_FEW_JOBS = 'too-few-jobs'
"""No interval can be made. ``amount`` is the number of jobs."""
SHORT_RUN = 'short-run'
"""The run is short for the time that the pool takes to forget its past.

``amount`` is its length after the warm-up and ``needed`` the length that would do, in seconds.
"""
STARTS_EMPTY = 'starts-empty'
"""The pool has not filled up when the measurement starts, which shifts the figure.

``amount`` is the share of the long-run occupancy that is missing on average, and ``needed`` the
seconds that the pool takes to fill up.
"""
WARM_UP_OPEN = 'warm-up-open'
"""The occupancy still changes in one direction: the end of the warm-up was not found."""
HEAVY_TAIL = 'heavy-tail'
"""Holding times have no finite variance, so no interval by the normal theory holds."""
SLOTS_LOST = 'slots-lost'
"""The slots of crashed holders never expire, so in the long run none is left."""
UNSTABLE = 'unstable'
"""The offered load exceeds the slots, and jobs never give up: there is no long run."""
NOT_STEADY = 'not-steady'
"""Arrivals change with time, so there is no long run; the interval is about this run alone."""
BATCHES_ALIKE = 'batches-alike'
"""Neighbouring batches are correlated, so the interval is too narrow."""
FEW_REFUSALS = 'few-refusals'
"""Only ``amount`` jobs or attempts were refused: ``needed`` would give a reliable interval."""
FEW_OVERRUNS = 'few-overruns'
"""The overrun has no interval, because only ``amount`` bodies outlived their slot."""
HALF_WIDTH_MISSED = 'half-width-missed'
"""The limit on replications was reached before the requested half-width."""
THEORY_OUTSIDE = 'theory-outside'
"""Theory is exact here and its value, ``amount``, lies outside the interval."""

OF_BATCHES = frozenset((BATCHES_ALIKE, SHORT_RUN, NOT_STEADY, TOO_FEW_JOBS))
"""Reasons to doubt intervals from the batches of one run; they do not concern several runs."""
OF_AMOUNTS = frozenset((FEW_REFUSALS, FEW_OVERRUNS, STARTS_EMPTY, THEORY_OUTSIDE))
"""Reasons that depend on how much was seen, so that several runs are judged together."""


class Caveat(NamedTuple):
    """A reason to doubt an interval, or the reason why there is none.

    Attributes:
        code: one of the constants of this module.
        amount: the number that the code counts, if it counts something.
        figure: the figure that the caveat is about; ``None`` for all figures.
        needed: the number that would remove the caveat; 0 if that is unknown.
    """

    code: str
    amount: float = 0.0
    figure: str | None = None
    needed: float = 0.0

    @property
    def against_all(self) -> bool:
        """Whether the caveat applies to every interval of the run."""
        return self.figure is None

    def concerns(self, figure: str) -> bool:
        """Return whether the caveat applies to this figure."""
        return self.figure is None or self.figure == figure


def merged(runs: Iterable[Iterable[Caveat]]) -> tuple[Caveat, ...]:
    """Return the caveats of several runs that hold for all of them together.

    Of those with the same code and figure, the first is kept.
    """
    found: dict[tuple[str, str | None], Caveat] = {}
    for caveats in runs:
        for each in caveats:
            if each.code not in OF_BATCHES | OF_AMOUNTS:
                found.setdefault((each.code, each.figure), each)
    return tuple(found.values())
