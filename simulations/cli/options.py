"""What the commands have in common: how options are read, and which ones there are."""

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from py_cachify.arguments import check_expiration, check_max_size
from simulations.distributions import Constant, Holding, parse_holding
from simulations.faults import KINDS, parse_fault
from simulations.faults.network import Network
from simulations.stores.protocols import PROTOCOLS
from simulations.stores.store import STORES, default_store, without_password
from simulations.units import number
from simulations.workloads.refusals import Leave, Retry


RETRY = ('retry', 'back_off', 'longest_pause', 'jitter', 'tries')


def reads(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """``read``, with its complaint as the message instead of "invalid value"."""

    def convert(text: str) -> Any:
        try:
            return read(text)
        except (TypeError, ValueError) as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return convert


def max_size(text: str) -> int:
    """Slots of a pool, as the library takes them."""
    try:
        size = int(text)
    except ValueError:
        raise ValueError(f'max_size must be a whole number, not {text!r}') from None
    check_max_size(size)
    return size


def slot_exp(text: str) -> float | None:
    """The life of a slot in seconds, as the library takes it; ``none`` for ever."""
    if text.lower() == 'none':
        return None
    try:
        seconds = float(text)
    except ValueError:
        raise ValueError(f'slot_exp must be a number of seconds, or none, not {text!r}') from None
    check_expiration('slot_exp', seconds)
    return seconds


# What is not given is not among the options, as a scenario may say it.
NOT_GIVEN: Any = argparse.SUPPRESS


def add_pool(parser: argparse.ArgumentParser) -> None:
    """The pool, and what its users do."""
    parser.add_argument('--max-size', type=reads(max_size), default=NOT_GIVEN, help='slots of the pool')
    parser.add_argument(
        '--slot-exp',
        type=reads(slot_exp),
        default=NOT_GIVEN,
        metavar='SECONDS',
        help='life of a slot in seconds, or none',
    )
    refused = parser.add_argument_group('refused jobs leave, or try again')
    refused.add_argument(
        '--retry', default=NOT_GIVEN, metavar='PAUSE', help='after a pause in seconds, such as exp:1; none: they leave'
    )
    refused.add_argument(
        '--back-off', type=float, default=NOT_GIVEN, metavar='FACTOR', help='each pause is so many times the one before'
    )
    refused.add_argument(
        '--longest-pause', type=float, default=NOT_GIVEN, metavar='SECONDS', help='but no longer than this'
    )
    refused.add_argument(
        '--jitter', type=float, default=NOT_GIVEN, metavar='SHARE', help='shorten each by a random part of up to this'
    )
    refused.add_argument('--tries', type=int, default=NOT_GIVEN, metavar='N', help='give up after so many attempts')
    parser.add_argument(
        '--crash', type=float, default=NOT_GIVEN, metavar='SHARE', help='the share of holders that never release'
    )


FAULTY = ('latency', 'timeout', 'driver_retries', 'fault', 'protocol')


def _seconds_or_law(text: str) -> Holding:
    if ':' in text:
        return parse_holding(text)
    try:
        return Constant(float(text))
    except ValueError:
        raise ValueError(
            f'latency must be seconds such as 0.002, or a distribution such as exp:0.002, got {text!r}'
        ) from None


def add_faults(parser: argparse.ArgumentParser) -> None:
    """Workers, their network, and what goes wrong."""
    group = parser.add_argument_group('commands take time, and things go wrong')
    group.add_argument(
        '--workers',
        # A sweep has workers of its own.
        dest='job_workers',
        type=int,
        default=NOT_GIVEN,
        metavar='N',
        help='processes that the jobs run in (default 1)',
    )
    group.add_argument(
        '--latency',
        type=reads(_seconds_or_law),
        default=NOT_GIVEN,
        metavar='SECONDS',
        help='of a request, and of a reply, such as exp:0.002',
    )
    group.add_argument(
        '--timeout', type=float, default=NOT_GIVEN, metavar='SECONDS', help='after which a worker waits no longer'
    )
    group.add_argument(
        '--driver-retries', type=int, default=NOT_GIVEN, metavar='N', help='how often its driver then asks again'
    )
    group.add_argument(
        '--fault',
        action='append',
        type=reads(parse_fault),
        default=NOT_GIVEN,
        metavar="'KIND name=value ...'",
        help=f'such as "pause at=20 lasting=15" or "crash every=exp:60 workers=one"; kinds: {", ".join(KINDS)}',
    )
    group.add_argument(
        '--protocol',
        choices=PROTOCOLS,
        default=NOT_GIVEN,
        metavar='NAME',
        help=f"how slots are taken, in memory, in place of the store's way: {', '.join(PROTOCOLS)}",
    )


def faulty(given: dict[str, Any], so_far: Network | None) -> dict[str, Any]:
    """The fields of a scenario that these options give."""
    own = {'job_workers': 'workers', 'protocol': 'protocol'}
    changes: dict[str, Any] = {own[name]: given[name] for name in own if name in given}
    if 'fault' in given:
        changes['faults'] = given['fault']
    names = {'latency': 'latency', 'timeout': 'timeout', 'driver_retries': 'retries'}
    said = {names[name]: given[name] for name in names if name in given}
    if said:
        base = (
            {}
            if so_far is None
            else {name: getattr(so_far, name) for name in ('latency', 'timeout', 'retries', 'pause')}
        )
        changes['network'] = Network(**base | said)
    return changes


def faulty_words(given: dict[str, Any]) -> list[str]:
    """The words that give these options again."""
    said = words({'workers': given['job_workers']} if 'job_workers' in given else {})
    said += words({name: given[name] for name in FAULTY if name in given and name != 'fault'})
    return said + [word for fault in given.get('fault', ()) for word in ('--fault', str(fault))]


def add_runs(parser: argparse.ArgumentParser, half_width: bool = True) -> None:
    """Seeds and independent runs."""
    parser.add_argument('--seed', type=int, default=NOT_GIVEN, help='of all that is random')
    how_many = parser.add_mutually_exclusive_group()
    how_many.add_argument('--replications', type=int, default=NOT_GIVEN, metavar='N', help='so many independent runs')
    if half_width:
        how_many.add_argument(
            '--half-width',
            type=float,
            default=NOT_GIVEN,
            metavar='SHARE',
            help='make independent runs until the share of refused jobs is known to within this, such as 0.002',
        )


def add_store(parser: argparse.ArgumentParser, audit: bool = True) -> None:
    """Where the pool is kept, and how far it is trusted."""
    # Many runs are quicker in memory, and give the same.
    parser.add_argument(
        '--store', default=default_store() if audit else 'memory', help=f'{STORES} (default %(default)s)'
    )
    if audit:
        parser.add_argument('--audit', action='store_true', help='ask the store for its size after every event as well')
        parser.add_argument(
            '--twice', action='store_true', help='do it a second time with the same seed, and compare event by event'
        )


def add_folder(parser: argparse.ArgumentParser, what: str) -> None:
    """The folder for what is written anyway."""
    parser.add_argument(
        '--out',
        type=Path,
        default=Path('pool-sim-results'),
        metavar='FOLDER',
        help=f'where {what} go (default %(default)s)',
    )


def add_output(parser: argparse.ArgumentParser) -> None:
    """Where results go."""
    add_folder(parser, 'the pictures')
    parser.add_argument('--csv', type=Path, metavar='FILE', help='write the history, event by event')
    parser.add_argument('--json', metavar='FILE', help='write the figures; - for standard output')


def check_folder(folder: Path) -> None:
    """Make the folder, or refuse it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f'cannot write to the folder {folder}: {error.strerror}') from None


def check_writable(options: argparse.Namespace) -> None:
    """Refuse before the run what could not be written after it."""
    check_folder(options.out)
    given = {name: getattr(options, name, None) for name in ('csv', 'json', 'save', 'calls')}
    files = {name: Path(path) for name, path in given.items() if path is not None and str(path) != '-'}
    for path in files.values():
        if path.is_dir() or not path.name:
            raise ValueError(f'cannot write the file {str(path)!r}: it is a folder')
        if not (path.parent.is_dir() and os.access(path.parent, os.W_OK)):
            raise ValueError(f'cannot write the file {path}: {path.parent} is not a folder that one can write to')
    if len({path.resolve() for path in files.values()}) < len(files):
        raise ValueError(f'--{" and --".join(files)} name one file: the second would overwrite the first')
    if given['csv'] == Path('-'):
        raise ValueError('--csv - is not possible: name a file')


def on_refusal(given: dict[str, Any], so_far: Leave | Retry | None) -> Leave | Retry:
    """What a refused job does, by the options that were given."""
    said = {name: given[name] for name in RETRY if name in given}
    pause = said.pop('retry', None)
    if pause is not None and pause.lower() == 'none':
        so_far = pause = None
    if not said and pause is None:
        return so_far or Leave()
    names = {'back_off': 'factor', 'longest_pause': 'longest', 'jitter': 'jitter', 'tries': 'tries'}
    changes = {names[name]: value for name, value in said.items()}
    if pause is not None:
        changes['pause'] = parse_holding(pause)
    if isinstance(so_far, Retry):
        kept = {name: getattr(so_far, name) for name in names.values()}
        changes = {'pause': so_far.pauses, **kept} | changes
    if 'pause' not in changes:
        option = '--' + next(iter(said)).replace('_', '-')
        raise ValueError(f'{option} is for jobs that try again: give --retry PAUSE as well, such as --retry exp:1')
    return Retry(**changes)


def words(given: dict[str, Any]) -> list[str]:
    """The words that give these options again."""
    said = []
    for name, value in given.items():
        option = f'--{name.replace("_", "-")}'
        if isinstance(value, bool):
            said += [option] if value else []
        elif name == 'store':
            said += [option, without_password(value)]
        else:
            said += [option, 'none' if value is None else number(value) if isinstance(value, float) else str(value)]
    return said
