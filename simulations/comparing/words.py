"""A comparison in words: the two designs, the verdict, and the tables."""

import dataclasses
from collections.abc import Sequence

from simulations.comparing.facts import ComparedAt, ComparisonFacts, Difference, occurring
from simulations.comparing.figures import HEADLINES, is_share, label, value_text
from simulations.scenarios.scenario import Scenario
from simulations.units import count


MOST_DOUBTS = 10
_NOT_SEEN = '~'
_UNNAMED = frozenset(('title', 'lesson', 'seed', 'replications', 'half_width', 'folder'))


def verdict(facts: ComparisonFacts) -> str:
    """Return what the comparison found, in a sentence."""
    if len(facts.points) > 1:
        return _verdict_of_curve(facts)
    [point] = facts.points
    found = [each for each in occurring(point.differences) if each.figure in HEADLINES]
    seen = [_clause(each) for each in found if each.seen]
    same = [label(each.figure) for each in found if not each.seen and each.constant]
    unseen = [each for each in found if not each.seen and not each.constant]
    level = '' if facts.exact else f' ({level_text(facts)}{" each" if len(seen) > 1 else ""})'
    clauses = [f'B {", and ".join(seen)}{level}'] if seen else []
    if unseen:
        names = _listed([f'the {label(each.figure)} ({_range(each)})' for each in unseen], 'or')
        clauses.append(f'no difference can be seen in {names}: more pairs would show a smaller one')
    if same:
        where = 'in both' if facts.exact else 'in every pair'
        clauses.append(f'the {_listed(same, "and")} {"is" if len(same) == 1 else "are"} the same {where}')
    return '; '.join(clauses) or 'neither design refuses a job, lets one wait, or has an overrun'


def _clause(found: Difference) -> str:
    headline = HEADLINES[found.figure]
    fewer = found.difference < 0
    low, high = sorted(abs(bound) for bound in found.interval[1:])
    amount = value_text(found.figure, low) if low == high else _bounds(found.figure, low, high)
    words = headline.less if fewer else headline.more
    return f'{words}: {amount} {headline.fewer if fewer else headline.further}'


def _bounds(figure: str, low: float, high: float, *, signed: bool = False) -> str:
    return f'{value_text(figure, low, signed=signed)} to {value_text(figure, high, signed=signed)}'


def _range(found: Difference) -> str:
    return _bounds(found.figure, found.interval.low, found.interval.high, signed=True)


def _listed(words: Sequence[str], conjunction: str) -> str:
    *first, last = words
    return f'{", ".join(first)} {conjunction} {last}' if first else last


def _verdict_of_curve(facts: ComparisonFacts) -> str:
    figure, level = facts.figure, '' if facts.exact else f' ({level_text(facts)})'
    sides: dict[str, list[ComparedAt]] = {'lower': [], 'higher': [], 'not seen': []}
    for point in facts.points:
        found = point.differences[figure]
        side = 'not seen' if not found.seen else 'lower' if found.difference < 0 else 'higher'
        sides[side].append(point)
    clauses = []
    for side in ('lower', 'higher'):
        if sides[side]:
            words = f'{label(figure)} of B is {side}' if figure not in HEADLINES else ''
            if not words:
                words = f'B {HEADLINES[figure].less if side == "lower" else HEADLINES[figure].more}'
            clauses.append(f'{words} at {places_text(sides[side], "and")}{level}')
    if sides['not seen']:
        where = places_text(sides['not seen'], 'or')
        clauses.append(f'no difference can be seen in the {label(figure)} at {where}')
    return '; '.join(clauses)


def level_text(facts: ComparisonFacts) -> str:
    """Return the confidence level."""
    return f'{100 * facts.confidence:g}%'


def values_text(point: ComparedAt) -> str:
    """Return the varied values of a point."""
    return ', '.join(f'{name} {_text(value)}' for name, value in point.values.items())


def places_text(points: Sequence[ComparedAt], conjunction: str) -> str:
    """Return the varied values of several points; the name of a single one is not repeated."""
    if len(points[0].values) > 1:
        return _listed([values_text(point) for point in points], conjunction)
    [name] = points[0].values
    return f'{name} {_listed([_text(point.values[name]) for point in points], conjunction)}'


def names(facts: ComparisonFacts) -> tuple[str, str]:
    """Return a line for each design: its title, and for B what differs from A."""
    point = facts.points[0]
    first = point.a.title or point.a.workload().name
    if facts.itself and len(facts.points) > 1:
        at = ', '.join(f'{name} {_value(point.a, name)}' for name in point.values)
        return f'{first}, with {at}', f'the same with {places_text(facts.points, "or")}'
    changes = changed(point.a, point.b)
    second = point.b.title or point.b.workload().name
    if second == first or point.a.title == point.b.title:
        return first, f'the same with {", ".join(changes)}' if changes else 'the same'
    return first, second


def _value(scenario: Scenario, name: str) -> str:
    return _text(getattr(scenario, {'load': 'load_factor'}.get(name, name)))


def changed(a: Scenario, b: Scenario) -> list[str]:
    """Return what differs in B, with the value that A has."""
    changes = []
    for each in dataclasses.fields(Scenario):
        before, after = getattr(a, each.name), getattr(b, each.name)
        if each.name not in _UNNAMED and _text(before) != _text(after):
            changes.append(f'{each.name} {_text(after)} (A: {_text(before)})')
    return changes


def _text(value: object) -> str:
    if value is None:
        return 'none'
    if isinstance(value, tuple | list):
        return ', '.join(map(_text, value)) or 'none'
    return f'{value:g}' if isinstance(value, float) else str(value)


def report(facts: ComparisonFacts) -> str:
    """Return the designs, the verdict, the table and the reasons to doubt."""
    first, second = names(facts)
    lines = [f'A: {first}', f'B: {second}', f'  {how_made(facts)}', f'  {verdict(facts)}']
    lines += _aligned(table(facts) if len(facts.points) == 1 else table_of_curve(facts))
    if len(facts.points) == 1 and (same := [label(each.figure) for each in _shown(facts) if _is_same(each)]):
        lines.append(f'  the same in {"both" if facts.exact else "every pair"}: {", ".join(same)}')
    if any(is_share(each.figure) for each in _shown(facts)):
        lines.append('  differences of shares are in percentage points')
    if not facts.exact and any(not each.seen for each in _shown(facts) if not _is_same(each)):
        lines.append(f'  {_NOT_SEEN} no difference can be seen: the interval holds 0')
    return '\n'.join([*lines, *_footnotes(facts)])


def _shown(facts: ComparisonFacts) -> list[Difference]:
    """Return the differences that the report is about, those of the verdict first."""
    if len(facts.points) > 1:
        return [point.differences[facts.figure] for point in facts.points]
    return occurring(facts.differences)


def _is_same(found: Difference) -> bool:
    return found.constant and not found.difference


def how_made(facts: ComparisonFacts) -> str:
    """Return how many pairs there are, and what the runs of a pair share."""
    if facts.exact:
        return (
            'every run of this trace is the same: the differences are exact for it; a single log cannot predict'
            ' another week'
        )
    pairs = count(facts.points[0].pairs, 'pair', 'pairs')
    if all(point.same_jobs for point in facts.points):
        return f'{pairs} of runs, seed {facts.seed}: both runs of a pair have the same jobs'
    return f'{pairs} of runs, seed {facts.seed}: A and B have different jobs, so a pair shares only its seed'


def table(facts: ComparisonFacts) -> list[list[str]]:
    """Return a head and a row for each figure that differs; nothing if none does."""
    rows = [_row(label(each.figure), each, facts) for each in _shown(facts) if not _is_same(each)]
    return [_head('', facts), *rows] if rows else []


def table_of_curve(facts: ComparisonFacts) -> list[list[str]]:
    """Return a head and a row for each point, with its difference in one figure."""
    rows = [_row(values_text(point), point.differences[facts.figure], facts) for point in facts.points]
    return [_head(label(facts.figure), facts), *rows]


def _head(name: str, facts: ComparisonFacts) -> list[str]:
    return [name, 'A', 'B', 'B - A', *([] if facts.exact else [f'{level_text(facts)} interval', 'without pairing'])]


def _row(name: str, found: Difference, facts: ComparisonFacts) -> list[str]:
    figure = found.figure
    row = [name, value_text(figure, found.a), value_text(figure, found.b)]
    row.append(value_text(figure, found.difference, signed=True))
    if facts.exact:
        return row
    wider = '' if found.without_pairing is None else f'{found.without_pairing:.1f} times as wide'
    mark = ('' if found.seen or found.constant else f' {_NOT_SEEN}') + (' ?' if found.caveats else '')
    return [*row, ('in every pair' if found.constant else _range(found)) + mark, wider]


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        '  '
        + '  '.join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        ).rstrip()
        for row in rows
    ]


def _footnotes(facts: ComparisonFacts) -> list[str]:
    lines = []
    for point in facts.points:
        shown = _shown(facts) if len(facts.points) == 1 else [point.differences[facts.figure]]
        doubts = dict.fromkeys(words for each in shown for words in each.caveats)
        where = f'at {values_text(point)}, ' if len(facts.points) > 1 else ''
        lines += [f'  ? {where}{words}' for words in doubts]
    more = len(lines) - MOST_DOUBTS
    return lines[:MOST_DOUBTS] + ([f'  ? and {more:,} more reasons to doubt an interval'] if more > 0 else [])
