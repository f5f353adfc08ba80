"""The command line of the harness's benchmark; see ``output.py`` for the exit status."""

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from simulations.stores.embedded import EmbeddedServerError
from tests.benchmarks.bench import Bench
from tests.benchmarks.harness.curve import draw
from tests.benchmarks.harness.growth import Run, growth
from tests.benchmarks.harness.load import FULL, QUICK
from tests.benchmarks.harness.rows_memory import memory_rows
from tests.benchmarks.harness.rows_queue import queue_rows
from tests.benchmarks.harness.rows_server import server_rows
from tests.benchmarks.machine import machine
from tests.benchmarks.others.environments import CIW
from tests.benchmarks.output import IMPOSSIBLE, add_options, choose, put_out
from tests.benchmarks.rounds import Plan
from tests.benchmarks.table import NotMeasured, Row


MEASURES = 'memory', 'queue', 'server', 'growth'


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark, and return the exit status.

    Args:
        arguments: of the command line; by default those of the process.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        chosen = choose(options.rows, MEASURES)
    except ValueError as error:
        parser.error(str(error))
    if options.curve and 'growth' not in chosen:
        parser.error('--curve draws the row growth, which is not among the chosen rows: add growth')
    amounts = QUICK if options.quick else FULL
    if options.rounds is not None:
        amounts = amounts._replace(rounds=options.rounds, growth_rounds=options.rounds)
    one_core = options.cores == 'one'
    rows: list[Row | NotMeasured] = []
    curve: list[Run] = []
    # Every contestant has the same number of jobs in a round, so no time is given.
    plan = Plan(amounts.rounds, seconds=0, window=0)
    try:
        with Bench(plan, len(chosen), [CIW] if options.others else [], one_core=one_core) as bench:
            for name in chosen:
                bench.at(name)
                if name == 'memory':
                    rows += memory_rows(bench, amounts)
                elif name == 'queue':
                    rows += queue_rows(bench, amounts)
                elif name == 'server':
                    rows += server_rows(bench, amounts)
                else:
                    grown, curve = growth(bench, amounts)
                    rows += grown
            about = machine(bench.server_info())
    except EmbeddedServerError as error:
        print(f'{parser.prog}: {error}', file=sys.stderr)
        return IMPOSSIBLE
    if options.curve and curve:
        draw(curve, options.curve)
    about |= {
        'simpy': version('simpy'),
        'compared with': ', '.join(bench.others) or 'no other package (see --others)',
        'rounds': f'{amounts.rounds} of {amounts.memory_jobs:,} jobs in memory and {amounts.server_jobs:,} on a server,'
        f' {amounts.growth_rounds} of time and peak memory',
        'cores of the row on a server': 'one for client and server' if one_core else 'chosen by the system',
    }
    return put_out(about, rows, options, more={'curve': [run.as_json() for run in curve]})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='python -m tests.benchmarks.harness',
        description='Measure how fast the simulation harness is, as ratios to simpler or similar code.',
    )
    parser.add_argument('rows', nargs='*', metavar='ROW', help=f'rows to measure (default all): {", ".join(MEASURES)}')
    add_options(parser, rounds=FULL.rounds, one_core='the row on a server')
    parser.add_argument(
        '--others',
        action='store_true',
        help=f'measure {CIW.title} as well, in its own environment, which pip makes at the first run',
    )
    parser.add_argument('--curve', type=Path, help='draw time and memory to the PNG file FILE', metavar='FILE')
    return parser
