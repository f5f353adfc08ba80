"""``pool-sim replay``: a recorded trace."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulations.bundled import BUNDLED_MAX_SIZE, BUNDLED_SLOT_EXP, BUNDLED_TRACE
from simulations.cli.options import (
    NOT_GIVEN,
    add_faults,
    add_output,
    add_pool,
    add_runs,
    add_store,
    faulty,
    faulty_words,
    on_refusal,
    words,
)
from simulations.cli.output import run_and_report
from simulations.scenario import Scenario
from simulations.traces import TraceError
from simulations.traces.read import KINDS


if TYPE_CHECKING:
    from simulations.cli.options import Commands

TRACE = ('kind', 'key', 'arrival', 'holding', 'end', 'unit', 'thin', 'time_scale')


def add(commands: 'Commands') -> None:
    """Make the parser of this command."""
    recorded = commands.add_parser('replay', help='a recorded trace (by default the bundled one, a real cluster)')
    recorded.add_argument(
        'trace',
        nargs='?',
        type=Path,
        help='a log in the Standard Workload Format, invocations of Azure Functions, or a CSV table; plain or gzip',
        metavar='TRACE',
    )
    add_trace(recorded)
    add_pool(recorded)
    add_faults(recorded)
    add_runs(recorded)
    add_store(recorded)
    add_output(recorded)
    recorded.set_defaults(do=_do)


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


def _do(options: argparse.Namespace) -> int:
    scenario, said = trace_scenario(options)
    return run_and_report(scenario, options, ['replay', *said, *run_words(options, scenario)])


def run_words(options: argparse.Namespace, scenario: Scenario) -> list[str]:
    """Words for what all runs have: refusals, crashes, seeds, store."""
    given = vars(options)
    names = ('retry', 'back_off', 'longest_pause', 'jitter', 'tries', 'crash', 'replications', 'half_width')
    told = {name: given[name] for name in names if name in given}
    told |= {'store': options.store, 'seed': scenario.seed}
    told |= {name: given.get(name, False) for name in ('audit', 'twice')}
    return faulty_words(given) + words(told)
