"""``pool-sim run``: a scenario by its name or file, or jobs at random."""

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
from simulations.cli.requested import add_jobs, made_up_scenario, run_words


if TYPE_CHECKING:
    from simulations.cli.options import Commands


def add(commands: 'Commands') -> None:
    """Make the parser of this command."""
    made_up = commands.add_parser('run', help='a scenario by its name or file, or jobs at random')
    made_up.add_argument(
        'scenario', nargs='?', metavar='SCENARIO', help='one of `pool-sim scenarios`, or a TOML file; options change it'
    )
    add_jobs(made_up)
    add_pool(made_up)
    add_faults(made_up)
    add_runs(made_up)
    add_store(made_up)
    made_up.add_argument('--save', type=Path, metavar='FILE', help='write what was asked for as a scenario file')
    add_output(made_up)
    made_up.set_defaults(do=_do)


def _do(options: argparse.Namespace) -> int:
    scenario, said = made_up_scenario(options)
    if options.save is not None:
        scenario.replace(title=scenario.title or scenario.workload().name).save(options.save)
    return run_and_report(scenario, options, ['run', *said, *run_words(options, scenario)])
