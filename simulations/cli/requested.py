"""The scenario that someone asked for: by name, as a file, as a trace, or by options."""

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from simulations.cli.options import NOT_GIVEN, add_pool, add_runs, faulty, faulty_words, on_refusal, reads, words
from simulations.distributions import parse_holding
from simulations.scenarios.scenario import Scenario
from simulations.traces import TraceError
from simulations.traces.bundled import BUNDLED_MAX_SIZE, BUNDLED_SLOT_EXP, BUNDLED_TRACE
from simulations.traces.read import KINDS
from simulations.units import number
from simulations.workloads.arrivals import parse_arrivals
from simulations.workloads.keys import parse_keys


TRACE = ('kind', 'key', 'arrival', 'holding', 'end', 'unit', 'thin', 'time_scale')


def add_trace(parser: argparse.ArgumentParser, besides_jobs: bool = False) -> None:
    """How a trace is to be read; where jobs are described as well, what is named alike is one option."""
    parser.add_argument(
        '--kind', choices=list(KINDS), default=NOT_GIVEN, help='what the trace is (default: what it looks like)'
    )
    parser.add_argument(
        '--key', default=NOT_GIVEN, help='a pool for each user, queue (swf), app, func (azure) or value of a column'
    )
    for name, what in (
        ('arrival', 'column of the instant of arrival'),
        ('holding', 'column of the holding time'),
        ('end', 'column of the instant of the end'),
        ('unit', 'of the times in a table: s, ms, us, min, h, ... (default s)'),
    ):
        if not (besides_jobs and name == 'holding'):
            parser.add_argument(f'--{name}', default=NOT_GIVEN, help=f'{what} (tables only)')
    parser.add_argument('--thin', type=float, default=NOT_GIVEN, help='keep each job with this probability')
    parser.add_argument(
        '--time-scale', type=float, default=NOT_GIVEN, help='stretch the time between arrivals by so much'
    )


def trace_scenario(options: argparse.Namespace) -> tuple[Scenario, list[str]]:
    """The scenario that the options describe, and the words that ask for it again."""
    given: dict[str, Any] = vars(options)
    try:
        scenario = Scenario(
            trace=options.trace or BUNDLED_TRACE,
            trace_options={name: given[name] for name in TRACE if name in given},
            max_size=given.get('max_size', BUNDLED_MAX_SIZE),
            slot_exp=given.get('slot_exp', BUNDLED_SLOT_EXP),
            on_refusal=on_refusal(given, None),
            crash_probability=given.get('crash', 0.0),
            **faulty(given, None),
            seed=given.get('seed', 0),
            replications=given.get('replications', 1),
            half_width=given.get('half_width'),
        )
        scenario.workload()
    except (TypeError, TraceError) as error:
        # Such as a column of what is no table.
        raise ValueError(str(error).replace('kind=...', '--kind ...')) from None
    told = {name: given[name] for name in TRACE if name in given}
    told |= {'max_size': scenario.max_size, 'slot_exp': scenario.slot_exp}
    return scenario, ([] if options.trace is None else [str(options.trace)]) + words(told)


def run_words(options: argparse.Namespace, scenario: Scenario) -> list[str]:
    """Words for what all runs have: refusals, crashes, seeds, store."""
    given = vars(options)
    names = ('retry', 'back_off', 'longest_pause', 'jitter', 'tries', 'crash', 'replications', 'half_width')
    told = {name: given[name] for name in names if name in given}
    told |= {'store': options.store, 'seed': scenario.seed}
    told |= {name: given.get(name, False) for name in ('audit', 'twice')}
    return faulty_words(given) + words(told)


BY_DEFAULT = Scenario(arrivals='poisson:6', holding='exp:1', max_size=5, slot_exp=600.0, jobs=10_000)
"""Where no scenario is named and nothing else is said."""


_PLAIN = ('arrivals', 'holding', 'keys', 'max_size', 'slot_exp', 'seed', 'replications', 'half_width')


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
