"""``pool-sim replay``: a recorded trace."""

import argparse
from pathlib import Path

from simulations.cli.options import add_faults, add_output, add_pool, add_runs, add_store
from simulations.cli.output import run_and_report
from simulations.cli.requested import add_trace, run_words, trace_scenario


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command to its parser."""
    parser.add_argument(
        'trace',
        nargs='?',
        type=Path,
        help='a log in the Standard Workload Format, invocations of Azure Functions, or a CSV table; plain or gzip',
        metavar='TRACE',
    )
    add_trace(parser)
    add_pool(parser)
    add_faults(parser)
    add_runs(parser)
    add_store(parser)
    add_output(parser)
    parser.set_defaults(do=_do)


def _do(options: argparse.Namespace) -> int:
    scenario, said = trace_scenario(options)
    return run_and_report(scenario, options, ['replay', *said, *run_words(options, scenario)])
