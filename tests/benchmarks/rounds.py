"""Interleaved rounds, and the statistics of ratios.

The contestants run alternately in short rounds: A B C, B C A, C A B, and so on.  Each round yields
one ratio, of two times that are a fraction of a second apart, so noise that lasts longer slows both
down.  The figure is the median of these ratios, and its spread their quartiles.
"""

import gc
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple


Chunk = Callable[[int], float]
"""Does the given number of operations, one after the other, and returns the seconds they took."""


class Plan(NamedTuple):
    """How long to measure."""

    rounds: int
    """How many rounds, at least 2."""
    seconds: float
    """For about how many seconds one contestant works in one round."""
    window: float
    """How many seconds a round of the contended rows lasts, where many actors compete."""
    waiting: float = 0
    """How many seconds a round of workers that wait lasts if their bodies are short."""
    waiting_rounds: int = 2
    """How many rounds these are."""


class Spread(NamedTuple):
    """A median with its quartiles."""

    median: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """Return the median and the quartiles of two values or more."""
    low, median, high = statistics.quantiles(values, n=4, method='inclusive')
    return Spread(median, low, high)


def ratios(numerators: Sequence[float], denominators: Sequence[float]) -> Spread:
    """Return the median and the quartiles of the ratios within each round.

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
    """Return the seconds per operation for each contestant, round by round.

    Args:
        chunks: the loops, by the names of the contestants.
        rounds: how many rounds.
        seconds: about how long each contestant works in a round.
        tick: called after each round.
        count: operations of each contestant in a round, instead of ``seconds``.
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
    """Yield whose turn it is, for this many rounds; each round begins with the next name."""
    for index in range(rounds):
        first = index % len(names)
        yield from names[first:]
        yield from names[:first]
        tick()


@contextmanager
def heap_set_aside() -> Iterator[None]:
    """Let the garbage collector ignore the objects that exist now."""
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
    """Return how many operations take about this many seconds."""
    chunk(1)  # connects, and loads scripts
    count = 1
    while (took := chunk(count)) < seconds / 4:
        count *= 4
    return max(1, round(count * seconds / took))
