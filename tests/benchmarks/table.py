"""The rows, and the table that they make up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, NamedTuple

from tests.benchmarks.rounds import Spread


class Absolute(NamedTuple):
    """The two medians behind a ratio, for orientation: they depend on the machine."""

    ours: float
    against: float
    unit: str

    def __str__(self) -> str:
        return f'{_digits(self.ours)} / {_digits(self.against)} {self.unit}'


class Cell(NamedTuple):
    """The figure of another package in a row."""

    ratio: Spread
    seen: str = ''


@dataclass(frozen=True)
class Row:
    """One measure: a ratio, its reference, and its target."""

    measure: str
    ratio: Spread
    against: str
    """The denominator of the ratio, in words."""
    absolute: Absolute
    bound: float | None
    """The target: the median must be at most this, or at least this with ``at_least``.

    ``None`` if there is none."""
    at_least: bool = False
    others: Mapping[str, Cell | str] = field(default_factory=dict)
    """The figures of other packages; a text if one does not support the row."""
    seen: str = ''
    """What was counted in addition to the ratio."""
    unmet: tuple[str, ...] = ()
    """Further conditions of the target that were not met."""
    broken: tuple[str, ...] = ()
    """Promises of the pool that were broken during the measurement."""

    @property
    def met(self) -> bool:
        """Whether the median and all that was counted meet the target."""
        ratio = self.ratio.median
        if self.bound is None:
            return not self.unmet and not self.broken
        in_bound = ratio >= self.bound if self.at_least else ratio <= self.bound
        return in_bound and not self.unmet and not self.broken


class WaitLine(NamedTuple):
    """How the workers of a crowd waited, in one way."""

    crowd: str
    way: str
    rate: Spread
    """Grants a second, round by round."""
    longest: float
    """The longest wait of all rounds, in seconds."""
    fewest: int
    """The fewest grants of a worker in a round."""
    most: int
    """The most grants of a worker in a round."""
    commands: float
    """The commands that the clients sent for each grant, with its release."""
    in_vain: float | None
    """How many of these were polls in vain; ``None`` if the way makes no polls of its own."""


@dataclass(frozen=True)
class NotMeasured:
    """A row without numbers, with the reason."""

    measure: str
    against: str
    why: str
    others: Mapping[str, Cell | str] = field(default_factory=dict)
    broken: tuple[str, ...] = ()
    """Promises that were broken, so nothing could be measured."""


def markdown(rows: Sequence[Row | NotMeasured], others: Sequence[str], *, quick: bool = False) -> str:
    """Return the table, with a column for each of the other packages that were measured.

    Args:
        rows: the rows of the table.
        others: the titles of the other packages.
        quick: whether the run was quick, so its rows are not judged by their targets.
    """
    head = ['measure', 'ratio (quartiles)', 'compared with', 'target', '', 'absolute', *others]
    lines = [head, *([*_cells(row, quick), *(_other(row.others.get(name, '')) for name in others)] for row in rows)]
    return _lines_up(lines)


def waits_markdown(waits: Sequence[WaitLine]) -> str:
    """Return the table of how workers waited."""
    head = ['crowd', 'way', 'grants a second', 'longest wait', 'grants of a worker', 'commands a grant']
    return _lines_up([[*head, 'polls in vain'], *(_wait_cells(line) for line in waits)])


def _wait_cells(line: WaitLine) -> list[str]:
    return [
        line.crowd,
        line.way,
        f'{line.rate.median:,.0f} ({line.rate.low:,.0f} to {line.rate.high:,.0f})',
        f'{line.longest:.3f} s',
        f'{line.fewest} to {line.most}',
        f'{line.commands:.2f}',
        '-' if line.in_vain is None else f'{line.in_vain:.3f}',
    ]


def _lines_up(lines: Sequence[Sequence[str]]) -> str:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    texts = [
        '| ' + ' | '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + ' |' for line in lines
    ]
    texts.insert(1, '|' + '|'.join('-' * (width + 2) for width in widths) + '|')
    return '\n'.join(texts)


def as_json(row: Row | NotMeasured, *, quick: bool = False) -> dict[str, Any]:
    """Return the numbers of a row; ``met`` is null if the target cannot be judged."""
    if isinstance(row, NotMeasured):
        empty = {'ratio': None, 'met': None, 'why': row.why}
        return {'measure': row.measure, 'against': row.against, **empty, 'broken': list(row.broken)}
    return {
        'measure': row.measure,
        'ratio': row.ratio._asdict(),
        'against': row.against,
        'target': None if row.bound is None else {'at_least' if row.at_least else 'at_most': row.bound},
        'met': None if quick or row.bound is None else row.met,
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
    """Return the medians of two series of seconds, in microseconds."""
    return Absolute(median(ours) * 1e6, median(against) * 1e6, 'µs')


def jobs_a_second(ours: Sequence[float], against: Sequence[float]) -> Absolute:
    """Return jobs a second, from the medians of two series of seconds per job."""
    return Absolute(1 / median(ours), 1 / median(against), 'jobs a second')


def _digits(number: float) -> str:
    return f'{number:,.0f}' if number >= 1000 else f'{number:.3g}'


def _cells(row: Row | NotMeasured, quick: bool) -> list[str]:
    if isinstance(row, NotMeasured):
        verdict = '**broken**' if row.broken else 'not measured'
        return [row.measure, '', row.against, '', verdict, '; '.join(filter(None, (row.why, *row.broken)))]
    verdict = 'met' if row.met else '**missed**'
    if quick or row.bound is None:
        verdict = '**broken**' if row.broken else 'quick: not judged' if quick else ''
    ratio = f'{row.ratio.median:.3f} ({row.ratio.low:.3f} to {row.ratio.high:.3f})'
    target = '' if row.bound is None else f'{">=" if row.at_least else "<="} {row.bound:.2f}'
    absolute = '; '.join(filter(None, (str(row.absolute), row.seen, *row.unmet, *row.broken)))
    return [row.measure, ratio, row.against, target, verdict, absolute]


def _other(cell: Cell | str) -> str:
    if isinstance(cell, str):
        return cell
    ratio = f'{cell.ratio.median:.2f} ({cell.ratio.low:.2f} to {cell.ratio.high:.2f})'
    return '; '.join(filter(None, (ratio, cell.seen)))
