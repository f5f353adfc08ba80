"""``pool-sim run``: a scenario by its name or file, or jobs at random."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulations.arrivals import parse_arrivals
from simulations.cli.options import (
    NOT_GIVEN,
    add_faults,
    add_output,
    add_pool,
    add_runs,
    add_store,
    faulty,
    on_refusal,
    reads,
    words,
)
from simulations.cli.output import run_and_report
from simulations.cli.replay import run_words
from simulations.holding import number, parse_holding
from simulations.keys import parse_keys
from simulations.scenario import Scenario


if TYPE_CHECKING:
    from simulations.cli.options import Commands

BY_DEFAULT = Scenario(arrivals='poisson:6', holding='exp:1', max_size=5, slot_exp=600.0, jobs=10_000)
"""Where no scenario is named and nothing else is said."""

_PLAIN = ('arrivals', 'holding', 'keys', 'max_size', 'slot_exp', 'seed', 'replications', 'half_width')


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


def add_jobs(parser: argparse.ArgumentParser) -> None:
    """Which jobs come."""
    arrivals = parser.add_mutually_exclusive_group()
    arrivals.add_argument(
        '--rate', type=float, default=NOT_GIVEN, help='Poisson arrivals, so many a second (default 6)'
    )
    arrivals.add_argument(
        '--arrivals',
        type=reads(parse_arrivals),
        default=NOT_GIVEN,
        help='poisson:RATE, periodic:INTERVAL, bursty:RATE:SECONDS:RATE:SECONDS, varying:PERIOD:RATE:RATE:...,'
        ' clients:NUMBER:THINKING, trace:FILE',
    )
    parser.add_argument(
        '--holding',
        default=NOT_GIVEN,
        help='holding time in seconds: exp:MEAN, const:X, uniform:A:B, lognormal:MU:SIGMA, pareto:SHAPE:MIN,'
        ' values:A:B:..., file:FILE, trace:FILE, or a mixture such as mix:0.9*exp:1+0.1*const:30 (default exp:1)',
    )
    parser.add_argument(
        '--keys', type=reads(parse_keys), default=NOT_GIVEN, help='many pools: zipf:POOLS or zipf:POOLS:EXPONENT'
    )
    until = parser.add_mutually_exclusive_group()
    until.add_argument('--jobs', type=int, default=NOT_GIVEN, help='how many jobs (default 10000)')
    until.add_argument('--horizon', type=float, default=NOT_GIVEN, help='let jobs arrive for so many seconds instead')


def made_up_scenario(options: argparse.Namespace) -> tuple[Scenario, list[str]]:
    """The scenario that the options describe, and the words that ask for it again."""
    given: dict[str, Any] = vars(options)
    base = BY_DEFAULT if options.scenario is None else Scenario.load(options.scenario)
    changes: dict[str, Any] = {name: given[name] for name in _PLAIN if name in given}
    if 'holding' in changes:
        changes['holding'] = parse_holding(changes['holding'])
    if 'rate' in given:
        changes['arrivals'] = parse_arrivals(f'poisson:{number(given["rate"])}')
    if base.trace is not None and 'arrivals' in changes:
        changes['trace'], changes['trace_options'] = None, {}
    if 'jobs' in given:
        changes |= {'jobs': given['jobs'], 'horizon': None}
    elif 'horizon' in given:
        changes |= {'horizon': given['horizon'], 'jobs': None}
    if 'crash' in given:
        changes['crash_probability'] = given['crash']
    changes |= faulty(given, base.network)
    changes['on_refusal'] = on_refusal(given, base.on_refusal)
    if options.scenario is not None and changes.keys() - {'seed', 'replications', 'half_width', 'on_refusal'}:
        # What a scenario teaches is told of its own numbers.
        changes['lesson'] = ''
    scenario = base.replace(**changes)
    if options.scenario is None:
        end: dict[str, Any] = {'jobs': scenario.jobs} if scenario.horizon is None else {'horizon': scenario.horizon}
        told: dict[str, Any] = {'arrivals': scenario.arrivals, 'holding': scenario.holding} | end
        told |= {'keys': scenario.keys} if scenario.keys else {}
        told |= {'max_size': scenario.max_size, 'slot_exp': scenario.slot_exp}
        return scenario, words(told)
    names = ('rate', 'arrivals', 'holding', 'keys', 'jobs', 'horizon', 'max_size', 'slot_exp')
    return scenario, [options.scenario, *words({name: given[name] for name in names if name in given})]


def _do(options: argparse.Namespace) -> int:
    scenario, said = made_up_scenario(options)
    if options.save is not None:
        scenario.replace(title=scenario.title or scenario.workload().name).save(options.save)
    return run_and_report(scenario, options, ['run', *said, *run_words(options, scenario)])
