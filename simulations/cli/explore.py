"""``pool-sim explore``: search every interleaving of a few clients for one that goes wrong."""

import argparse
import json
import re
import shlex
import sys
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from simulations.cli.options.option import Option, add_options, option_words, reader
from simulations.cli.options.output import check_folder, folder_option, json_option
from simulations.cli.parser import BROKEN, KEPT, UNDECIDED
from simulations.exploring import LIMITS, SUBJECTS, Failure, Schedule, explore, replay_schedule, subject
from simulations.exploring.explore import MOST_STATES
from simulations.exploring.moves import KINDS, known_kind
from simulations.exploring.outside import is_outside
from simulations.exploring.worlds import World, fakeredis_world, server_world
from simulations.stores.embedded import EmbeddedServerError, embedded_server
from simulations.stores.store import URL_SCHEMES, StoreError, without_password


PACKAGE = Path(__file__).parents[1]
BOUNDED = 'redis-wait-bounded'
SCRIPTED = tuple(name for name in (*SUBJECTS, *LIMITS) if name.split('-')[0] == 'redis' and name != BOUNDED)
"""The protocols that run on the store given by ``--store``; one has scripts of its own."""


def _kinds(text: str) -> tuple[str, ...]:
    return tuple(known_kind(kind.strip()) for kind in text.split(','))


def _life(text: str) -> int | None:
    if text.lower() == 'none':
        return None
    try:
        return int(text)
    except ValueError:
        raise ValueError(f'slot_exp must be a whole number of seconds, or none, not {text!r}') from None


SCOPE = (
    *(
        Option(flag, read=int, metavar='N', help=f'{content} (default: depends on the protocol)')
        for flag, content in (
            ('--clients', 'use N clients'),
            ('--max-size', 'give the pool N slots'),
            ('--rounds', 'let each client acquire and release N times'),
            ('--faults', 'allow up to N faults in one schedule'),
            ('--between', 'let time stop between two expiries up to N times in one schedule'),
            ('--timeouts', 'let up to N waiters give up in one schedule, because their time is up'),
            ('--renewals', 'let each client renew its slot N times before it releases it'),
            ('--silences', 'let waiters miss their turn up to N times in one schedule'),
        )
    ),
    Option(
        '--kinds',
        read=reader(_kinds),
        write=','.join,
        metavar='A,B',
        help=f'allow these kinds of faults: {", ".join(KINDS)} (default: depends on the protocol)',
    ),
    Option(
        '--slot-exp',
        read=reader(_life),
        metavar='SECONDS',
        help='let slots expire after this whole number of seconds; with "none", never (default: depends on the'
        ' protocol)',
    ),
)
EXHAUSTIVE = Option('--exhaustive', switch=True, alternative='search', help='search every schedule (the default)')
RANDOM = (
    Option(
        '--schedules',
        default=None,
        read=int,
        metavar='N',
        alternative='search',
        help='search N random schedules instead',
    ),
    Option('--seed', default=0, read=int, help='seed the random schedules (default %(default)s)'),
)
LIMIT = Option(
    '--most-states',
    default=None,
    read=int,
    metavar='N',
    help=f'stop an exhaustive search after N states (default {MOST_STATES:,})',
)
STORE = Option(
    '--store',
    default=None,
    write=without_password,
    help='for a protocol whose name begins with redis, run the scripts on fakeredis (default), valkey (an embedded'
    ' server), or the empty database of the server at a URL',
)
REPLAY = Option(
    '--replay',
    default=None,
    read=Path,
    metavar='FILE',
    help='replay a saved schedule; on PROTOCOL, if it is given, without the moves that it does not make',
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command to its parser."""
    parser.add_argument(
        'protocol',
        nargs='?',
        metavar='PROTOCOL',
        help=f'what to search: {", ".join(SUBJECTS)}; or a known limit, which the search reports like a broken promise:'
        f' {", ".join(LIMITS)}; or a protocol of your own, as MODULE:NAME',
    )
    folder = folder_option('the schedule, test and picture of a violation')
    add_options(parser, (*SCOPE, EXHAUSTIVE, LIMIT, *RANDOM, STORE, REPLAY, folder, json_option('the findings')))
    parser.set_defaults(do=_do)


def request(options: argparse.Namespace) -> list[str]:
    """Return the command-line words that repeat the search."""
    search = RANDOM if options.schedules is not None else [LIMIT] * (options.most_states is not None)
    store = [STORE] if options.store is not None else []
    return ['explore', options.protocol, *option_words((*SCOPE, *search, *store), vars(options))]


def _do(options: argparse.Namespace) -> int:
    out = sys.stderr if options.json == '-' else sys.stdout
    check_folder(options.out)
    if options.replay is not None:
        return _replay(options)
    if options.protocol is None:
        known_names = ', '.join([*SUBJECTS, *LIMITS])
        raise ValueError(f'name the protocol to explore: {known_names}, or your own as MODULE:NAME')
    if options.schedules is not None and options.most_states is not None:
        raise ValueError('--most-states applies to an exhaustive search: omit it, or omit --schedules')
    known = subject(options.protocol)
    given: dict[str, Any] = {each.name: getattr(options, each.name) for each in SCOPE if hasattr(options, each.name)}
    scope = known.scope._replace(**given)
    if {'faults', 'between'} & given.keys():
        # The limit of both together belongs to the default numbers.
        scope = scope._replace(together=None)
    with _world(options, known.name) as world, _errors_of(known.name):
        found = explore(
            known,
            scope,
            schedules=options.schedules,
            seed=options.seed,
            world=world,
            most_states=MOST_STATES if options.most_states is None else options.most_states,
            progress=True,
        )
    _write_json(json.dumps(found.to_json(), indent=2), options)
    print(found, file=out)
    print(f'  repeat it with: {shlex.join(["pool-sim", *request(options)])}', file=out)
    if found.violation is None:
        return KEPT if found.complete else UNDECIDED
    for path in _save(found.violation, options.out):
        print(f'  wrote {path}', file=out)
    return BROKEN


def _replay(options: argparse.Namespace) -> int:
    schedule = Schedule.load(options.replay)
    if options.protocol is not None:
        # Such as the mended protocol, under another name.
        schedule = schedule._replace(protocol=options.protocol)
    with _world(options, schedule.protocol) as world, _errors_of(schedule.protocol):
        failure = replay_schedule(schedule, world, strict=options.protocol is None)
    found = {'schedule': schedule.to_json(), 'violation': None if failure is None else failure.reason}
    _write_json(json.dumps(found, indent=2), options)
    out = sys.stderr if options.json == '-' else sys.stdout
    if failure is None:
        print(f'{schedule.protocol}: nothing goes wrong in this schedule', file=out)
        return KEPT
    print(f'{schedule.protocol} goes wrong:\n{failure}', file=out)
    return BROKEN


@contextmanager
def _errors_of(protocol: str) -> Iterator[None]:
    """Show the traceback of an error in a protocol of the user's own."""
    try:
        yield
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1].filename
        about_the_request = isinstance(error, ValueError) and Path(place).is_relative_to(PACKAGE)
        if about_the_request or not is_outside(protocol):
            raise
        traceback.print_exc()
        raise ValueError(f'{protocol} raised {type(error).__name__} during the search: {error}') from None


@contextmanager
def _world(options: argparse.Namespace, protocol: str) -> Iterator[World | None]:
    if options.store is None:
        yield None
    elif protocol not in SCRIPTED:
        raise ValueError(
            f'--store applies to protocols whose names begin with redis, but {protocol} has its own store: omit it'
        )
    elif options.store == 'fakeredis':
        yield fakeredis_world()
    elif options.store == 'valkey':
        with ExitStack() as stack:
            try:
                socket = stack.enter_context(embedded_server())
            except EmbeddedServerError as error:
                raise StoreError(str(error)) from None
            yield server_world(f'unix://{socket}')
    elif options.store.startswith(URL_SCHEMES):
        yield server_world(options.store)
    else:
        raise ValueError(
            f'the store {options.store!r} cannot be explored: choose fakeredis, valkey or the URL of a server'
        )


def _write_json(text: str, options: argparse.Namespace) -> None:
    if options.json == '-':
        print(text)
    elif options.json is not None:
        Path(options.json).write_text(text + '\n', encoding='utf-8')


def _save(failure: Failure, folder: Path) -> list[Path]:
    """Write the schedule, a test that replays it, and its picture; return the paths."""
    from matplotlib.figure import Figure

    name = re.sub(r'\W', '_', failure.schedule.protocol)
    schedule, test, picture = folder / f'{name}.json', folder / f'test_{name}.py', folder / f'{name}.png'
    failure.schedule.save(schedule)
    test.write_text(failure.to_test(name), encoding='utf-8')
    width, height = 2.6 * (failure.schedule.clients + 1) + 1.5, 1.8 + 0.5 * len(failure.story)
    figure = Figure(figsize=(width, height), layout='constrained')
    failure.plot(figure.add_subplot())
    figure.savefig(picture, dpi=120)
    return [schedule, test, picture]
