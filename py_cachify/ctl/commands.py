"""What each command of ``pool-ctl`` does: read, and print in the form that was asked for."""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from typing import TYPE_CHECKING, Any

from py_cachify.ctl import documents, plain
from py_cachify.ctl.freeing import NoSlotError, consequences, find_slot, free
from py_cachify.ctl.reading import read_pool, read_pools
from py_cachify.ctl.servers import DEFAULT_URL, CtlError, Server, connect, needs, read_url
from py_cachify.ctl.statuses import FINE, FOUND, UNCHECKED
from py_cachify.ctl.texts import absence, duration, instant, safe
from py_cachify.ctl.values import Pool, Summary, fullest_first, summarize
from py_cachify.ctl.watching import View, watch


if TYPE_CHECKING:
    from rich.console import Console


def do_list(options: argparse.Namespace) -> int:
    """List the pools."""
    with closing(_connect(options)) as server:
        summaries = _summaries(server, options.prefix)
        if options.json:
            print(documents.dump(documents.list_document(summaries, _where(server, options))))
        elif _is_piped():
            _print_lines(plain.list_lines(summaries))
        else:
            from py_cachify.ctl.screens import list_screen

            console = _console()
            console.print(list_screen(summaries, _title(server, options), console.width, utf=_utf(console)))
    return FINE


def do_show(options: argparse.Namespace) -> int:
    """Show one pool."""
    with closing(_connect(options)) as server:
        pool = read_pool(server, options.prefix, options.key)
        if options.json:
            print(documents.dump(documents.pool_document(pool, _where(server, options))))
        elif _is_piped():
            _print_lines(plain.pool_lines(pool))
            if not pool.slots and not pool.waiters:
                print(f'pool-ctl: {absence(options.prefix + pool.key)}', file=sys.stderr)
        else:
            from py_cachify.ctl.screens import pool_screen

            console = _console()
            console.print(pool_screen(pool, _title(server, options), console.width, options.prefix, utf=_utf(console)))
    return FINE


def do_watch(options: argparse.Namespace) -> int:
    """Draw all pools, or one, again and again."""
    # A wrong URL does not become right; a server may.
    read_url(*_url(options))
    # Opened at each turn until it succeeds, so that a server may be down at the beginning.
    opened: list[Server] = []

    def server() -> Server:
        if not opened:
            opened.append(_connect(options))
        return opened[0]

    def read() -> list[Summary] | Pool:
        if options.key is not None:
            return read_pool(server(), options.prefix, options.key)
        return fullest_first(_summaries(server(), options.prefix))

    def keep_watching(draw: Callable[[View[list[Summary] | Pool]], object]) -> None:
        watch(read, draw, interval=options.interval, times=options.times, explain=explain)

    try:
        if options.json:
            keep_watching(lambda view: _print_now(_watched_document(view, opened, options)))
        elif _is_piped() or os.environ.get('TERM') in ('dumb', 'unknown'):
            _watch_in_a_pipe(keep_watching, options.prefix)
        else:
            _watch_on_a_screen(keep_watching, opened, options)
    finally:
        for each in opened:
            each.close()
    return FINE


def _watched_document(view: View[list[Summary] | Pool], opened: list[Server], options: argparse.Namespace) -> str:
    if view.value is None or view.error is not None:
        document: dict[str, Any] = {'error': view.error, 'read_at': time.time()}
    elif isinstance(view.value, Pool):
        document = documents.pool_document(view.value, _where(opened[0], options))
    else:
        document = documents.list_document(view.value, _where(opened[0], options))
    return documents.dump(document, indent=None)


def _watch_in_a_pipe(
    keep_watching: Callable[[Callable[[View[list[Summary] | Pool]], object]], None], prefix: str
) -> None:
    """Print the lines of each reading after its time; the names of the fields only once."""
    named = False

    def draw(view: View[list[Summary] | Pool]) -> None:
        nonlocal named
        if view.error is not None:
            print(f'pool-ctl: {view.error}', file=sys.stderr, flush=True)
        elif view.value is not None:
            lines = plain.pool_lines(view.value) if isinstance(view.value, Pool) else plain.list_lines(view.value)
            names, *rows = lines
            at = instant(time.time())
            _print_lines([*([] if named else [f'time\t{names}']), *(f'{at}\t{row}' for row in rows)])
            if not named and not rows and isinstance(view.value, Pool):
                print(f'pool-ctl: {absence(prefix + view.value.key)}', file=sys.stderr, flush=True)
            named = True

    keep_watching(draw)


def _watch_on_a_screen(
    keep_watching: Callable[[Callable[[View[list[Summary] | Pool]], object]], None],
    opened: list[Server],
    options: argparse.Namespace,
) -> None:
    console = _console()
    from rich.live import Live

    from py_cachify.ctl.screens import watch_screen

    with Live(console=console, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False) as live:

        def draw(view: View[list[Summary] | Pool]) -> None:
            title = _title(opened[0], options) if opened else f'prefix {options.prefix}'
            title += f', every {duration(options.interval)}; Ctrl-C ends'
            screen = watch_screen(view, title, console.width, console.height, options.prefix, utf=_utf(console))
            live.update(screen, refresh=True)

        keep_watching(draw)


def do_free(options: argparse.Namespace) -> int:
    """Free a slot."""
    with closing(_connect(options)) as server:
        try:
            pool, slot = find_slot(server, options.prefix, options.key, options.token)
        except NoSlotError as error:
            if options.json:
                print(documents.dump({**_where(server, options), 'key': options.key, 'freed': False, 'slot': None}))
            print(f'pool-ctl: {error}', file=sys.stderr)
            return FOUND
        if not options.yes:
            # It is None if it was closed, as by `<&-`.
            if sys.stdin is None or not sys.stdin.isatty():
                raise CtlError('free asks before it frees, and standard input is no terminal: add --yes')
            print(*consequences(pool, slot), sep='\n', file=sys.stderr)
            print('Free it? [y/N] ', end='', file=sys.stderr, flush=True)
            if sys.stdin.readline().strip().lower() not in ('y', 'yes'):
                print('pool-ctl: nothing was freed', file=sys.stderr)
                return FOUND
        freed = free(server, options.prefix, pool.key, slot.token)
        if options.json:
            holder = documents.slot_document(slot, pool.now)
            print(documents.dump({**_where(server, options), 'key': pool.key, 'freed': freed, 'slot': holder}))
        elif freed:
            said = consequences(pool, slot, freed=True)
            print(
                *([f'Freed the slot {slot.id} of {safe(pool.key)!r}.', *said] if options.yes else ['Freed.']), sep='\n'
            )
        else:
            print(f'pool-ctl: the slot {slot.id} was gone already, so nothing was freed', file=sys.stderr)
    return FINE if freed else FOUND


def do_doctor(options: argparse.Namespace) -> int:
    """Say what is wrong."""
    from py_cachify.ctl.doctor import diagnose

    with closing(_connect(options)) as server:
        diagnosis = diagnose(server, options.prefix, user=options.user, seconds=options.seconds)
        if options.json:
            print(documents.dump({**_where(server, options), **diagnosis.document()}))
        elif _is_piped():
            _print_lines(diagnosis.lines())
        else:
            from py_cachify.ctl.doctor.screen import doctor_screen

            console = _console()
            console.print(doctor_screen(diagnosis, _title(server, options), utf=_utf(console)))
    if diagnosis.findings:
        return FOUND
    return UNCHECKED if diagnosis.unchecked else FINE


def explain(error: Exception) -> str | None:
    """Return a sentence about an error of the server or the network; ``None`` for others."""
    if isinstance(error, CtlError):
        return str(error)
    if isinstance(error, OSError):
        return safe(str(error))
    if isinstance(error, ModuleNotFoundError) and (error.name or '').partition('.')[0] == 'rich':
        return f'{needs("rich")}; or pipe the output, or add --json'
    if 'redis' not in sys.modules:
        return None
    from redis import exceptions

    if isinstance(error, exceptions.RedisClusterException):
        return f'the cluster cannot be reached: {safe(str(error)).rstrip(".")}'
    if not isinstance(error, exceptions.RedisError):
        return None
    text = safe(str(error)).rstrip('.') or type(error).__name__
    if isinstance(error, exceptions.AuthenticationError):
        return f'the server does not let this user in: {text}'
    if isinstance(error, exceptions.TimeoutError):
        return f'the server did not answer in time ({text}); for a slow one, add ?socket_timeout=SECONDS to the URL'
    if isinstance(error, exceptions.ConnectionError):
        return f'the server cannot be reached: {text}'
    if isinstance(error, exceptions.NoPermissionError):
        return f'the server refuses this user: {text}; the guide lists the permissions that pool-ctl needs'
    if isinstance(error, exceptions.AskError):
        return 'the server is a node of a cluster: add --cluster'
    return f'the server refuses the request: {text}'


def _connect(options: argparse.Namespace) -> Server:
    url, source = _url(options)
    return connect(url, cluster=options.cluster, source=source)


def _url(options: argparse.Namespace) -> tuple[str, str]:
    """Return the URL, and where it comes from."""
    if options.url is not None:
        return options.url, '--url'
    url = os.environ.get('REDIS_URL')
    return (url, 'REDIS_URL') if url else (DEFAULT_URL, '--url')


def _summaries(server: Server, prefix: str) -> list[Summary]:
    return [summarize(pool) for pool in read_pools(server, prefix)]


def _where(server: Server, options: argparse.Namespace) -> dict[str, Any]:
    return {'server': server.place, 'prefix': options.prefix, 'read_at': time.time()}


def _title(server: Server, options: argparse.Namespace) -> str:
    return f'{server.place}, prefix {options.prefix}'


def _is_piped() -> bool:
    return not sys.stdout.isatty()


def _print_lines(lines: Iterable[str]) -> None:
    # A reading without rows is no empty line.
    if text := '\n'.join(lines):
        _print_now(text)


def _print_now(text: str) -> None:
    print(text, flush=True)


def _console() -> 'Console':
    from rich.console import Console

    return Console(highlight=False, emoji=False, markup=False)


def _utf(console: 'Console') -> bool:
    return console.encoding.lower().startswith('utf')
