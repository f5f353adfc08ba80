"""Compare measurements with theory."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from simulations import Interval, Result


class Compared(NamedTuple):
    """One figure of one case."""

    figure: str
    measured: Interval
    theory: float

    @property
    def holds(self) -> bool:
        """Whether theory lies within the interval."""
        return self.theory in self.measured

    @property
    def off(self) -> float:
        """The distance between theory and the mean, in half-widths."""
        half = self.measured.half_width
        return abs(self.theory - self.measured.mean) / half if half else float(self.theory != self.measured.mean)


def compared(result: Result) -> Iterator[Compared]:
    """Yield the figures of a result for which theory has a value."""
    theory, estimates = result.theory, result.estimates
    assert theory is not None, result.why_no_theory
    pairs: list[tuple[str, Interval | None, float | None]] = [
        ('occupancy', estimates.occupancy_mean, theory.occupancy_mean),
        ('overrun', estimates.overrun_mean, theory.overrun_mean),
    ]
    if theory.queue_mean is not None:
        assert theory.exact, theory.formula
        names = ('waited_share', 'timed_out_share', 'wait_mean', 'queue_mean')
        pairs += [(name, estimates.intervals.get(name), getattr(theory, name)) for name in names]
    if theory.wait_mean is None or theory.queue_mean is not None:
        pairs.insert(0, ('refused', estimates.refusal_share, theory.refusal_share))
    else:
        pairs.insert(0, ('attempts refused', estimates.attempts_refusal_share, theory.attempts_refusal_share))
    for name, measured, expected in pairs:
        if measured is not None and expected is not None and (expected or measured.high):
            yield Compared(name, measured, expected)


def distance(result: Result) -> float | None:
    """Return half the sum of the absolute differences between the two distributions, 0 to 1."""
    theory = result.theory
    if theory is None or theory.occupancy_distribution is None:
        return None
    shares = np.zeros(max(len(result.occupancy_shares), len(theory.occupancy_distribution)))
    shares[: len(result.occupancy_shares)] = result.occupancy_shares
    shares[: len(theory.occupancy_distribution)] -= theory.occupancy_distribution
    return float(np.abs(shares).sum() / 2)
