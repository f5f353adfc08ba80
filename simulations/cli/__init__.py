"""``pool-sim``: put a workload through a pool from the command line.

Exit status: 0 if every promise was kept, 1 if one was broken, 2 if the request cannot be carried
out, 3 if it was carried out but the answer is open, 130 if the run was interrupted, 143 if it was
terminated, 129 if its terminal was closed, 141 if the reader of the report closed the pipe before
its end (the files are written first).
"""

import os
import signal
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.metadata import version
from typing import TextIO

from simulations.cli.parser import CUT_OFF, IMPOSSIBLE, INTERRUPTED, Parser
from simulations.extras import missing


COMMANDS = {
    'replay': 'replay a recorded trace (by default the bundled one, from a real cluster)',
    'run': 'run a scenario, by name or from a file, or random jobs',
    'live': 'run a scenario in wall-clock time, with real processes and a real server',
    'scenarios': 'list the scenarios that `run` knows by name',
    'sweep': 'run a scenario at many points: sizes, expiries, loads, crash rates',
    'compare': 'run two designs on the same jobs, and show the difference of each figure with its interval',
    'size': 'find the smallest pool that refuses less than a target share of the jobs',
    'explore': 'search every interleaving of a few clients, with faults, for the shortest schedule that goes wrong',
    'check-client': 'check whether a client of your own keeps the contract that pools need',
    'theory': "evaluate Erlang's formulas for one pool, without a run",
}
"""The purpose of each command.

The module of the same name in this package, with `_` for `-`, is loaded when the command is given.
Its ``configure(parser)`` sets ``do``, the function that runs the command.
"""

HANG_UP = (signal.SIGHUP,) if sys.platform != 'win32' else ()
_BY_SIGNAL = 128
"""Added to the number of the signal that ended a process, this is its exit status."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``pool-sim`` and return its exit status; ``arguments`` default to ``sys.argv[1:]``."""
    with suppress(ValueError):  # not in the main thread
        for number in (signal.SIGTERM, *HANG_UP):
            # If the caller ignores the signal, as nohup does, the run must continue.
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, lambda number, _: sys.exit(_BY_SIGNAL + number))
    given = list(sys.argv[1:] if arguments is None else arguments)
    # Without a command, replay the bundled trace.
    if not given or (given[0].startswith('-') and given[0] not in ('-h', '--help', '--version')):
        given.insert(0, 'replay')
    try:
        options = _parser(given[0]).parse_args(given)
        with _warnings_in_a_line():
            status: int = options.do(options)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # The reader closed the pipe; the interpreter must not flush to it again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CUT_OFF
    except ModuleNotFoundError as error:
        if (sentence := missing(error)) is None:
            raise
        print(f'pool-sim: {sentence}', file=sys.stderr)
        return IMPOSSIBLE
    except Exception as error:
        # Imported late: the errors are defined in packages that not every command loads.
        from simulations.cli.failures import explain

        return explain(error)
    except KeyboardInterrupt:
        print('pool-sim: interrupted', file=sys.stderr)
        return INTERRUPTED


@contextmanager
def _warnings_in_a_line() -> Iterator[None]:
    """Print each warning about the request once, in one line without its place in the code."""
    shown: set[str] = set()

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if category is not UserWarning:
            usual(message, category, filename, lineno, file, line)
        elif str(message) not in shown:
            shown.add(str(message))
            print(f'pool-sim: warning: {message}', file=sys.stderr)

    with warnings.catch_warnings():
        usual = warnings.showwarning
        warnings.showwarning = show
        warnings.simplefilter('always', UserWarning)
        yield


def _parser(chosen: str) -> Parser:
    """Return the parser, with the options of the chosen command only."""
    parser = Parser(
        prog='pool-sim',
        description='Put a workload through a shared pool of slots in virtual time, and check every event.'
        ' Without a command, run `pool-sim replay`.',
    )
    parser.add_argument('--version', action='version', version=f'pool-sim {version("py-cachify-lab")}')
    commands = parser.add_subparsers(dest='command', required=True, metavar='COMMAND', parser_class=Parser)
    for name, purpose in COMMANDS.items():
        command = commands.add_parser(name, help=purpose)
        if name == chosen:
            import_module(f'simulations.cli.{name.replace("-", "_")}').configure(command)
    return parser
