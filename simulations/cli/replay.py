"""``pool-sim replay``: replay a recorded trace."""

import argparse
from pathlib import Path

from simulations.cli.options.faults import FAULTS
from simulations.cli.options.option import add_options
from simulations.cli.options.output import OUTPUT
from simulations.cli.options.pool import POOL
from simulations.cli.options.runs import CHECKS, RUNS, STORE
from simulations.cli.options.trace import TRACE
from simulations.cli.output import run_and_report
from simulations.cli.request import USERS, run_words, trace_scenario
from simulations.results.recorded import recorded_caveats
from simulations.scenarios.scenario import Scenario
from simulations.sizing.pools import recorded_pools
from simulations.stores.store import default_store


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command to its parser."""
    parser.add_argument(
        'trace',
        nargs='?',
        type=Path,
        help='a recording of pools, a log in the Standard Workload Format, invocations of Azure Functions, or a CSV'
        ' table; plain or gzip'
        ' (default: the bundled trace)',
        metavar='TRACE',
    )
    add_options(parser, (*TRACE, *POOL, *USERS, *FAULTS, *RUNS, STORE, *CHECKS, *OUTPUT))
    parser.set_defaults(do=_do, store=default_store())


def _do(options: argparse.Namespace) -> int:
    scenario, words = request(options)
    waits = scenario.conditions().waits
    caveats = recorded_caveats(recorded_pools(scenario).values(), scenario.seed, waits=waits)
    return run_and_report(scenario, options, words, caveats)


def request(options: argparse.Namespace) -> tuple[Scenario, list[str]]:
    """Return the scenario that the options describe, and the words that repeat the command."""
    scenario, words = trace_scenario(options, options.trace)
    return scenario, ['replay', *words, *run_words(options, scenario)]
