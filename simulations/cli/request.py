"""The scenario that the options ask for: by name, as a file, as a trace, or option by option.

A function of a scenario returns the words that ask for it again as well; :func:`run_words` has those for its runs.
"""

import argparse
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from simulations.cli.options.faults import FAULT, FAULTS, NETWORK, PROTOCOL, changed_network
from simulations.cli.options.jobs import ARRIVALS, HOLDING, HORIZON, JOBS, KEYS, NUMBER
from simulations.cli.options.option import Option, add_options, option_words, scenario_changes
from simulations.cli.options.pool import CRASH, POOL, SLOT_EXP
from simulations.cli.options.refusal import REFUSAL, changed_refusal
from simulations.cli.options.runs import CHECKS, HALF_WIDTH, REPLICATIONS, RUNS, SEED, STORE
from simulations.cli.options.trace import TRACE, TRACE_ONLY
from simulations.faults.network import Network
from simulations.scenarios.scenario import Scenario
from simulations.traces import TraceError
from simulations.traces.bundled import BUNDLED_MAX_SIZE, BUNDLED_SLOT_EXP, BUNDLED_TRACE
from simulations.workloads.refusals import Leave, Retry


BY_DEFAULT = Scenario(arrivals='poisson:6', holding='exp:1', max_size=5, slot_exp=600.0, jobs=10_000)
"""What the options change where no scenario is named."""

USERS = (*REFUSAL, CRASH)
"""Options of what the users of the pool do, apart from their jobs."""

_ANY_JOBS = (*POOL, *USERS, *FAULTS, *RUNS)
_LESSON_KEPT = {'seed', 'replications', 'half_width', 'on_refusal'}
# In the order of the words.
_DESCRIPTION = (ARRIVALS, HOLDING, NUMBER, HORIZON, KEYS, *POOL)


def _changes(
    options: Iterable[Option], given: Mapping[str, Any], network: Network | None, refusal: Leave | Retry
) -> dict[str, Any]:
    """Return the fields that the options set, where these are its network and its way with refused jobs so far."""
    changes = scenario_changes(options, given)
    if 'network' in changes:
        changes['network'] = changed_network(network, changes['network'])
    if 'on_refusal' in changes:
        changes['on_refusal'] = changed_refusal(refusal, changes['on_refusal'])
    return changes


def trace_scenario(options: argparse.Namespace, trace: Path | None) -> tuple[Scenario, list[str]]:
    """Return the scenario of this trace, by default the bundled one.

    Raises:
        ValueError: the trace cannot be read, or an option cannot be.
    """
    given: dict[str, Any] = vars(options)
    fields: dict[str, Any] = {
        'trace': trace or BUNDLED_TRACE,
        'max_size': BUNDLED_MAX_SIZE,
        'slot_exp': BUNDLED_SLOT_EXP,
    }
    try:
        scenario = Scenario(**fields | _changes((*TRACE, *_ANY_JOBS), given, None, Leave()))
        scenario.workload()
    except (TypeError, TraceError) as error:
        # Such as a column of what is no table.
        raise ValueError(str(error).replace('kind=...', '--kind ...')) from None
    values = given | {'max_size': scenario.max_size, 'slot_exp': scenario.slot_exp}
    return scenario, ([] if trace is None else [str(trace)]) + option_words((*TRACE, *POOL), values)


def made_up_scenario(options: argparse.Namespace) -> tuple[Scenario, list[str]]:
    """Return the scenario that is named, or one of jobs at random, as the options change it.

    Raises:
        ValueError: there is no such scenario, or an option cannot be.
    """
    given: dict[str, Any] = vars(options)
    base = BY_DEFAULT if options.scenario is None else Scenario.load(options.scenario)
    changes = _changes((*JOBS, *_ANY_JOBS), given, base.network, base.on_refusal)
    if options.scenario is None:
        scenario = base.replace(**changes)
        values = {option.name: getattr(scenario, option.field) for option in _DESCRIPTION}
        # Without an expiry is a choice as well; any other field that is None has no option.
        stated = [option for option in _DESCRIPTION if option is SLOT_EXP or values[option.name] is not None]
        return scenario, option_words(stated, values)
    if changes.keys() - _LESSON_KEPT:
        # What a scenario teaches is told of its own numbers.
        changes['lesson'] = ''
    return base.replace(**changes), [options.scenario, *option_words((*JOBS, *POOL), given)]


def add_scenario(parser: argparse.ArgumentParser) -> None:
    """Add a scenario or trace, and the options that change it, as :func:`any_scenario` reads them."""
    parser.add_argument(
        'scenario',
        nargs='?',
        metavar='SCENARIO',
        help='one of `pool-sim scenarios`, a TOML file, or a trace; without it Poisson arrivals by the options',
    )
    # Jobs and columns are both described by --holding.
    add_options(parser, (*JOBS, *TRACE_ONLY, *POOL, *USERS, SEED, REPLICATIONS))


def any_scenario(options: argparse.Namespace) -> tuple[Scenario, list[str]]:
    """Return the scenario that is named, that of a trace, or one of jobs at random.

    Raises:
        ValueError: it cannot be, or an option is for another kind of it.
    """
    name = options.scenario
    if name is not None and Path(name).suffix != '.toml' and Path(name).is_file():
        made_up = [option for option in JOBS if option is not HOLDING]
        _refuse(options, made_up, f'says how jobs are made up, and {name} is a trace')
        return trace_scenario(options, Path(name))
    _refuse(options, TRACE_ONLY, 'is for a trace: name its file')
    return made_up_scenario(options)


def _refuse(namespace: argparse.Namespace, options: Iterable[Option], reason: str) -> None:
    for option in options:
        if hasattr(namespace, option.name):
            raise ValueError(f'{option.flag} {reason}')


def run_words(options: argparse.Namespace, scenario: Scenario) -> list[str]:
    """Return the words for what all runs have: faults, refusals, crashes, seeds, store."""
    in_order = (*NETWORK, PROTOCOL, FAULT, *USERS, REPLICATIONS, HALF_WIDTH, STORE, SEED, *CHECKS)
    return option_words(in_order, vars(options) | {'seed': scenario.seed})
