"""``pool-sim``: put a workload through a pool from the command line.

Exit status: 0 if every promise was kept, 1 if one was broken, 2 if what was asked for cannot be done,
130 if the run was interrupted, 143 if it was terminated, 141 if nobody read the report to its end (the
files are written first).
"""

import argparse
import json
import os
import shlex
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

from py_cachify.arguments import check_expiration, check_max_size
from simulations.bundled import BUNDLED_MAX_SIZE, BUNDLED_SLOT_EXP, BUNDLED_TRACE
from simulations.checks import InvariantError
from simulations.engine import replay
from simulations.holding import Holding, number, parse_holding
from simulations.results import Result
from simulations.stores import STORES, StoreError, default_store, without_password
from simulations.theory_report import theory_figures, theory_text
from simulations.traces import TraceError, read_trace
from simulations.traces.read import KINDS
from simulations.workloads import Poisson, Workload


KEPT, BROKEN, IMPOSSIBLE, INTERRUPTED, CUT_OFF, TERMINATED = 0, 1, 2, 130, 141, 143


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(IMPOSSIBLE, f'pool-sim: {message}\n')


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``pool-sim`` with these arguments, by default those of the process; returns the exit status."""
    with suppress(ValueError):  # not in the main thread
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    given = list(sys.argv[1:] if arguments is None else arguments)
    # Without a command it shows what it is for.
    if not given or (given[0].startswith('-') and given[0] not in ('-h', '--help', '--version')):
        given.insert(0, 'replay')
    try:
        options = _parser().parse_args(given)
        status = _theory(options) if options.command == 'theory' else _run(options)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # Whoever read the report has seen enough of it; the interpreter must not try once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CUT_OFF
    except (StoreError, ValueError, OSError) as error:
        print(f'pool-sim: {error}', file=sys.stderr)
        return IMPOSSIBLE
    except KeyboardInterrupt:
        print('pool-sim: interrupted', file=sys.stderr)
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog='pool-sim',
        description='Put a workload through a shared pool of slots in virtual time, and check every event.'
        ' Without a command: `pool-sim replay`.',
    )
    parser.add_argument('--version', action='version', version=f'pool-sim {version("py-cachify-lab")}')
    commands = parser.add_subparsers(dest='command', required=True, metavar='COMMAND', parser_class=_Parser)

    recorded = commands.add_parser('replay', help='a recorded trace (by default the bundled one, a real cluster)')
    recorded.add_argument(
        'trace',
        nargs='?',
        type=Path,
        help='a log in the Standard Workload Format, invocations of Azure Functions, or a CSV table; plain or gzip',
        metavar='TRACE',
    )
    recorded.add_argument('--kind', choices=list(KINDS), help='what the trace is (default: what it looks like)')
    recorded.add_argument('--key', help='a pool for each user, queue (swf), app, func (azure) or value of a column')
    for name, what in (
        ('arrival', 'column of the instant of arrival'),
        ('holding', 'column of the holding time'),
        ('end', 'column of the instant of the end'),
        ('unit', 'of the times in a table: s, ms, us, min, h, ... (default s)'),
    ):
        recorded.add_argument(f'--{name}', help=f'{what} (tables only)')
    recorded.add_argument('--thin', type=float, default=1.0, help='keep each job with this probability')
    recorded.add_argument('--time-scale', type=float, default=1.0, help='stretch the time between arrivals by so much')
    _add_common(recorded, max_size=BUNDLED_MAX_SIZE, slot_exp=BUNDLED_SLOT_EXP)

    synthetic = commands.add_parser('run', help='Poisson arrivals')
    synthetic.add_argument('--rate', type=float, default=6.0, help='arrivals a second (default %(default)s)')
    synthetic.add_argument(
        '--holding',
        type=_reads(parse_holding),
        default=parse_holding('exp:1'),
        help='holding time in seconds: exp:MEAN, const:X, uniform:A:B or lognormal:MU:SIGMA (default %(default)s)',
    )
    until = synthetic.add_mutually_exclusive_group()
    until.add_argument('--jobs', type=int, help='how many jobs (default 10000)')
    until.add_argument('--horizon', type=float, help='let jobs arrive for so many seconds instead')
    _add_common(synthetic, max_size=5, slot_exp=600.0)

    formulas = commands.add_parser('theory', help="Erlang's formulas for one pool, without a run")
    formulas.add_argument('--max-size', type=_reads(_max_size), required=True, help='slots of the pool')
    formulas.add_argument('--load', type=float, required=True, help='offered load in erlangs')
    formulas.add_argument('--target', type=float, help='also tell the smallest pool that refuses at most this share')
    formulas.add_argument('--json', metavar='FILE', help='write the figures; - for standard output')
    return parser


def _add_common(parser: argparse.ArgumentParser, max_size: int, slot_exp: float) -> None:
    parser.add_argument(
        '--max-size', type=_reads(_max_size), default=max_size, help='slots of the pool (default %(default)s)'
    )
    parser.add_argument(
        '--slot-exp',
        type=_reads(_slot_exp),
        default=slot_exp,
        metavar='SECONDS',
        help=f'life of a slot in seconds, or none (default {number(slot_exp)})',
    )
    parser.add_argument('--store', default=default_store(), help=f'{STORES} (default %(default)s)')
    parser.add_argument('--seed', type=int, default=0, help='of all that is random (default %(default)s)')
    parser.add_argument('--audit', action='store_true', help='ask the store for its size after every event as well')
    parser.add_argument(
        '--out',
        type=Path,
        default=Path('pool-sim-results'),
        metavar='FOLDER',
        help='where the pictures go (default %(default)s)',
    )
    parser.add_argument('--csv', type=Path, metavar='FILE', help='write the history, event by event')
    parser.add_argument('--json', metavar='FILE', help='write the figures; - for standard output')


def _reads(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """``read``, with its complaint as the message instead of "invalid value"."""

    def convert(text: str) -> Any:
        try:
            return read(text)
        except (TypeError, ValueError) as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return convert


def _max_size(text: str) -> int:
    try:
        size = int(text)
    except ValueError:
        raise ValueError(f'max_size must be a whole number, not {text!r}') from None
    check_max_size(size)
    return size


def _slot_exp(text: str) -> float | None:
    if text.lower() == 'none':
        return None
    try:
        seconds = float(text)
    except ValueError:
        raise ValueError(f'slot_exp must be a number of seconds, or none, not {text!r}') from None
    check_expiration('slot_exp', seconds)
    return seconds


def _theory(options: argparse.Namespace) -> int:
    figures = theory_figures(options.max_size, options.load, options.target)
    if options.json == '-':
        print(json.dumps(figures, indent=2))
        return KEPT
    print(theory_text(figures))
    if options.json is not None:
        Path(options.json).write_text(json.dumps(figures, indent=2) + '\n', encoding='utf-8')
        print(f'  wrote {options.json}')
    return KEPT


def _run(options: argparse.Namespace) -> int:
    # With figures on standard output, nothing else may stand there.
    out = sys.stderr if options.json == '-' else sys.stdout
    workload, words = _workload(options)
    repeat = shlex.join(['pool-sim', *words, *_common_words(options)])
    _check_writable(options)
    try:
        result = replay(
            workload,
            max_size=options.max_size,
            slot_exp=options.slot_exp,
            store=options.store,
            audit=options.audit,
            progress=True,
        )
    except InvariantError as violated:
        result = violated.result
        print(violated, file=sys.stderr)
    written = _write(result, options)
    if options.json == '-':
        print(json.dumps(_figures(result, options), indent=2))
    print(result, file=out)
    print(f'  repeat it with: {repeat}', file=out)
    for path in written:
        print(f'  wrote {path}', file=out)
    return BROKEN if result.violations else KEPT


def _workload(options: argparse.Namespace) -> tuple[Workload, list[str]]:
    """The workload that was asked for, and the words that ask for it again."""
    if options.command == 'replay':
        words = ['replay', *([] if options.trace is None else [str(options.trace)])]
        columns = {name: getattr(options, name) for name in ('key', 'arrival', 'holding', 'end', 'unit')}
        columns = {name: value for name, value in columns.items() if value is not None}
        for name, value in ([] if options.kind is None else [('kind', options.kind)]) + list(columns.items()):
            words += [f'--{name}', value]
        for name in ('thin', 'time_scale'):
            if getattr(options, name) != 1.0:
                words += [f'--{name.replace("_", "-")}', number(getattr(options, name))]
        try:
            trace = read_trace(
                options.trace or BUNDLED_TRACE,
                options.kind,
                thin=options.thin,
                seed=options.seed,
                time_scale=options.time_scale,
                **columns,
            )
        except (TypeError, TraceError) as error:
            # Such as a column of what is no table.
            raise ValueError(str(error).replace('kind=...', '--kind ...')) from None
        return trace, words
    jobs = 10_000 if options.jobs is None and options.horizon is None else options.jobs
    holding: Holding = options.holding
    workload = Poisson(options.rate, holding, jobs=jobs, horizon=options.horizon, seed=options.seed)
    words = ['run', '--rate', number(options.rate), '--holding', str(holding)]
    words += ['--horizon', number(options.horizon)] if jobs is None else ['--jobs', str(jobs)]
    return workload, words


def _common_words(options: argparse.Namespace) -> list[str]:
    words = ['--max-size', str(options.max_size)]
    words += ['--slot-exp', 'none' if options.slot_exp is None else number(options.slot_exp)]
    words += ['--store', without_password(options.store), '--seed', str(options.seed)]
    return words + (['--audit'] if options.audit else [])


def _check_writable(options: argparse.Namespace) -> None:
    """Refuse before the run what could not be written after it."""
    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f'cannot write to the folder {options.out}: {error.strerror}') from None
    files = [options.csv, None if options.json in (None, '-') else Path(options.json)]
    for path in files:
        if path is not None and not (path.parent.is_dir() and os.access(path.parent, os.W_OK)):
            raise ValueError(f'cannot write the file {path}: {path.parent} is not a folder that one can write to')
    if options.csv == Path('-'):
        raise ValueError('--csv - is not possible: name a file')


def _figures(result: Result, options: argparse.Namespace) -> dict[str, Any]:
    return {'seed': options.seed, **result.to_json()}


def _write(result: Result, options: argparse.Namespace) -> list[Path]:
    """Write the pictures and what else was asked for; returns the files."""
    from matplotlib.figure import Figure

    written = []
    for name, draw, size in (
        ('occupancy.png', result.plot_occupancy, (10, 4.5)),
        ('slots.png', result.plot_slots, (10, 6)),
    ):
        figure = Figure(figsize=size, layout='constrained')
        draw(figure.add_subplot())
        figure.savefig(options.out / name, dpi=150)
        written.append(options.out / name)
    if options.csv is not None:
        result.history.to_csv(options.csv)
        written.append(options.csv)
    if options.json not in (None, '-'):
        path = Path(options.json)
        path.write_text(json.dumps(_figures(result, options), indent=2) + '\n', encoding='utf-8')
        written.append(path)
    return written
