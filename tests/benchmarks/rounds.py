"""Interleaved rounds, and the statistics of ratios.

What is compared takes turns in short rounds: A B C, B C A, C A B, and so on.  A ratio is made within each round, from
two times that are a fraction of a second apart, so that what slows the machine down for a while slows both; the
figure is the median of these ratios, its spread their quartiles.
"""

import gc
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple


Chunk = Callable[[int], float]
"""Does so many operations, one after the other; returns the seconds that they took together."""


class Plan(NamedTuple):
    """How long to measure."""

    rounds: int
    """How many rounds, at least 2."""
    seconds: float
    """How long one contestant works in one round, about."""
    window: float
    """The same for the contended rows, where many actors work at once."""


class Spread(NamedTuple):
    """A median with its quartiles."""

    median: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """Median and quartiles of two values or more."""
    low, median, high = statistics.quantiles(values, n=4, method='inclusive')
    return Spread(median, low, high)


def ratios(numerators: Sequence[float], denominators: Sequence[float]) -> Spread:
    """Median and quartiles of the ratios within each round.

    Example::

        assert ratios([2, 9, 40], [1, 3, 10]) == Spread(3, 2.5, 3.5)
    """
    return spread([over / under for over, under in zip(numerators, denominators, strict=True)])


def interleave(
    chunks: Mapping[str, Chunk],
    rounds: int,
    seconds: float,
    tick: Callable[[], object] = lambda: None,
    *,
    count: int | None = None,
) -> dict[str, list[float]]:
    """The seconds of one operation, for each contestant, round by round; ``tick`` is called after each round.

    In a round each does ``count`` operations, or as many as take about ``seconds``.
    """
    times: dict[str, list[float]] = {name: [] for name in chunks}
    with heap_set_aside():
        counts = {
            name: _count_for(chunk, seconds) if count is None else _warmed_up(chunk, count)
            for name, chunk in chunks.items()
        }
        for name in turns(list(chunks), rounds, tick):
            gc.collect()
            times[name].append(chunks[name](counts[name]) / counts[name])
    return times


def turns(names: Sequence[str], rounds: int, tick: Callable[[], object]) -> Iterator[str]:
    """Whose turn it is, for so many rounds; each round begins with another one."""
    for index in range(rounds):
        first = index % len(names)
        yield from names[first:]
        yield from names[:first]
        tick()


@contextmanager
def heap_set_aside() -> Iterator[None]:
    """The garbage collector runs as ever, but leaves alone what was there before."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _warmed_up(chunk: Chunk, count: int) -> int:
    chunk(count)
    return count


def _count_for(chunk: Chunk, seconds: float) -> int:
    """How many operations take about so many seconds."""
    chunk(1)  # connects, and loads scripts
    count = 1
    while (took := chunk(count)) < seconds / 4:
        count *= 4
    return max(1, round(count * seconds / took))
