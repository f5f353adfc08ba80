"""``pool-sim live``: a scenario in wall-clock time, with real processes and a real server."""

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


MOST_TOLD = 10
"""So many violations are told, and how many there are."""

_option = functools.partial(Option, group='how it is run')

PACE = (
    _option('--processes', read=int, metavar='N', help='workers (default: those of the scenario, or 4)'),
    _option('--threads', read=int, metavar='N', alternative='at once', help='of each process (default 8)'),
    _option(
        '--tasks', read=int, metavar='N', alternative='at once', help='of each process: asyncio in place of threads'
    ),
    _option('--seconds', read=float, help='for so long on the wall jobs arrive (default: all of them do)'),
    _option('--speed', read=float, metavar='FACTOR', help='so many times as fast as life (default 1)'),
)
SERVER = dataclasses.replace(
    STORE,
    help='memory (of one process), valkey (a server of its own), or the URL of a server (default %(default)s)',
)
CALLS = Option('--calls', read=Path, default=None, metavar='FILE', help='write what the workers asked and were told')


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command to its parser."""
    parser.add_argument(
        'scenario',
        nargs='?',
        metavar='SCENARIO',
        help='one of `pool-sim scenarios`, or a TOML file; options change it. Its faults really happen, but for clocks'
        ' and failover, which can only be simulated; restarts, pauses and flushes of the server want --store valkey',
    )
    add_options(parser, (*PACE, *JOBS, *POOL, *USERS, SEED, SERVER, CALLS, *OUTPUT))
    parser.set_defaults(do=_do, store=default_store())


def request(options: argparse.Namespace) -> tuple[Scenario, list[str]]:
    """Return the scenario that the options ask for, and the words that ask for it again."""
    scenario, words = made_up_scenario(options)
    return scenario, ['live', *words, *option_words(PACE, vars(options)), *run_words(options, scenario)]


def _do(options: argparse.Namespace) -> int:
    scenario, words = request(options)
    check_writable(options)
    pace = {option.name: getattr(options, option.name) for option in PACE if hasattr(options, option.name)}
    result = live(scenario, **pace, store=options.store, show=TerminalView())
    # The first is in the verdict.
    more = [str(violation) for violation in result.violations[1:MOST_TOLD]]
    if untold := len(result.violations[MOST_TOLD:]):
        more.append(f'and {untold:,} more')
    more.append(f'repeat it with: {shlex.join(["pool-sim", *words])}')
    return write_and_show(result, scenario, options, more, _pictures(result), _calls(result, options.calls))


def _calls(result: LiveResult, path: Path | None) -> Iterator[Path]:
    """Write the calls, if that was asked for; gives the file once it is written."""
    if path is not None:
        with named(path):
            write_calls(result.calls, path)
        yield path


def _pictures(result: LiveResult) -> list[Picture]:
    """Those that only a live run has."""
    pictures: list[Picture] = []
    if result.simulated is not None:
        pictures.append(('comparison.png', result.plot_comparison, (8, 4)))
    if len(result.measured.recoveries.took):
        pictures.append(('recovery.png', result.plot_recovery, (10, 4.5)))
    return pictures
