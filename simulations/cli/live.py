"""``pool-sim live``: a scenario in wall-clock time, with real processes and a real server."""

import argparse
import shlex
from collections.abc import Iterator
from pathlib import Path

from simulations.cli.options import NOT_GIVEN, add_output, add_pool, check_writable, words
from simulations.cli.output import Picture, named, write_and_show
from simulations.cli.requested import add_jobs, made_up_scenario, run_words
from simulations.judging import write_calls
from simulations.live import LiveResult, TerminalView, live
from simulations.stores.store import default_store


MOST_TOLD = 10
"""So many violations are told, and how many there are."""
_OWN = ('processes', 'threads', 'tasks', 'seconds', 'speed')


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command to its parser."""
    parser.add_argument(
        'scenario',
        nargs='?',
        metavar='SCENARIO',
        help='one of `pool-sim scenarios`, or a TOML file; options change it. Its faults really happen, but for clocks'
        ' and failover, which can only be simulated; restarts, pauses and flushes of the server want --store valkey',
    )
    how = parser.add_argument_group('how it is run')
    how.add_argument(
        '--processes', type=int, default=NOT_GIVEN, metavar='N', help='workers (default: those of the scenario, or 4)'
    )
    at_once = how.add_mutually_exclusive_group()
    at_once.add_argument('--threads', type=int, default=NOT_GIVEN, metavar='N', help='of each process (default 8)')
    at_once.add_argument(
        '--tasks', type=int, default=NOT_GIVEN, metavar='N', help='of each process: asyncio in place of threads'
    )
    how.add_argument(
        '--seconds', type=float, default=NOT_GIVEN, help='for so long on the wall jobs arrive (default: all of them do)'
    )
    how.add_argument(
        '--speed', type=float, default=NOT_GIVEN, metavar='FACTOR', help='so many times as fast as life (default 1)'
    )
    add_jobs(parser)
    add_pool(parser)
    parser.add_argument('--seed', type=int, default=NOT_GIVEN, help='of all that is random')
    parser.add_argument(
        '--store',
        default=default_store(),
        help='memory (of one process), valkey (a server of its own), or the URL of a server (default %(default)s)',
    )
    parser.add_argument('--calls', type=Path, metavar='FILE', help='write what the workers asked and were told')
    add_output(parser)
    parser.set_defaults(do=_do)


def _do(options: argparse.Namespace) -> int:
    scenario, said = made_up_scenario(options)
    check_writable(options)
    own = {name: getattr(options, name) for name in _OWN if hasattr(options, name)}
    result = live(scenario, **own, store=options.store, show=TerminalView())
    again = ['pool-sim', 'live', *said, *words(own), *run_words(options, scenario)]
    # The first is in the verdict.
    more = [str(violation) for violation in result.violations[1:MOST_TOLD]]
    if untold := len(result.violations[MOST_TOLD:]):
        more.append(f'and {untold:,} more')
    more.append(f'repeat it with: {shlex.join(again)}')
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
