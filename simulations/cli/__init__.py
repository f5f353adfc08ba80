"""``pool-sim``: put a workload through a pool from the command line.

Exit status: 0 if every promise was kept, 1 if one was broken, 2 if what was asked for cannot be done,
130 if the run was interrupted, 143 if it was terminated, 129 if its terminal was closed, 141 if nobody
read the report to its end (the files are written first).
"""

import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from importlib.metadata import version

from simulations.cli.parser import CUT_OFF, IMPOSSIBLE, INTERRUPTED, Parser
from simulations.extras import missing


COMMANDS = {
    'replay': 'a recorded trace (by default the bundled one, a real cluster)',
    'run': 'a scenario by its name or file, or jobs at random',
    'live': 'a scenario in wall-clock time, with real processes and a real server',
    'scenarios': 'the scenarios that `run` knows by name',
    'sweep': 'a scenario at many points: sizes, expiries, loads, crash rates',
    'size': 'the smallest pool that refuses no more than you want',
    'explore': 'every interleaving of a few clients, with faults: the shortest schedule that goes wrong',
    'theory': "Erlang's formulas for one pool, without a run",
}
"""What each is for.  The module of that name in this package has ``configure(parser)``, which sets ``do``, the function
that runs it; it is loaded when the command is given."""

HANG_UP = (signal.SIGHUP,) if sys.platform != 'win32' else ()
_BY_SIGNAL = 128
"""A process that a signal ended has this and its number as exit status."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``pool-sim`` with these arguments, by default those of the process; returns the exit status."""
    with suppress(ValueError):  # not in the main thread
        for number in (signal.SIGTERM, *HANG_UP):
            # Whoever lets it be ignored, as nohup does, wants the run to go on.
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, lambda number, _: sys.exit(_BY_SIGNAL + number))
    given = list(sys.argv[1:] if arguments is None else arguments)
    # Without a command it shows what it is for.
    if not given or (given[0].startswith('-') and given[0] not in ('-h', '--help', '--version')):
        given.insert(0, 'replay')
    try:
        options = _parser(given[0]).parse_args(given)
        status: int = options.do(options)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # Whoever read the report has seen enough of it; the interpreter must not try once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CUT_OFF
    except ModuleNotFoundError as error:
        if (sentence := missing(error)) is None:
            raise
        print(f'pool-sim: {sentence}', file=sys.stderr)
        return IMPOSSIBLE
    except Exception as error:
        # Only now: what can go wrong is defined where it does, in packages that not every command loads.
        from simulations.cli.failures import explain

        return explain(error)
    except KeyboardInterrupt:
        print('pool-sim: interrupted', file=sys.stderr)
        return INTERRUPTED


def _parser(chosen: str) -> Parser:
    """Make the parser, with the options of the command that was chosen and no others."""
    parser = Parser(
        prog='pool-sim',
        description='Put a workload through a shared pool of slots in virtual time, and check every event.'
        ' Without a command: `pool-sim replay`.',
    )
    parser.add_argument('--version', action='version', version=f'pool-sim {version("py-cachify-lab")}')
    commands = parser.add_subparsers(dest='command', required=True, metavar='COMMAND', parser_class=Parser)
    for name, purpose in COMMANDS.items():
        command = commands.add_parser(name, help=purpose)
        if name == chosen:
            import_module(f'simulations.cli.{name}').configure(command)
    return parser
