"""The command line of the benchmark.

Exit status: 0 if everything was measured, whether targets were met or not; 1 if a pool broke a promise meanwhile; 2 if
what was asked for cannot be done.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from simulations.embedded import EmbeddedServerError
from tests.benchmarks import rows_contended, rows_import, rows_memory, rows_pooled, rows_store
from tests.benchmarks.bench import Bench
from tests.benchmarks.cores import can_choose
from tests.benchmarks.machine import machine
from tests.benchmarks.others.environments import OTHERS
from tests.benchmarks.rounds import Plan
from tests.benchmarks.table import Row, as_json, markdown


MEASURES: dict[str, Callable[[Bench], list[Row]]] = {
    'sync': rows_store.sync_rows,
    'async': rows_store.async_rows,
    'contended-threads': rows_contended.thread_rows,
    'contended-tasks': rows_contended.task_rows,
    'contended-processes': rows_contended.process_rows,
    'memory-sync': rows_memory.sync_rows,
    'memory-async': rows_memory.async_rows,
    'pooled-sync': rows_pooled.sync_rows,
    'pooled-async': rows_pooled.async_rows,
    'import': rows_import.import_rows,
}
FULL, QUICK = Plan(rounds=30, seconds=0.03, window=0.1), Plan(rounds=3, seconds=0.002, window=0.03)
WINDOW_WITH_OTHERS = 0.5
"""One of them waits for a tenth of a second where the library is refused: it is given the time for that."""

MEASURED, BROKEN, IMPOSSIBLE = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what these arguments say, by default those of the process; returns the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        chosen = choose(options.rows)
    except ValueError as error:
        parser.error(str(error))
    plan = QUICK if options.quick else FULL
    if options.others:
        plan = plan._replace(window=max(plan.window, WINDOW_WITH_OTHERS))
    if options.rounds is not None:
        plan = plan._replace(rounds=options.rounds)
    one_core = options.cores == 'one'
    others = OTHERS if options.others else []
    rows: list[Row] = []
    try:
        with Bench(plan, len(chosen), others, one_core=one_core) as bench:
            for name in chosen:
                bench.at(name)
                rows += MEASURES[name](bench)
            about = machine(bench.server_info())
    except EmbeddedServerError as error:
        print(f'python -m tests.benchmarks: {error}', file=sys.stderr)
        return IMPOSSIBLE
    about |= {
        'compared with': ', '.join(bench.others) or 'no other package (see --others)',
        'rounds': str(plan.rounds),
        'cores of the rows sync and async': 'one, for client and server' if one_core else 'as the system likes',
    }
    table = '\n'.join((*(f'- {name}: {value}' for name, value in about.items()), '', markdown(rows, bench.others)))
    print(table)
    if options.markdown:
        options.markdown.write_text(table + '\n')
    if options.json:
        options.json.write_text(json.dumps({'machine': about, 'rows': [as_json(row) for row in rows]}, indent=1) + '\n')
    return BROKEN if any(row.broken for row in rows) else MEASURED


def choose(wanted: Sequence[str]) -> list[str]:
    """The measures that are named, in full or by their first word; all if none is.

    ``ValueError`` if there is none of that name.
    """
    for name in wanted:
        if not any(_is_meant(measure, name) for measure in MEASURES):
            raise ValueError(f'there is no row {name!r}; there are {", ".join(MEASURES)}')
    return [measure for measure in MEASURES if not wanted or any(_is_meant(measure, name) for name in wanted)]


def _is_meant(measure: str, name: str) -> bool:
    return name in (measure, measure.partition('-')[0])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='python -m tests.benchmarks',
        description='Measure how fast the library is, as ratios to what cannot be faster, side by side.',
    )
    parser.add_argument(
        'rows', nargs='*', metavar='ROW', help=f'what to measure, by default all of it: {", ".join(MEASURES)}'
    )
    parser.add_argument('--rounds', type=_rounds, help=f'how many rounds (default {FULL.rounds})', metavar='N')
    parser.add_argument('--quick', action='store_true', help='a few tiny rounds, to see that it runs')
    parser.add_argument(
        '--cores',
        choices=['one', 'free'],
        default='one' if can_choose() else 'free',
        help='let client and server share one core in the rows sync and async, or leave it to the system'
        ' (default %(default)s)',
    )
    parser.add_argument(
        '--others',
        action='store_true',
        help='measure other packages beside it; each gets an environment of its own, made by pip at first'
        f' ({", ".join(other.title for other in OTHERS)})',
    )
    parser.add_argument('--json', type=Path, help='write the numbers into that file', metavar='FILE')
    parser.add_argument('--markdown', type=Path, help='write the table into that file', metavar='FILE')
    return parser


def _rounds(text: str) -> int:
    number = int(text)
    if number < 2:
        raise argparse.ArgumentTypeError(f'{text} is too few: quartiles need 2 rounds at least')
    return number
