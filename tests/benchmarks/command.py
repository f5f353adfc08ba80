"""The command line of the benchmark.

Exit status: 0 if everything was measured, whether or not the targets were met; 1 if a pool broke a
promise during the measurement; 2 if the request cannot be carried out.
"""

import argparse
import sys
from collections.abc import Callable, Sequence

from simulations.stores.embedded import EmbeddedServerError
from tests.benchmarks import (
    rows_contended,
    rows_handover,
    rows_holding,
    rows_import,
    rows_memory,
    rows_observing,
    rows_pooled,
    rows_server,
    rows_store,
    rows_tasks,
    rows_waiting,
)
from tests.benchmarks.bench import Bench
from tests.benchmarks.machine import machine
from tests.benchmarks.others.environments import OTHERS
from tests.benchmarks.output import IMPOSSIBLE, add_options, choose, put_out
from tests.benchmarks.rounds import Plan
from tests.benchmarks.table import NotMeasured, Row


MEASURES: dict[str, Callable[[Bench], Sequence[Row | NotMeasured]]] = {
    'sync': rows_store.sync_rows,
    'sync-two-cores': rows_store.two_core_rows,
    'async': rows_store.async_rows,
    'server': rows_server.server_rows,
    'tasks': rows_tasks.task_rows,
    'tasks-delayed': rows_tasks.delayed_rows,
    'tasks-latency': rows_tasks.latency_rows,
    'tasks-pipeline': rows_tasks.pipeline_rows,
    'tasks-connections': rows_tasks.connection_rows,
    'contended-threads': rows_contended.thread_rows,
    'contended-tasks': rows_contended.task_rows,
    'contended-processes': rows_contended.process_rows,
    'memory-sync': rows_memory.sync_rows,
    'memory-async': rows_memory.async_rows,
    'pooled-sync': rows_pooled.sync_rows,
    'pooled-async': rows_pooled.async_rows,
    'import': rows_import.import_rows,
    'waiting-threads': rows_waiting.thread_rows,
    'waiting-processes': rows_waiting.process_rows,
    'waiting-tasks': rows_waiting.task_rows,
    'waiting-handover': rows_handover.handover_rows,
    'waiting-idle': rows_handover.idle_rows,
    'waiting-uncontended': rows_handover.uncontended_rows,
    'holding': rows_holding.holding_rows,
    'observing': rows_observing.observing_rows,
}
FULL = Plan(rounds=30, seconds=0.03, window=0.1, waiting=1, waiting_rounds=5)
QUICK = Plan(rounds=3, seconds=0.002, window=0.03, waiting=0.03, waiting_rounds=2)
ON_ONE_CORE = 'sync, async and tasks'
"""The rows in which client and server share one core by default, in words."""
WINDOW_WITH_OTHERS = 0.5
"""In seconds: longer with other packages, because one waits a tenth of a second after a refusal."""


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
    plan = QUICK if options.quick else FULL
    if options.others:
        plan = plan._replace(window=max(plan.window, WINDOW_WITH_OTHERS))
    if options.rounds is not None:
        plan = plan._replace(rounds=options.rounds, waiting_rounds=options.rounds)
    one_core = options.cores == 'one'
    others = OTHERS if options.others else []
    rows: list[Row | NotMeasured] = []
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
        f'cores of the rows {ON_ONE_CORE}': 'one for client and server' if one_core else 'chosen by the system',
    }
    return put_out(about, rows, options, bench.others, waits=bench.waits)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='python -m tests.benchmarks',
        description='Measure how fast the library is, as ratios to code that can hardly be faster.',
    )
    parser.add_argument('rows', nargs='*', metavar='ROW', help=f'rows to measure (default all): {", ".join(MEASURES)}')
    add_options(parser, rounds=FULL.rounds, one_core=f'the rows {ON_ONE_CORE}')
    parser.add_argument(
        '--others',
        action='store_true',
        help='measure other packages as well, each in its own environment, which pip makes at the first run'
        f' ({", ".join(other.title for other in OTHERS)})',
    )
    return parser
