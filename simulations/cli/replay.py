"""``pool-sim replay``: a recorded trace."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from simulations.cli.options import (
    add_faults,
    add_output,
    add_pool,
    add_runs,
    add_store,
)
from simulations.cli.output import run_and_report
from simulations.cli.requested import add_trace, run_words, trace_scenario


if TYPE_CHECKING:
    from simulations.cli.options import Commands


def add(commands: 'Commands') -> None:
    """Make the parser of this command."""
    recorded = commands.add_parser('replay', help='a recorded trace (by default the bundled one, a real cluster)')
    recorded.add_argument(
        'trace',
        nargs='?',
        type=Path,
        help='a log in the Standard Workload Format, invocations of Azure Functions, or a CSV table; plain or gzip',
        metavar='TRACE',
    )
    add_trace(recorded)
    add_pool(recorded)
    add_faults(recorded)
    add_runs(recorded)
    add_store(recorded)
    add_output(recorded)
    recorded.set_defaults(do=_do)


def _do(options: argparse.Namespace) -> int:
    scenario, said = trace_scenario(options)
    return run_and_report(scenario, options, ['replay', *said, *run_words(options, scenario)])
