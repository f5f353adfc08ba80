"""The parts that the benchmarks' command lines share: the choice of rows, the options, the output.

Exit status: 0 if everything was measured, whether or not the targets were met; 1 if a promise was
broken during the measurement; 2 if the request cannot be carried out.
"""

import argparse
import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.cores import can_choose
from tests.benchmarks.table import NotMeasured, Row, WaitLine, as_json, markdown, waits_markdown


MEASURED, BROKEN, IMPOSSIBLE = 0, 1, 2


def add_options(parser: argparse.ArgumentParser, *, rounds: int, one_core: str) -> None:
    """Add the options of every benchmark.

    Args:
        parser: gets the options.
        rounds: the default of ``--rounds``.
        one_core: the rows in which client and server can share one core, in words.
    """
    parser.add_argument('--rounds', type=_rounds, help=f'number of rounds (default {rounds})', metavar='N')
    parser.add_argument('--quick', action='store_true', help='run a few tiny rounds, to see that everything runs')
    parser.add_argument(
        '--cores',
        choices=['one', 'free'],
        default='one' if can_choose() else 'free',
        help=f'let client and server share one core in {one_core}, or let the system choose (default %(default)s)',
    )
    parser.add_argument('--json', type=Path, help='write the numbers to FILE', metavar='FILE')
    parser.add_argument('--markdown', type=Path, help='write the table to FILE', metavar='FILE')


def choose(names: Sequence[str], measures: Collection[str]) -> list[str]:
    """Return the measures with these names, in full or by their first word; without names, all.

    Raises:
        ValueError: no measure has one of these names.
    """
    for name in names:
        if not any(_is_meant(measure, name) for measure in measures):
            raise ValueError(f'there is no row {name!r}: choose from {", ".join(measures)}')
    return [measure for measure in measures if not names or any(_is_meant(measure, name) for name in names)]


def put_out(
    about: Mapping[str, str],
    rows: Sequence[Row | NotMeasured],
    options: argparse.Namespace,
    others: Sequence[str] = (),
    more: Mapping[str, Any] | None = None,
    waits: Sequence[WaitLine] = (),
) -> int:
    """Print the table, write the requested files, and return the exit status.

    Args:
        about: the head of the table: names and values.
        rows: the rows of the table.
        options: those of the command line.
        others: the titles of the other packages, each a column.
        more: more values for the JSON file.
        waits: the lines of the second table, if there are any.
    """
    table = markdown(rows, others, quick=options.quick)
    text = '\n'.join((*(f'- {name}: {value}' for name, value in about.items()), '', table))
    if waits:
        text += '\n\n' + waits_markdown(waits)
        more = {**(more or {}), 'waits': [{**line._asdict(), 'rate': line.rate._asdict()} for line in waits]}
    print(text)
    if options.markdown:
        options.markdown.write_text(text + '\n')
    if options.json:
        numbers = {'machine': about, 'rows': [as_json(row, quick=options.quick) for row in rows], **(more or {})}
        options.json.write_text(json.dumps(numbers, indent=1) + '\n')
    return BROKEN if any(row.broken for row in rows) else MEASURED


def _is_meant(measure: str, name: str) -> bool:
    return name in (measure, measure.partition('-')[0])


def _rounds(text: str) -> int:
    number = int(text)
    if number < 2:
        raise argparse.ArgumentTypeError(f'must be at least 2, because quartiles need two rounds, got {text}')
    return number
