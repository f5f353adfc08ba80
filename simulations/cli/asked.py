"""The scenario that someone asked for: by name, as a file, as a trace, or by options."""

import argparse
from collections.abc import Iterable
from pathlib import Path

from simulations.cli.options import add_pool, add_runs
from simulations.cli.replay import TRACE, add_trace, trace_scenario
from simulations.cli.run import add_jobs, made_up_scenario
from simulations.scenario import Scenario


def add_asked(parser: argparse.ArgumentParser) -> None:
    """A scenario or trace, and the options that change it."""
    parser.add_argument(
        'scenario',
        nargs='?',
        metavar='SCENARIO',
        help='one of `pool-sim scenarios`, a TOML file, or a trace; without it Poisson arrivals by the options',
    )
    add_jobs(parser)
    add_trace(parser, besides_jobs=True)
    add_pool(parser)
    add_runs(parser, half_width=False)


def asked_scenario(options: argparse.Namespace) -> tuple[Scenario, list[str]]:
    """The scenario that the options describe, and the words that ask for it again.

    Raises:
        ValueError: it cannot be, or an option is for another kind of it.
    """
    name = options.scenario
    if name is not None and Path(name).suffix != '.toml' and Path(name).is_file():
        _refuse(options, _MADE_UP, f'says how jobs are made up, and {name} is a trace')
        options.trace = Path(name)
        return trace_scenario(options)
    _refuse(options, [each for each in TRACE if each != 'holding'], 'is for a trace: name its file')
    return made_up_scenario(options)


_MADE_UP = ('rate', 'arrivals', 'keys', 'jobs', 'horizon')


def _refuse(options: argparse.Namespace, names: Iterable[str], why: str) -> None:
    for name in names:
        if hasattr(options, name):
            raise ValueError(f'--{name.replace("_", "-")} {why}')
