"""``pool-sim run``: run a scenario, by name or from a file, or random jobs."""

import argparse
from pathlib import Path

from simulations.cli.options.faults import FAULTS
from simulations.cli.options.jobs import JOBS
from simulations.cli.options.option import Option, add_options
from simulations.cli.options.output import OUTPUT
from simulations.cli.options.pool import POOL
from simulations.cli.options.runs import CHECKS, RUNS, STORE
from simulations.cli.output import run_and_report
from simulations.cli.request import USERS, made_up_scenario, run_words
from simulations.scenarios.scenario import Scenario
from simulations.stores.store import default_store


SAVE = Option(
    '--save',
    read=Path,
    default=None,
    metavar='FILE',
    help='write the scenario, with all options applied, to FILE, which must end in .toml',
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command to its parser."""
    parser.add_argument(
        'scenario',
        nargs='?',
        metavar='SCENARIO',
        help='the name of a scenario (`pool-sim scenarios` lists them), or the path of a TOML file (default: Poisson'
        ' arrivals); options override its values',
    )
    add_options(parser, (*JOBS, *POOL, *USERS, *FAULTS, *RUNS, STORE, *CHECKS, SAVE, *OUTPUT))
    parser.set_defaults(do=_do, store=default_store())


def _do(options: argparse.Namespace) -> int:
    scenario, words = request(options)
    if options.save is not None:
        scenario.replace(title=scenario.title or scenario.workload().name).save(options.save)
    return run_and_report(scenario, options, words)


def request(options: argparse.Namespace) -> tuple[Scenario, list[str]]:
    """Return the scenario that the options describe, and the words that repeat the command."""
    scenario, words = made_up_scenario(options)
    return scenario, ['run', *words, *run_words(options, scenario)]
