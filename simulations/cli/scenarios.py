"""``pool-sim scenarios``: list the scenarios that can be run by name."""

import argparse

from simulations.cli.parser import KEPT
from simulations.scenarios.scenario import Scenario, scenario_names


def configure(parser: argparse.ArgumentParser) -> None:
    """Set the function that runs this command, which takes no options."""
    parser.set_defaults(do=_do)


def _do(_: argparse.Namespace) -> int:
    for name in scenario_names():
        scenario = Scenario.load(name)
        print(f'{name}: {scenario.title}\n    {scenario.lesson}')
    return KEPT
