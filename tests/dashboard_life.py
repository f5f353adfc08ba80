"""The picture of the dashboard: a minute of two pools, as a Prometheus server saw it.

Threads use the pools on a real Redis server, which is killed and started again.  A real Prometheus
server scrapes their metrics and answers the queries of the dashboard.  Matplotlib draws the answers
where the dashboard has its panels; Grafana itself is not run.
"""

import contextlib
import random
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import redis
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from redis.backoff import NoBackoff
from redis.retry import Retry

from py_cachify import CachifyPoolFullError, init_cachify, observe, pooled
from simulations.drawing.axes import plain_title
from simulations.drawing.colours import OCCUPANCY, QUIET, RECOVERY, RUNNING
from tests.library.metrics.dashboard import as_sent, dashboard
from tests.library.metrics.prometheus_server import PrometheusServer, prometheus_server
from tests.library.metrics.scrapes import scraped
from tests.support.servers import Server, accident_prone_server


SECONDS = 60.0
RUSH = (15.0, 30.0)
"""When more threads ask for reports than there are slots."""
LONG_BODIES = (40.0, 50.0)
"""When some bodies outlive their slots."""
DOWN = (34.0, 36.0)
"""When the Redis server is gone."""
SLOT_EXP = 2.0
SCRAPES = 0.5
INTERVAL = '4s'

COLOURS = (OCCUPANCY, RUNNING, RECOVERY, '#CC79A7', '#E69F00', QUIET)


def draw(figure: Figure) -> None:
    """Let the pools live, and draw what the dashboard shows of it."""
    with (
        tempfile.TemporaryDirectory() as folder,
        accident_prone_server() as server,
        scraped('prometheus') as scrape,
        prometheus_server(Path(folder), scrape.port, SCRAPES) as prometheus,
        observe(scrape.listener),
    ):
        client = redis.Redis(unix_socket_path=server.socket, retry=Retry(NoBackoff(), 0))
        init_cachify(client)
        while not prometheus.ask('targets')['activeTargets']:
            time.sleep(0.1)
        began = time.time()
        _live(server, began)
        _draw_panels(figure, prometheus, began)
        client.close()


def _live(server: Server, began: float) -> None:
    def now() -> float:
        return time.time() - began

    @pooled('reports', max_size=3, slot_exp=SLOT_EXP, wait=1, raise_on_full=True)
    def make_report(chance: random.Random) -> None:
        is_long = LONG_BODIES[0] < now() < LONG_BODIES[1] and chance.random() < 0.2
        time.sleep(SLOT_EXP * 1.3 if is_long else chance.gammavariate(4, 0.06))

    @pooled('mail', max_size=2, slot_exp=4 * SLOT_EXP, raise_on_full=True)
    def send_mail(chance: random.Random) -> None:
        time.sleep(chance.expovariate(1 / 0.1))

    def work(seed: int, use: Callable[[random.Random], None], pause: float, when: tuple[float, float]) -> None:
        chance = random.Random(seed)
        time.sleep(max(0.0, when[0] - now()))
        while now() < when[1]:
            with contextlib.suppress(CachifyPoolFullError, redis.RedisError):
                use(chance)
            time.sleep(chance.expovariate(1 / pause))

    all_the_time = (0.0, SECONDS)
    threads = [
        *(threading.Thread(target=work, args=(seed, make_report, 0.25, all_the_time)) for seed in range(4)),
        *(threading.Thread(target=work, args=(seed, make_report, 0.05, RUSH)) for seed in range(10, 24)),
        *(threading.Thread(target=work, args=(seed, send_mail, 0.2, all_the_time)) for seed in range(30, 34)),
    ]
    for thread in threads:
        thread.start()
    time.sleep(max(0.0, DOWN[0] - now()))
    server.kill()
    time.sleep(max(0.0, DOWN[1] - now()))
    server.start()
    for thread in threads:
        thread.join()


def _draw_panels(figure: Figure, prometheus: PrometheusServer, began: float) -> None:
    panels = dashboard()['panels']
    height = max(panel['gridPos']['y'] + panel['gridPos']['h'] for panel in panels)
    for panel in panels:
        place = panel['gridPos']
        left, bottom = place['x'] / COLUMNS, 1 - (place['y'] + place['h']) / height
        width, tall = place['w'] / COLUMNS, place['h'] / height
        ax = figure.add_axes((left + 0.045, bottom + 0.3 * tall, width - 0.06, 0.58 * tall))
        _draw_panel(ax, panel, prometheus, began)


COLUMNS = 24
"""The width of Grafana's grid."""
UNITS = {'short': '', 'ops': 'per second', 's': 'seconds', 'percentunit': ''}


def _draw_panel(ax: Axes, panel: Any, prometheus: PrometheusServer, began: float) -> None:
    lines = 0
    for target in panel['targets']:
        answer = prometheus.ask(
            'query_range',
            query=as_sent(target['expr'], interval=INTERVAL),
            start=str(began),
            end=str(began + SECONDS),
            step=str(SCRAPES),
        )
        for series in answer['result']:
            points = [(instant - began, float(value)) for instant, value in series['values']]
            is_limit = '(limit)' in target['legendFormat']
            ax.plot(
                *zip(*points, strict=True),
                color=COLOURS[lines % len(COLOURS)],
                linestyle='--' if is_limit else '-',
                linewidth=1.2,
                label=_legend(target['legendFormat'], series['metric']),
            )
            lines += 1
    plain_title(ax, panel['title'], 9)
    ax.set_xlim(0, SECONDS)
    ax.set_ylim(bottom=0)
    ax.set_ylabel(UNITS[panel['fieldConfig']['defaults']['unit']], fontsize=7)
    if panel['fieldConfig']['defaults']['unit'] == 'percentunit':
        ax.yaxis.set_major_formatter('{x:.0%}')
    ax.tick_params(labelsize=7)
    ax.grid(alpha=0.3)
    ax.legend(loc='upper center', bbox_to_anchor=(0.5, -0.12), ncols=3 if lines > 4 else 2, fontsize=6.5, frameon=False)


def _legend(form: str, labels: dict[str, str]) -> str:
    for name, text in labels.items():
        form = form.replace('{{' + name + '}}', text)
    return form
