"""``pool-ctl``: its options and its exit status, which are as for ``pool-sim``.

Exit status: 0 if it was done and nothing is wrong, 1 if ``doctor`` found something or ``free``
freed nothing, 2 if the request cannot be carried out, 3 if ``doctor`` found nothing but could not
look at everything, 130 if it was interrupted, 143 if it was terminated, 129 if its terminal was
closed, 141 if the reader of a pipe closed it.
"""

import argparse
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NoReturn

from py_cachify.arguments import check_key, check_prefix
from py_cachify.ctl import commands
from py_cachify.ctl.servers import DEFAULT_URL, CtlError
from py_cachify.ctl.statuses import CUT_OFF, IMPOSSIBLE, INTERRUPTED


class Parser(argparse.ArgumentParser):
    """A parser that reports an error in one line and exits with status 2."""

    def error(self, message: str) -> NoReturn:
        self.exit(IMPOSSIBLE, f'pool-ctl: {message}\n')


HANG_UP = (signal.SIGHUP,) if sys.platform != 'win32' else ()
_BY_SIGNAL = 128
"""Added to the number of the signal that ended a process, this is its exit status."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``pool-ctl`` and return its exit status; ``arguments`` default to ``sys.argv[1:]``."""
    with suppress(ValueError):  # not in the main thread
        for number in (signal.SIGTERM, *HANG_UP):
            # If the caller ignores the signal, as nohup does, the run must continue.
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, lambda number, _: sys.exit(_BY_SIGNAL + number))
    if sys.stderr is None:
        # It was closed, as by `2>&-`; print() would take standard output instead.
        sys.stderr = Path(os.devnull).open('w', encoding='utf-8')  # noqa: SIM115
    options = _parser().parse_args(arguments)
    if sys.stdout is None:
        return _refuse('standard output is closed: redirect it to a file, a pipe or /dev/null')
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError):
            stream.reconfigure(errors='backslashreplace')  # type: ignore[union-attr]
    try:
        status: int = options.do(options)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # The reader closed the pipe; the interpreter must not flush to it again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CUT_OFF
    except CtlError as error:
        return _refuse(str(error))
    except KeyboardInterrupt:
        if options.command != 'watch':
            # For `watch` it is the usual end.
            print('pool-ctl: interrupted', file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        sentence = commands.explain(error)
        if sentence is None:
            # An error of pool-ctl itself must not have the status of a finding.
            traceback.print_exc()
            return IMPOSSIBLE
        return _refuse(sentence)


def _refuse(sentence: str) -> int:
    print(f'pool-ctl: {sentence}', file=sys.stderr)
    return IMPOSSIBLE


def _parser() -> Parser:
    parser = Parser(
        prog='pool-ctl',
        description='See the pools of a Redis or Valkey server from outside, and free a slot that no process will.',
    )
    parser.add_argument('--version', action='version', version=f'pool-ctl {_version()}')
    _add_common(parser, None, 'PYC-')
    names = parser.add_subparsers(dest='command', required=True, metavar='COMMAND', parser_class=Parser)

    def add(name: str, purpose: str) -> Parser:
        command: Parser = names.add_parser(name, help=purpose, description=f'{purpose[0].upper()}{purpose[1:]}.')
        _add_common(command)
        command.set_defaults(do=getattr(commands, f'do_{name}'))
        return command

    add('list', 'list the pools: taken slots, max_size, queue, and who has held a slot longest')
    show = add('show', 'show who holds the slots of a pool, and who waits, in order')
    show.add_argument('key', type=_key, metavar='KEY', help='the key of the pool, without the prefix')
    watching = add('watch', 'draw the pools again and again, the fullest first, or one pool')
    watching.add_argument('key', type=_key, metavar='KEY', nargs='?', help='only this pool (default: all)')
    watching.add_argument(
        '--interval', type=_interval, default=2.0, metavar='SECONDS', help='read every SECONDS (default 2)'
    )
    watching.add_argument('--times', type=_times, metavar='N', help='end after N readings (default: never)')
    free = add('free', 'free a slot; ask first')
    free.add_argument('key', type=_key, metavar='KEY', help='the key of the pool, without the prefix')
    free.add_argument('token', metavar='TOKEN', help='the token of the slot, or its id as `show` has it')
    free.add_argument('--yes', action='store_true', help='do not ask')
    doctor = add('doctor', 'say what is wrong with the server, its users and its pools, and what to do')
    doctor.add_argument(
        '--user', type=_key, metavar='NAME', help='check the permissions of this user (default: your own)'
    )
    doctor.add_argument(
        '--for',
        dest='seconds',
        type=_following,
        default=2.0,
        metavar='SECONDS',
        help='follow short slots for SECONDS, to see those that come near their expiry (default 2)',
    )
    return parser


def _add_common(parser: Parser, url: str | None = argparse.SUPPRESS, prefix: str = argparse.SUPPRESS) -> None:
    """Add the options that stand before or after the command; only the first has defaults."""
    absent = argparse.SUPPRESS if url == argparse.SUPPRESS else False
    parser.add_argument(
        '--url',
        default=url,
        metavar='URL',
        help=f'the server, as redis://user:password@host:6379/0 (default: the variable REDIS_URL, or {DEFAULT_URL})',
    )
    parser.add_argument(
        '--prefix', type=_prefix, default=prefix, help='the prefix of the pools, as in init_cachify() (default PYC-)'
    )
    parser.add_argument(
        '--cluster', action='store_true', default=absent, help='the server is a node of a cluster (default: ask it)'
    )
    parser.add_argument('--json', action='store_true', default=absent, help='print JSON')


def _prefix(text: str) -> str:
    try:
        return check_prefix(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _key(text: str) -> str:
    try:
        return check_key(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _interval(text: str) -> float:
    seconds = _number(text)
    if not 0.1 <= seconds <= 86400:
        raise argparse.ArgumentTypeError(f'must be a number of seconds from 0.1 to 86400, not {text}')
    return seconds


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f'must be a number of seconds, not {text!r}') from None


def _following(text: str) -> float:
    seconds = _number(text)
    if not 0 <= seconds <= 86400:
        raise argparse.ArgumentTypeError(f'must be a number of seconds from 0 to 86400, not {text}')
    return seconds


def _times(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f'must be at least 1, not {text}')
    return number


def _version() -> str:
    try:
        return version('py-cachify-lab')
    except PackageNotFoundError:
        return 'of a checkout'
