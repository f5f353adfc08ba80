"""Count how often the interval of a difference holds a known difference, and what pairing is worth.

``python -m tests.coverage.differences`` makes 200 comparisons of each case, each of ten pairs of
runs, and prints a table as Markdown. The seeds are a fixed function of the name of the case. The
exit status is 1 if a case fails.
"""

import argparse
import math
import sys
import zlib
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass, field
from statistics import median, variance
from typing import NamedTuple

from tqdm.auto import tqdm

from simulations import Interval, Scenario, compare
from simulations.measuring.estimates import CONFIDENCE
from simulations.theory import erlang_b
from tests.coverage.study import SIGNIFICANT, above


@dataclass(frozen=True)
class Pair:
    """Two designs, and the difference B - A that is true of them in the long run.

    Attributes:
        name: the name; the seeds are a function of it.
        a, b: the designs.
        truth: the true difference by figure.
    """

    name: str
    a: Scenario
    b: Scenario
    truth: dict[str, float] = field(default_factory=dict)

    def seed(self, number: int) -> int:
        """Return the seed of one of its comparisons; no two cases share one."""
        return zlib.crc32(f'{self.name} {number}'.encode())


def _loss(load: float, slots: int, pools: int = 1, mean: float = 1.0) -> dict[str, float]:
    """Return Erlang's refusal share, live slots and grants a second of equal pools together."""
    refused = erlang_b(slots, load / pools)
    busy = load * (1 - refused)
    return {'refusal_share': refused, 'occupancy_mean': busy, 'throughput': busy / mean}


def _pair(name: str, a: Scenario, b: Scenario, before: dict[str, float], after: dict[str, float]) -> Pair:
    return Pair(name, a, b, {figure: after[figure] - before[figure] for figure in before})


_FOUR = Scenario(arrivals='poisson:4', holding='exp:1', max_size=5, slot_exp=600.0, jobs=2000)
_EIGHT = _FOUR.replace(arrivals='poisson:8', max_size=10)
_LIVES = _FOUR.replace(arrivals='poisson:6')
# A slot is held for the holding time or its life, whichever is shorter.
_SHORT = 1 - math.exp(-2.0)

CASES = (
    _pair('five slots, six slots', _FOUR, _FOUR.replace(max_size=6), _loss(4, 5), _loss(4, 6)),
    _pair(
        'one pool of ten, two of five',
        _EIGHT,
        _EIGHT.replace(max_size=5, keys='zipf:2:0'),
        _loss(8, 10),
        _loss(8, 5, 2),
    ),
    _pair(
        'slots of 2 s, slots of 10 min',
        _LIVES.replace(slot_exp=2.0),
        _LIVES,
        _loss(6 * _SHORT, 5, mean=_SHORT),
        _loss(6, 5),
    ),
    # By Erlang's formula the law of the holding time has no effect: the true difference is 0.
    _pair('exponential, constant', _FOUR, _FOUR.replace(holding='const:1'), _loss(4, 5), _loss(4, 5)),
)
"""Designs whose difference Erlang's loss formula gives exactly."""


class Made(NamedTuple):
    """One comparison of one figure."""

    figure: str
    a: float
    b: float
    interval: Interval
    without_pairing: float


class Found(NamedTuple):
    """All comparisons of one figure of one case.

    Attributes:
        pair: the case.
        figure: the figure.
        truth: its true difference.
        intervals: how many comparisons there are.
        missed: how many intervals do not hold the truth.
        without_pairing: how many times as wide the intervals would be without pairing, by their
            own account: the median.
        scatter: the same, from the scatter of the estimates: A of each comparison against B of the
            same, and against B of the next, which shares no seed with it.
        width: the median half-width.
    """

    pair: Pair
    figure: str
    truth: float
    intervals: int
    missed: int
    without_pairing: float
    scatter: float
    width: float

    @property
    def p(self) -> float:
        """The probability of as many misses or more, if the intervals are as good as they say."""
        return above(self.intervals, self.missed, 1 - CONFIDENCE)


def make(pair: Pair, number: int) -> list[Made]:
    """Make one comparison of a case."""
    found = compare(pair.a.replace(seed=pair.seed(number)), pair.b, workers=1)
    differences = [found.differences[figure] for figure in pair.truth]
    return [Made(each.figure, each.a, each.b, each.interval, each.without_pairing or math.inf) for each in differences]


def study(pair: Pair, count: int, executor: Executor) -> Iterator[Found]:
    """Yield what ``count`` comparisons of a case found, figure by figure."""
    comparisons = list(executor.map(make, [pair] * count, range(count), chunksize=5))
    for place, (figure, truth) in enumerate(pair.truth.items()):
        made = [each[place] for each in comparisons]
        following = [*made[1:], made[0]]
        mixed = variance(late.b - each.a for each, late in zip(made, following, strict=True))
        yield Found(
            pair=pair,
            figure=figure,
            truth=truth,
            intervals=count,
            missed=sum(truth not in each.interval for each in made),
            without_pairing=median(each.without_pairing for each in made),
            scatter=math.sqrt(mixed / variance(each.interval.mean for each in made)),
            width=median(each.interval.half_width for each in made),
        )


def main() -> int:
    """Run the study and print the table."""
    parser = argparse.ArgumentParser(prog='python -m tests.coverage.differences', description=__doc__)
    parser.add_argument('--comparisons', type=int, default=200, help='of each case (default %(default)s)')
    parser.add_argument('--workers', type=int, default=None, help='processes (default: one for each processor)')
    options = parser.parse_args()
    print('| A, B | figure | true B - A | half-width | intervals that hold it | p | wider without pairing | scatter |')
    print('|---|---|---|---|---|---|---|---|')
    failed = 0
    with ProcessPoolExecutor(options.workers) as executor:
        for pair in tqdm(CASES, unit=' cases', file=sys.stderr):
            for found in study(pair, options.comparisons, executor):
                held = f'{found.intervals - found.missed} of {found.intervals}'
                cells = [pair.name, found.figure, f'{found.truth:.4g}', f'{found.width:.2g}', held, f'{found.p:.2g}']
                cells += [f'{found.without_pairing:.2f}', f'{found.scatter:.2f}']
                print(f'| {" | ".join(cells)} |', flush=True)
                failed += found.p < SIGNIFICANT
    print(f'\n{failed} rows fail.')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
