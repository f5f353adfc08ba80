"""Rows, and the table that they make."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, NamedTuple

from tests.benchmarks.rounds import Spread


class Absolute(NamedTuple):
    """The two medians behind a ratio, for orientation: they are the machine's, the ratio is not."""

    ours: float
    against: float
    unit: str

    def __str__(self) -> str:
        return f'{_digits(self.ours)} / {_digits(self.against)} {self.unit}'


class Cell(NamedTuple):
    """What another package came to in a row."""

    ratio: Spread
    seen: str = ''


@dataclass(frozen=True)
class Row:
    """One measure: a ratio, what it is held against, and its target."""

    measure: str
    ratio: Spread
    against: str
    """What the ratio's denominator is."""
    absolute: Absolute
    bound: float
    """The target: the median is to be at most that, or at least, with ``at_least``."""
    at_least: bool = False
    others: Mapping[str, Cell | str] = field(default_factory=dict)
    """The same of other packages; a text where one cannot do it."""
    seen: str = ''
    """What was counted beside the ratio."""
    unmet: tuple[str, ...] = ()
    """What else the target demands and was not so."""
    broken: tuple[str, ...] = ()
    """Promises of the pool that were broken meanwhile."""

    @property
    def met(self) -> bool:
        """Whether the target is met, by the median and in all that was counted."""
        ratio = self.ratio.median
        in_bound = ratio >= self.bound if self.at_least else ratio <= self.bound
        return in_bound and not self.unmet and not self.broken


@dataclass(frozen=True)
class NotMeasured:
    """A row without numbers, and why."""

    measure: str
    against: str
    why: str
    others: Mapping[str, Cell | str] = field(default_factory=dict)
    broken: tuple[str, ...] = ()
    """Promises that were broken, so that there is nothing to measure."""


def markdown(rows: Sequence[Row | NotMeasured], others: Sequence[str], *, quick: bool = False) -> str:
    """The table, with a column for each of the other packages that were measured.

    A ``quick`` run is judged by no target.
    """
    head = ['measure', 'ratio (quartiles)', 'against', 'target', '', 'absolute', *others]
    lines = [head, *([*_cells(row, quick), *(_other(row.others.get(name, '')) for name in others)] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    texts = [
        '| ' + ' | '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + ' |' for line in lines
    ]
    texts.insert(1, '|' + '|'.join('-' * (width + 2) for width in widths) + '|')
    return '\n'.join(texts)


def as_json(row: Row | NotMeasured, *, quick: bool = False) -> dict[str, Any]:
    """The row's numbers; ``met`` is null where no target can be judged."""
    if isinstance(row, NotMeasured):
        empty = {'ratio': None, 'met': None, 'why': row.why}
        return {'measure': row.measure, 'against': row.against, **empty, 'broken': list(row.broken)}
    return {
        'measure': row.measure,
        'ratio': row.ratio._asdict(),
        'against': row.against,
        'target': {'at_least' if row.at_least else 'at_most': row.bound},
        'met': None if quick else row.met,
        'absolute': row.absolute._asdict(),
        'seen': row.seen,
        'unmet': list(row.unmet),
        'broken': list(row.broken),
        'others': {
            name: each if isinstance(each, str) else each.ratio._asdict() | {'seen': each.seen}
            for name, each in row.others.items()
        },
    }


def microseconds(ours: Sequence[float], against: Sequence[float]) -> Absolute:
    """The medians of two series of seconds."""
    return Absolute(median(ours) * 1e6, median(against) * 1e6, 'µs')


def jobs_a_second(ours: Sequence[float], against: Sequence[float]) -> Absolute:
    """The same as jobs a second, from two series of seconds for a job."""
    return Absolute(1 / median(ours), 1 / median(against), 'jobs a second')


def _digits(number: float) -> str:
    return f'{number:,.0f}' if number >= 1000 else f'{number:.3g}'


def _cells(row: Row | NotMeasured, quick: bool) -> list[str]:
    if isinstance(row, NotMeasured):
        verdict = '**broken**' if row.broken else 'not measured'
        return [row.measure, '', row.against, '', verdict, '; '.join(filter(None, (row.why, *row.broken)))]
    verdict = 'met' if row.met else '**missed**'
    if quick:
        verdict = '**broken**' if row.broken else 'quick: not measured'
    ratio = f'{row.ratio.median:.3f} ({row.ratio.low:.3f} to {row.ratio.high:.3f})'
    target = f'{">=" if row.at_least else "<="} {row.bound:.2f}'
    absolute = '; '.join(filter(None, (str(row.absolute), row.seen, *row.unmet, *row.broken)))
    return [row.measure, ratio, row.against, target, verdict, absolute]


def _other(cell: Cell | str) -> str:
    if isinstance(cell, str):
        return cell
    ratio = f'{cell.ratio.median:.2f} ({cell.ratio.low:.2f} to {cell.ratio.high:.2f})'
    return '; '.join(filter(None, (ratio, cell.seen)))
