"""Pools as `pool-ctl` sees them: what its pictures and the examples of the guide are made of.

Holders and waiters are staged on a real server, under the tokens that processes elsewhere would
have written, so that their hosts and their ages are always the same.
"""

import io
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis
from rich.console import Console, Group, RenderableType
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from py_cachify.backends.pool_keys import pool_keys
from py_cachify.ctl.doctor import diagnose
from py_cachify.ctl.doctor.screen import doctor_screen
from py_cachify.ctl.reading import read_pool, read_pools
from py_cachify.ctl.screens import list_screen, pool_screen, watch_screen
from py_cachify.ctl.servers import Server
from py_cachify.ctl.values import fullest_first, summarize
from py_cachify.ctl.watching import View
from py_cachify.tokens import make_terms
from simulations.stores.embedded import embedded_server


PREFIX = 'PYC-'


def token(
    number: int,
    *,
    host: str,
    label: str = '',
    ago: float = 0.0,
    max_size: int = 3,
    life: float | None = 600.0,
    renewed: bool = False,
    pid: int = 4711,
) -> str:
    """Return the token of a process on another machine that asked so many seconds ago."""
    terms = make_terms(max_size, life, label, renewed, False).split(':')
    terms[2] = host
    asked = int((time.time() - ago) * 1000)
    return f'1:5f0c9a7be2d14c08-{pid}:0:{asked}:{":".join(terms)}:{number}'


def hold(client: Any, key: str, text: str, remaining: float = 400.0, *, prefix: str = PREFIX) -> None:
    """Let a token hold a slot that lives so many seconds more; infinite: forever."""
    name = pool_keys(prefix + key).slots
    until = time.time() + remaining
    client.zadd(name, {text: until})
    if remaining == float('inf'):
        client.persist(name)
    elif client.pttl(name) < remaining * 1000 and client.zrange(name, -1, -1) == [text.encode()]:
        client.pexpireat(name, int(until * 1000) + 1)


def queue(client: Any, key: str, *tickets: str, deadline: float = 15.0, prefix: str = PREFIX) -> None:
    """Let tickets wait, in this order, each with so many seconds until it must ask again."""
    name = pool_keys(prefix + key).queue
    now = time.time()
    for place, ticket in enumerate(tickets):
        client.zadd(name, {ticket: now + place / 1000, f'!{ticket}': -(now + deadline)})
    client.pexpireat(name, int((now + max(deadline, 15.0)) * 1000) + 1)


def stage(client: Any) -> None:
    """Fill a server with the pools of the pictures."""
    for number, (label, ago, left) in enumerate(
        [('import of 14:00', 752, 41), ('nightly report', 192, 58), ('ad hoc by ann', 8, 52)]
    ):
        held = token(number, host=f'web-{number + 1}', label=label, ago=ago, life=60.0, renewed=True, pid=4711 + number)
        hold(client, 'reports', held, left)
    waiting = [
        token(10 + number, host=f'web-{number + 3}', label=label, ago=ago, life=60.0, pid=5120 + number)
        for number, (label, ago) in enumerate([('month end', 44), ('ad hoc by bob', 21), ('retry', 3)])
    ]
    queue(client, 'reports', *waiting)
    hold(client, 'mail-7', token(20, host='mail-1', label='mail to 7', ago=2, max_size=1), 598)
    for number in range(11):
        held = token(
            30 + number, host=f'gpu-{number % 4 + 1}', ago=310 - 17 * number, max_size=14, life=30.0, renewed=True
        )
        hold(client, 'render', held, 29 - number / 2)
    for number in range(2):
        held = token(50 + number, host='batch-1', label='backup', ago=90000, max_size=8, life=None, pid=812)
        hold(client, 'backup', held, float('inf'))
    hold(client, 'thumbnails', token(60, host='web-2', ago=1, max_size=20), 599)


@contextmanager
def staged() -> Iterator[Server]:
    """Start a server with these pools."""
    with embedded_server() as socket:
        with redis.Redis(unix_socket_path=str(socket)) as client:
            stage(client)
            yield Server(client, 'redis.example.net:6379', is_cluster=False)


def views(server: Server, width: int, height: int = 24) -> dict[str, RenderableType]:
    """Return what each command shows on a terminal of this size."""
    title = f'{server.place}, prefix {PREFIX}'
    summaries = [summarize(pool) for pool in read_pools(server, PREFIX)]
    watched: View[Any] = View(fullest_first(summaries), None, 0.0)
    return {
        'list': list_screen(summaries, title, width),
        'show': pool_screen(read_pool(server, PREFIX, 'reports'), title, width, PREFIX),
        'watch': watch_screen(watched, f'{title}, every 2.0s; Ctrl-C ends', width, height, PREFIX),
        'watch-key': watch_screen(View(read_pool(server, PREFIX, 'render'), None, 0.0), title, width, height, PREFIX),
        'doctor': doctor_screen(diagnose(server, PREFIX), title),
    }


_COLOURS = [(224, 108, 117), (152, 195, 121), (229, 192, 123), (97, 175, 239), (198, 120, 221), (86, 182, 194)]
_THEME = TerminalTheme(
    (30, 32, 36),
    (220, 223, 228),
    [(40, 44, 52), *_COLOURS, (220, 223, 228)],
    [(130, 137, 151), *_COLOURS, (255, 255, 255)],
)


def save(path: Path, screen: RenderableType, width: int, title: str) -> None:
    """Draw a screen as a picture, in a browser."""
    from tests.support.browser import browser

    console = Console(record=True, width=width, file=io.StringIO(), force_terminal=True, color_system='truecolor')
    console.print(Group(screen, Text()))
    # The fonts of this machine: a picture must not need the network.
    drawing = console.export_svg(title=title, theme=_THEME).replace('Fira Code', 'DejaVu Sans Mono')
    drawing = re.sub(r'@font-face {.*?}', '', drawing, flags=re.DOTALL)
    with browser() as chromium:
        page = chromium.new_page(viewport={'width': 1000, 'height': 600}, device_scale_factor=1.0)
        page.set_content(f'<body style="margin:0;width:{10 * width + 60}px">{drawing}</body>')
        page.locator('svg').screenshot(path=str(path), omit_background=True)


def draw(folder: Path) -> None:
    """Draw the pictures of the guide."""
    with staged() as server:
        screens = views(server, 80)
        for name in ('show', 'watch'):
            save(folder / f'pool-ctl-{name}.png', screens[name], 80, f'pool-ctl {name}')


def main(folder: Path) -> None:
    """Draw all screens at 80 and 140 columns, to look at them."""
    with staged() as server:
        for width in (80, 140):
            for name, screen in views(server, width).items():
                save(folder / f'{name}-{width}.png', screen, width, f'pool-ctl {name}')


if __name__ == '__main__':
    main(Path(sys.argv[1]))
