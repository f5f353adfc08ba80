"""What the benchmarks' command lines have in common: how rows are chosen, the options, what is put out.

Exit status: 0 if everything was measured, whether targets were met or not; 1 if a promise was broken meanwhile; 2 if
what was asked for cannot be done.
"""

import argparse
import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.cores import can_choose
from tests.benchmarks.table import NotMeasured, Row, as_json, markdown


MEASURED, BROKEN, IMPOSSIBLE = 0, 1, 2


def add_options(parser: argparse.ArgumentParser, *, rounds: int, one_core: str) -> None:
    """The options of every benchmark; ``one_core`` says for which rows the cores are chosen."""
    parser.add_argument('--rounds', type=_rounds, help=f'how many rounds (default {rounds})', metavar='N')
    parser.add_argument('--quick', action='store_true', help='a few tiny rounds, to see that it runs')
    parser.add_argument(
        '--cores',
        choices=['one', 'free'],
        default='one' if can_choose() else 'free',
        help=f'let client and server share one core in {one_core}, or leave it to the system (default %(default)s)',
    )
    parser.add_argument('--json', type=Path, help='write the numbers into that file', metavar='FILE')
    parser.add_argument('--markdown', type=Path, help='write the table into that file', metavar='FILE')


def choose(wanted: Sequence[str], measures: Collection[str]) -> list[str]:
    """The measures that are named, in full or by their first word; all if none is.

    ``ValueError`` if there is none of that name.
    """
    for name in wanted:
        if not any(_is_meant(measure, name) for measure in measures):
            raise ValueError(f'there is no row {name!r}; there are {", ".join(measures)}')
    return [measure for measure in measures if not wanted or any(_is_meant(measure, name) for name in wanted)]


def put_out(
    about: Mapping[str, str],
    rows: Sequence[Row | NotMeasured],
    options: argparse.Namespace,
    others: Sequence[str] = (),
    more: Mapping[str, Any] | None = None,
) -> int:
    """Print the table, write what was asked for, and return the exit status; ``more`` goes into the JSON file."""
    table = markdown(rows, others, quick=options.quick)
    text = '\n'.join((*(f'- {name}: {value}' for name, value in about.items()), '', table))
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
        raise argparse.ArgumentTypeError(f'{text} is too few: quartiles need 2 rounds at least')
    return number
