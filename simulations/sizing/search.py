"""The search for the smallest size, each size measured at most once."""

from collections.abc import Callable, Iterable

from simulations.sizing.measure import Measure


def smallest(measure: Measure, guess: int, floor: int) -> int:
    """Return the smallest size that is enough: search outwards from a guess, then bisect."""
    # If pauses are shorter than holding times, retries may need more slots than the peak.
    found = edge_from(max(guess, floor + 1), floor, lambda size: measure.verdict(size).enough)
    if found - 1 > floor:
        measure.verdict(found - 1)
    return found


def not_excluded(measure: Measure, found: int, unstable: int) -> tuple[int, int]:
    """Return the smallest and largest size that the intervals do not exclude.

    The search upwards stops at a size at which nothing went wrong, because more slots would not
    change the measurement.
    """

    def surely(size: int) -> bool:
        verdict = measure.verdict(size)
        return verdict.side(measure.goals) is True or verdict.perfect(measure.goals)

    lowest = edge_from(found, unstable, lambda size: measure.verdict(size).side(measure.goals) is not False)
    return lowest, edge_from(found, found - 1, surely)


def edge_from(guess: int, no: int, holds: Callable[[int], bool]) -> int:
    """Return the smallest size for which ``holds`` is true, searching from ``guess``.

    It is false for ``no``, a size smaller than the answer. The steps double until the edge lies
    between two of them; then the search bisects.
    """
    step = 1
    if holds(guess):
        yes = guess
        while yes - step > no and holds(yes - step):
            yes, step = yes - step, 2 * step
        return bisect(yes, max(no, yes - step), holds)
    no, yes = guess, guess + step
    while not holds(yes):
        step *= 2
        no, yes = yes, yes + step
    return bisect(yes, no, holds)


def bisect(yes: int, no: int, holds: Callable[[int], bool]) -> int:
    """Return the smallest size for which ``holds`` is true, as it is for ``yes`` but not ``no``."""
    while yes - no > 1:
        middle = (yes + no) // 2
        if holds(middle):
            yes = middle
        else:
            no = middle
    return yes


def around(found: int, peak: int, unstable: int, count: int) -> Iterable[int]:
    """Return ``count`` sizes from about half of the answer to about one and a half times it."""
    if not count:
        return []
    first, last = max(1, unstable + 1, found // 2), max(found + 2, min(peak + 1, found + found // 2))
    return sorted({round(first + (last - first) * step / max(1, count - 1)) for step in range(count)})
