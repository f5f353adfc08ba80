"""``pool-sim live``: run a scenario in wall-clock time, with real processes and a real server."""

import argparse
import dataclasses
import functools
import shlex
from collections.abc import Iterator
from pathlib import Path

from simulations.cli.options.jobs import JOBS
from simulations.cli.options.option import Option, add_options, option_words
from simulations.cli.options.output import OUTPUT, check_writable
from simulations.cli.options.pool import POOL
from simulations.cli.options.runs import SEED, STORE
from simulations.cli.output import Picture, named, write_and_show
from simulations.cli.request import USERS, made_up_scenario, run_words
from simulations.judging import write_calls
from simulations.live import LiveResult, TerminalView, live
from simulations.scenarios.scenario import Scenario
from simulations.stores.store import default_store


MOST_LISTED = 10
"""How many violations the report lists; it only counts the rest."""

_option = functools.partial(Option, group='workers and pace')

PACE = (
    _option(
        '--processes',
        read=int,
        metavar='N',
        help='start N worker processes (default: as many as the scenario says, or 4)',
    ),
    _option(
        '--threads', read=int, metavar='N', alternative='at once', help='run N threads in each process (default 8)'
    ),
    _option(
        '--tasks',
        read=int,
        metavar='N',
        alternative='at once',
        help='run N asyncio tasks in each process instead of threads',
    ),
    _option(
        '--seconds',
        read=float,
        help='stop the arrivals after SECONDS of wall-clock time (default: when all jobs have arrived)',
    ),
    _option('--speed', read=float, metavar='FACTOR', help='run FACTOR times as fast as real time (default 1)'),
)
SERVER = dataclasses.replace(
    STORE,
    help='keep the pool in memory (one process only), valkey (a private server), or the server at a URL'
    ' (default %(default)s)',
)
CALLS = Option(
    '--calls', read=Path, default=None, metavar='FILE', help='write the calls of the workers and their outcomes to FILE'
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command to its parser."""
    parser.add_argument(
        'scenario',
        nargs='?',
        metavar='SCENARIO',
        help='the name of a scenario (`pool-sim scenarios` lists them), or the path of a TOML file (default: Poisson'
        ' arrivals); options override its values. Its faults really happen. Clock jumps and failovers are refused,'
        ' because they can only be simulated; restarts, pauses and flushes of the server need --store valkey',
    )
    add_options(parser, (*PACE, *JOBS, *POOL, *USERS, SEED, SERVER, CALLS, *OUTPUT))
    parser.set_defaults(do=_do, store=default_store())


def request(options: argparse.Namespace) -> tuple[Scenario, list[str]]:
    """Return the scenario that the options describe, and the words that repeat the command."""
    scenario, words = made_up_scenario(options)
    return scenario, ['live', *words, *option_words(PACE, vars(options)), *run_words(options, scenario)]


def _do(options: argparse.Namespace) -> int:
    scenario, words = request(options)
    check_writable(options)
    pace = {option.name: getattr(options, option.name) for option in PACE if hasattr(options, option.name)}
    result = live(scenario, **pace, store=options.store, show=TerminalView())
    # The verdict reports the first.
    more = [str(violation) for violation in result.violations[1:MOST_LISTED]]
    if rest := len(result.violations[MOST_LISTED:]):
        more.append(f'and {rest:,} more')
    more.append(f'repeat it with: {shlex.join(["pool-sim", *words])}')
    return write_and_show(result, scenario, options, more, _pictures(result), _calls(result, options.calls))


def _calls(result: LiveResult, path: Path | None) -> Iterator[Path]:
    """Write the calls if ``path`` is given; yield the path once the file is written."""
    if path is not None:
        with named(path):
            write_calls(result.calls, path)
        yield path


def _pictures(result: LiveResult) -> list[Picture]:
    """Return the pictures that only a live run has."""
    pictures: list[Picture] = []
    if result.simulated is not None:
        pictures.append(('comparison.png', result.plot_comparison, (8, 4)))
    if len(result.measured.recoveries.took):
        pictures.append(('recovery.png', result.plot_recovery, (10, 4.5)))
    return pictures
