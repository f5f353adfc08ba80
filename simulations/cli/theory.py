"""``pool-sim theory``: evaluate the formulas of queueing theory, without a run."""

import argparse
import dataclasses
import json
from pathlib import Path

from simulations.cli.options.option import Option, add_options
from simulations.cli.options.output import json_option
from simulations.cli.options.pool import MAX_SIZE, MAX_WAITING, WAIT
from simulations.cli.parser import KEPT
from simulations.theory.report import theory_figures, theory_text


FORMULAS = (
    dataclasses.replace(MAX_SIZE, default=None, help='evaluate a pool of this many slots'),
    Option(
        '--load',
        required=True,
        read=float,
        metavar='ERLANGS',
        help='offered load: arrivals a second times the mean holding time in seconds; inf with --max-size only',
    ),
    Option(
        '--target',
        default=None,
        read=float,
        metavar='SHARE',
        help='find the smallest pool that refuses at most SHARE of the jobs, if no job queues',
    ),
    dataclasses.replace(
        WAIT,
        default=0.0,
        help='tell the figures of a queue in which jobs wait for SECONDS at most; with "none", for as long as it takes;'
        ' with a distribution such as exp:5, for a time drawn for each job; holding times are exponential',
    ),
    dataclasses.replace(MAX_WAITING, default=None),
    Option(
        '--longer-than',
        default=[],
        read=float,
        repeatable=True,
        metavar='SECONDS',
        help='tell which share of the jobs waits longer than SECONDS; may be given several times',
    ),
    Option(
        '--holding-mean',
        default=None,
        read=float,
        metavar='SECONDS',
        help='the mean holding time, for the figures of a queue (default: all times are in mean holding times)',
    ),
    json_option('the figures'),
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command to its parser."""
    add_options(parser, FORMULAS)
    parser.set_defaults(do=_do)


def _do(options: argparse.Namespace) -> int:
    figures = theory_figures(
        options.max_size,
        options.load,
        options.target,
        wait=options.wait,
        max_waiting=options.max_waiting,
        longer_than=options.longer_than,
        holding_mean=options.holding_mean,
    )
    if options.json == '-':
        print(json.dumps(figures, indent=2))
        return KEPT
    print(theory_text(figures))
    if options.json is not None:
        Path(options.json).write_text(json.dumps(figures, indent=2) + '\n', encoding='utf-8')
        print(f'  wrote {options.json}')
    return KEPT
