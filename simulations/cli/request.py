"""The scenario that the options describe: by name, from a file, from a trace, or option by option.

A function that returns a scenario also returns the command-line words that repeat it;
:func:`run_words` adds the words for its runs.
"""

import argparse
import dataclasses
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from simulations.cli.options.faults import FAULT, FAULTS, NETWORK, PROTOCOL, changed_network
from simulations.cli.options.jobs import ARRIVALS, HOLDING, HORIZON, JOBS, KEYS, NUMBER
from simulations.cli.options.option import Option, add_options, option_words, scenario_changes
from simulations.cli.options.pool import CRASH, MAX_SIZE, POOL, RENEW_FOR, SLOT_EXP, WAIT
from simulations.cli.options.refusal import REFUSAL, changed_refusal
from simulations.cli.options.runs import CHECKS, HALF_WIDTH, REPLICATIONS, RUNS, SEED, STORE
from simulations.cli.options.trace import TRACE, TRACE_ONLY
from simulations.faults.network import Network
from simulations.results.recorded import lives_words
from simulations.scenarios.scenario import Scenario
from simulations.sizing.pools import recorded_pools
from simulations.traces import TraceError
from simulations.traces.bundled import BUNDLED_MAX_SIZE, BUNDLED_SLOT_EXP, BUNDLED_TRACE
from simulations.traces.recorded import together
from simulations.units import duration
from simulations.workloads.refusals import Leave, Retry


BY_DEFAULT = Scenario(arrivals='poisson:6', holding='exp:1', max_size=5, slot_exp=600.0, jobs=10_000)
"""The scenario that the options change if none is named."""

USERS = (*REFUSAL, CRASH)
"""Options for what the users of the pool do, apart from their jobs."""

_ANY_JOBS = (*POOL, *USERS, *FAULTS, *RUNS)
_LESSON_KEPT = {'seed', 'replications', 'half_width', 'on_refusal'}
# In the order of the command-line words.
_DESCRIPTION = (ARRIVALS, HOLDING, NUMBER, HORIZON, KEYS, *POOL)


def _changes(
    options: Iterable[Option], given: Mapping[str, Any], network: Network | None, refusal: Leave | Retry
) -> dict[str, Any]:
    """Return the fields that the options set, given the network and refusal rule so far."""
    changes = scenario_changes(options, given)
    if 'network' in changes:
        changes['network'] = changed_network(network, changes['network'])
    if 'on_refusal' in changes:
        changes['on_refusal'] = changed_refusal(refusal, changes['on_refusal'])
    return changes


def trace_scenario(
    options: argparse.Namespace, trace: Path | None, omit: Collection[Option] = ()
) -> tuple[Scenario, list[str]]:
    """Return the scenario of a trace, by default the bundled one.

    The size of the pool and the life of its slots are taken from a recording, if it has only one.

    Raises:
        ValueError: the trace cannot be read, or an option does not fit it.
    """
    given: dict[str, Any] = vars(options)
    fields: dict[str, Any] = {
        'trace': trace or BUNDLED_TRACE,
        'max_size': BUNDLED_MAX_SIZE,
        # An expiry that suits the bundled trace says nothing about another one.
        'slot_exp': BUNDLED_SLOT_EXP if trace is None else None,
    }
    try:
        scenario = Scenario(**fields | _changes((*TRACE, *_ANY_JOBS), given, None, Leave()))
        scenario = as_recorded(options, scenario)
    except (TypeError, TraceError) as error:
        # Such as a column option for a trace that is not a table.
        raise ValueError(_as_options(error)) from None
    except ValueError as error:
        if trace is None:
            raise
        raise ValueError(_as_options(error)) from None
    values = given | {'max_size': scenario.max_size, 'slot_exp': scenario.slot_exp}
    return scenario, ([] if trace is None else [str(trace)]) + option_words(_without(omit, (*TRACE, *POOL)), values)


def _without(omit: Collection[Option], options: Iterable[Option]) -> list[Option]:
    names = {option.name for option in omit}
    return [option for option in options if option.name not in names]


def _as_options(error: Exception) -> str:
    """Return the message of an error, with options in place of arguments."""
    return str(error).replace('kind=...', '--kind ...').replace('key=...', '--key ...')


def as_recorded(options: argparse.Namespace, scenario: Scenario) -> Scenario:
    """Return the scenario with what all of its recorded attempts say, unless an option says it."""
    pools = recorded_pools(scenario)
    if not pools:
        scenario.workload()
        return scenario
    facts = together(pools.values())
    changes: dict[str, Any] = {}
    if len(facts.max_sizes) == 1 and not hasattr(options, MAX_SIZE.name):
        changes[MAX_SIZE.field] = next(iter(facts.max_sizes))
    if len(facts.slot_exps) == 1 and not hasattr(options, SLOT_EXP.name):
        changes[SLOT_EXP.field] = next(iter(facts.slot_exps))
    return scenario.replace(**changes)


def made_up_scenario(options: argparse.Namespace, omit: Collection[Option] = ()) -> tuple[Scenario, list[str]]:
    """Return the named scenario, or one of random jobs, changed by the options.

    Raises:
        ValueError: there is no such scenario, or an option does not fit it.
    """
    given: dict[str, Any] = vars(options)
    base = BY_DEFAULT if options.scenario is None else Scenario.load(options.scenario)
    changes = _changes((*JOBS, *_ANY_JOBS), given, base.network, base.on_refusal)
    if options.scenario is None:
        scenario = base.replace(**changes)
        values = {option.name: getattr(scenario, option.field) for option in _DESCRIPTION}
        # None is a choice for these three; any other field that is None has no option.
        conditions = scenario.conditions()
        chosen = {SLOT_EXP.name} | ({RENEW_FOR.name} if conditions.renewed else set())
        chosen |= {WAIT.name} if conditions.waits else set()
        stated = [
            option
            for option in _DESCRIPTION
            if option.name in chosen or (values[option.name] is not None and option not in (RENEW_FOR, WAIT))
        ]
        return scenario, option_words(_without(omit, stated), values)
    if changes.keys() - _LESSON_KEPT:
        # The lesson of a scenario is about its own numbers.
        changes['lesson'] = ''
    return base.replace(**changes), [options.scenario, *option_words(_without(omit, (*JOBS, *POOL)), given)]


def add_scenario(
    parser: argparse.ArgumentParser, pool: Iterable[Option] = POOL, runs: Iterable[Option] = (SEED, REPLICATIONS)
) -> None:
    """Add the arguments that :func:`any_scenario` reads: a scenario or trace, and the options.

    ``pool`` are the options for the pool, and ``runs`` those for seeds and runs, with the help that
    fits the command.
    """
    parser.add_argument(
        'scenario',
        nargs='?',
        metavar='SCENARIO',
        help='the name of a scenario (`pool-sim scenarios` lists them), or the path of a TOML file or of a trace'
        ' (default: Poisson arrivals); options override its values',
    )
    # With a trace, --holding names a column.
    holding = dataclasses.replace(HOLDING, help=f'{HOLDING.help}; for a table, read them from this column')
    jobs = [holding if option is HOLDING else option for option in JOBS]
    add_options(parser, (*jobs, *TRACE_ONLY, *pool, *USERS, *runs))


def any_scenario(options: argparse.Namespace, omit: Collection[Option] = ()) -> tuple[Scenario, list[str]]:
    """Return the named scenario, the scenario of a trace, or one of random jobs.

    The words that repeat it ``omit`` options that have no effect on the command.

    Raises:
        ValueError: there is no such scenario, or an option belongs to another kind of scenario.
    """
    name = options.scenario
    if name is not None and Path(name).suffix != '.toml' and Path(name).is_file():
        generated = [option for option in JOBS if option is not HOLDING]
        _refuse(options, generated, f'describes generated jobs, but {name} is a trace: omit the option')
        return trace_scenario(options, Path(name), omit)
    _refuse(options, TRACE_ONLY, 'applies to a trace: name the file of the trace')
    return made_up_scenario(options, omit)


def assumed_expiry(options: argparse.Namespace, scenario: Scenario) -> str | None:
    """Return a line on the expiry that was assumed, or ``None`` if it was given."""
    named = options.scenario is not None and scenario.trace is None
    if named or hasattr(options, SLOT_EXP.name):
        return None
    life = 'never expire' if scenario.slot_exp is None else f'expire after {duration(scenario.slot_exp)}'
    pools = recorded_pools(scenario).values()
    lives = together(pools).slot_exps
    if len(lives) == 1:
        return f'assumed: slots {life} as recorded'
    several = f'the recording has several slot_exp ({lives_words(pools)}) and ' if lives else ''
    return f'assumed: slots {life}, because {several}{SLOT_EXP.flag} was not given'


def _refuse(namespace: argparse.Namespace, options: Iterable[Option], reason: str) -> None:
    for option in options:
        if hasattr(namespace, option.name):
            raise ValueError(f'{option.flag} {reason}')


def run_words(options: argparse.Namespace, scenario: Scenario) -> list[str]:
    """Return the words that set what all runs have: faults, refusals, crashes, seeds, store."""
    in_order = (*NETWORK, PROTOCOL, FAULT, *USERS, REPLICATIONS, HALF_WIDTH, STORE, SEED, *CHECKS)
    return option_words(in_order, vars(options) | {'seed': scenario.seed})
