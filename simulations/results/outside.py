"""Theory that is exact and lies outside an interval."""

from simulations.measuring.caveats import THEORY_OUTSIDE, Caveat
from simulations.measuring.estimates import Estimates
from simulations.theory.expectation import Expectation


_ROUNDING = 1e-9


def outside(estimates: Estimates, theory: Expectation | None, leaves: bool) -> tuple[Caveat, ...]:
    """Return a caveat for each figure whose interval excludes the value of theory.

    Args:
        estimates: the intervals.
        theory: what theory expects in the long run; ``None`` if it does not apply. The queue of an
            approximation is not compared.
        leaves: whether refused jobs leave, so that the share of refused jobs is compared; otherwise
            it is the share of refused attempts.
    """
    if theory is None:
        return ()
    refusals = 'refusal_share' if leaves else 'attempts_refusal_share'
    found = []
    queue = ('wait_mean', 'waited_share', 'timed_out_share', 'queue_mean') if theory.exact else ()
    for figure in (refusals, 'occupancy_mean', 'overrun_mean', *queue):
        interval, value = estimates.intervals.get(figure), getattr(theory, figure)
        if interval is None or value is None:
            continue
        slack = _ROUNDING * abs(value)
        if not interval.low - slack <= value <= interval.high + slack:
            found.append(Caveat(THEORY_OUTSIDE, value, figure))
    return tuple(found)
