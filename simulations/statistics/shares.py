"""Confidence intervals of shares, which lie between 0 and 1 and are skewed if they are small."""

import math

from simulations.statistics.intervals import Interval
from simulations.statistics.student_t import student_t


def share_interval(interval: Interval, groups: int, looks: float, confidence: float = 0.99) -> Interval:
    """Return the interval of a share from the one that Student's t gives.

    The t interval is symmetric, but the scatter of a share depends on the share itself: it is wider
    where the share is larger. The bounds here are the shares that are just compatible with what was
    seen, as E. B. Wilson derived them for independent jobs (Journal of the American Statistical
    Association 22, 1927), with the scatter that was measured in place of theirs.

    Something that was never seen may still happen, and more often after few looks. So the upper
    bound is at least :func:`never_seen`, even if a few refusals were seen: otherwise a pool with
    more slots could have a higher bound than one with fewer.

    Args:
        interval: the mean and its t interval; it has no width if all groups agree.
        groups: the number of batches or runs behind it.
        looks: the number of independent looks behind it, at least 1.
        confidence: the confidence level, more than 0 and less than 1.

    Example::

        share_interval(Interval(0.01, 0.004, 0.016), 30, 5000)  # [0.0055, 0.0182]
    """
    mean, half = interval.mean, interval.half_width
    bound = never_seen(looks, confidence)
    if mean == 0:
        return Interval(mean, 0.0, bound)
    if mean == 1:
        return Interval(mean, 1 - bound, 1.0)
    low = high = mean
    if half:
        quantile = student_t(0.5 + confidence / 2, groups - 1)
        low, high = _wilson(mean, mean * (1 - mean) * (quantile / half) ** 2, quantile)
    return Interval(mean, min(low, 1 - bound), max(high, bound))


def never_seen(looks: float, confidence: float = 0.99) -> float:
    """Return the upper bound of the share of an event that no independent look has seen."""
    return float(1 - (1 - confidence) ** (1 / max(looks, 1.0)))


def _wilson(share: float, count: float, quantile: float) -> tuple[float, float]:
    square = quantile * quantile
    middle = share + square / (2 * count)
    half = quantile * math.sqrt(share * (1 - share) / count + square / (4 * count * count))
    return (middle - half) / (1 + square / count), (middle + half) / (1 + square / count)
