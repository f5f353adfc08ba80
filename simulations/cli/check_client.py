"""``pool-sim check-client``: check whether your own client keeps the plain contract."""

import argparse
import json
import shlex
import sys
from pathlib import Path

from simulations.checking.check import PATIENCE, PROCESSES, ROUNDS, SECONDS, THREADS, check_client
from simulations.checking.factory import load
from simulations.cli.options.option import Option, add_options, option_words
from simulations.cli.options.output import check_file, json_option
from simulations.cli.parser import BROKEN, IMPOSSIBLE, KEPT


OPTIONS = (
    Option(
        '--threads',
        read=int,
        default=THREADS,
        metavar='N',
        help='let N threads, or N tasks of an asynchronous client, share the client in a race (default %(default)s)',
    ),
    Option(
        '--processes',
        read=int,
        default=PROCESSES,
        metavar='N',
        help='let N processes race, each with its own client; 0 leaves out the clauses about processes'
        ' (default %(default)s)',
    ),
    Option('--rounds', read=int, default=ROUNDS, metavar='N', help='run N rounds of each race (default %(default)s)'),
    Option(
        '--seconds',
        read=float,
        default=SECONDS,
        metavar='SECONDS',
        help='begin no further rounds after SECONDS of racing (default %(default)g)',
    ),
    Option(
        '--patience',
        read=float,
        default=PATIENCE,
        metavar='SECONDS',
        help='report a call that does not return within SECONDS (default %(default)g)',
    ),
    Option(
        '--allow-errors',
        switch=True,
        help='let calls raise, for a client whose store fails on purpose; such a call may have happened or not',
    ),
    Option('--seed', read=int, default=0, help='seed the random calls and rounds (default %(default)s)'),
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command to its parser."""
    parser.add_argument(
        'factory',
        metavar='MODULE:NAME',
        help='a function without arguments that makes a client, such as my_module:make_client;'
        ' the module is found as by import, and in the working directory',
    )
    add_options(parser, (*OPTIONS, json_option('the findings')))
    parser.set_defaults(do=_do)


def _do(options: argparse.Namespace) -> int:
    out = sys.stderr if options.json == '-' else sys.stdout
    check_file('json', options.json)
    outcome = check_client(
        load(options.factory),
        threads=options.threads,
        processes=options.processes,
        rounds=options.rounds,
        seconds=options.seconds,
        patience=options.patience,
        allow_errors=options.allow_errors,
        seed=options.seed,
        progress=True,
    )
    if outcome.problem:
        raise ValueError(outcome.problem)
    text = json.dumps(outcome.to_json(), indent=2)
    if options.json == '-':
        print(text)
    elif options.json is not None:
        Path(options.json).write_text(text + '\n', encoding='utf-8')
    print(outcome, file=out)
    given = vars(options)
    chosen = [option for option in OPTIONS if given[option.name] != (False if option.switch else option.default)]
    words = ['pool-sim', 'check-client', options.factory, *option_words(chosen, given)]
    print(f'  repeat it with: {shlex.join(words)}', file=out)
    if outcome.failures:
        return BROKEN
    return KEPT if outcome.holds else IMPOSSIBLE
