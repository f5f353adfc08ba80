"""``pool-sim run``: a scenario by its name or file, or jobs at random."""

import argparse
from pathlib import Path

from simulations.cli.options import add_faults, add_output, add_pool, add_runs, add_store
from simulations.cli.output import run_and_report
from simulations.cli.requested import add_jobs, made_up_scenario, run_words


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command to its parser."""
    parser.add_argument(
        'scenario', nargs='?', metavar='SCENARIO', help='one of `pool-sim scenarios`, or a TOML file; options change it'
    )
    add_jobs(parser)
    add_pool(parser)
    add_faults(parser)
    add_runs(parser)
    add_store(parser)
    parser.add_argument('--save', type=Path, metavar='FILE', help='write what was asked for as a scenario file')
    add_output(parser)
    parser.set_defaults(do=_do)


def _do(options: argparse.Namespace) -> int:
    scenario, said = made_up_scenario(options)
    if options.save is not None:
        scenario.replace(title=scenario.title or scenario.workload().name).save(options.save)
    return run_and_report(scenario, options, ['run', *said, *run_words(options, scenario)])
