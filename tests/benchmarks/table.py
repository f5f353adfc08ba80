"""Rows, and the table that they make."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.benchmarks.rounds import Spread


@dataclass(frozen=True)
class Row:
    """One measure: a ratio, what it is held against, and its target."""

    measure: str
    ratio: Spread
    against: str
    """What the ratio's denominator is."""
    bound: float
    """The target: the median is to be at most that, or at least, with ``at_least``."""
    at_least: bool = False
    absolute: str = ''
    """The times or rates behind the ratio, for orientation."""
    others: Mapping[str, Spread | str] = field(default_factory=dict)
    """The same ratio of other packages; a text where one cannot do it."""
    seen: str = ''
    """What was counted beside the ratio."""
    unmet: tuple[str, ...] = ()
    """What else the row demands and was not so."""

    @property
    def met(self) -> bool:
        """Whether the target is met, by the median and in all that was counted."""
        ratio = self.ratio.median
        return (ratio >= self.bound if self.at_least else ratio <= self.bound) and not self.unmet


def markdown(rows: Sequence[Row], others: Sequence[str]) -> str:
    """The table, with a column for each of the other packages that were measured."""
    head = ['measure', 'ratio (quartiles)', 'against', 'target', '', 'absolute', *others]
    lines = [head, *([*_cells(row), *(_other(row.others.get(name, '')) for name in others)] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    texts = [
        '| ' + ' | '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + ' |' for line in lines
    ]
    texts.insert(1, '|' + '|'.join('-' * (width + 2) for width in widths) + '|')
    return '\n'.join(texts)


def as_json(row: Row) -> dict[str, Any]:
    """The row's numbers."""
    return {
        'measure': row.measure,
        'ratio': row.ratio._asdict(),
        'against': row.against,
        'target': {'at_least' if row.at_least else 'at_most': row.bound},
        'met': row.met,
        'absolute': row.absolute,
        'seen': row.seen,
        'unmet': list(row.unmet),
        'others': {name: each if isinstance(each, str) else each._asdict() for name, each in row.others.items()},
    }


def microseconds(numerators: Sequence[float], denominators: Sequence[float]) -> str:
    """Two medians, given in seconds."""
    return f'{_median(numerators) * 1e6:.3g} / {_median(denominators) * 1e6:.3g} µs'


def _median(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]


def _cells(row: Row) -> list[str]:
    verdict = 'met' if row.met else '**missed**'
    ratio = f'{row.ratio.median:.3f} ({row.ratio.low:.3f} to {row.ratio.high:.3f})'
    target = f'{">=" if row.at_least else "<="} {row.bound:.2f}'
    absolute = '; '.join(filter(None, (row.absolute, row.seen, *row.unmet)))
    return [row.measure, ratio, row.against, target, verdict, absolute]


def _other(cell: Spread | str) -> str:
    return cell if isinstance(cell, str) else f'{cell.median:.2f} ({cell.low:.2f} to {cell.high:.2f})'
