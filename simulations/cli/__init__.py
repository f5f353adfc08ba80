"""``pool-sim``: put a workload through a pool from the command line.

Exit status: 0 if every promise was kept, 1 if one was broken, 2 if what was asked for cannot be done,
130 if the run was interrupted, 143 if it was terminated, 129 if its terminal was closed, 141 if nobody
read the report to its end (the files are written first).
"""

import os
import signal
import sys
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor
from contextlib import suppress
from importlib.metadata import version

from simulations.cli import explore, live, replay, run, scenarios, size, sweep, theory
from simulations.cli.options import BROKEN, CUT_OFF, IMPOSSIBLE, INTERRUPTED, Parser
from simulations.live import LiveError
from simulations.results.violated import InvariantError
from simulations.stores.store import StoreError


COMMANDS = (replay, run, live, scenarios, sweep, size, explore, theory)
"""Each has ``add(commands)``, which makes its parser, and sets ``do``, which runs it."""


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
        options = _parser().parse_args(given)
        status: int = options.do(options)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # Whoever read the report has seen enough of it; the interpreter must not try once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CUT_OFF
    except InvariantError as violated:
        print(violated, file=sys.stderr)
        return BROKEN
    except (StoreError, LiveError, ValueError, OSError, BrokenExecutor) as error:
        told = '; '.join([str(error), *getattr(error, '__notes__', ())])
        print(f'pool-sim: {told}', file=sys.stderr)
        return IMPOSSIBLE
    except KeyboardInterrupt:
        print('pool-sim: interrupted', file=sys.stderr)
        return INTERRUPTED


def _parser() -> Parser:
    parser = Parser(
        prog='pool-sim',
        description='Put a workload through a shared pool of slots in virtual time, and check every event.'
        ' Without a command: `pool-sim replay`.',
    )
    parser.add_argument('--version', action='version', version=f'pool-sim {version("py-cachify-lab")}')
    commands = parser.add_subparsers(dest='command', required=True, metavar='COMMAND', parser_class=Parser)
    for command in COMMANDS:
        command.add(commands)
    return parser
