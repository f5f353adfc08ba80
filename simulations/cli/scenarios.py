"""``pool-sim scenarios``: what there is to run by name."""

import argparse
from typing import TYPE_CHECKING

from simulations.cli.options import KEPT
from simulations.scenarios.scenario import Scenario, scenario_names


if TYPE_CHECKING:
    from simulations.cli.options import Commands


def add(commands: 'Commands') -> None:
    """Make the parser of this command."""
    commands.add_parser('scenarios', help='the scenarios that `run` knows by name').set_defaults(do=_do)


def _do(_: argparse.Namespace) -> int:
    for name in scenario_names():
        scenario = Scenario.load(name)
        print(f'{name}: {scenario.title}\n    {scenario.lesson}')
    return KEPT
