"""The picture of a waiter's life: what the scripts of a server make of five callers.

The requests below are sent to the shipped scripts in virtual time, and every bar is what the store
contained between two of them.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import fakeredis
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from py_cachify.backends.pool_keys import pool_keys
from py_cachify.backends.redis import RedisBackend
from simulations.drawing.axes import legend_below, plain_title
from simulations.drawing.colours import HELD, QUIET, RECOVERY


KEY, MAX_SIZE, LIFE = 'reports', 1, 30.0
END = 15.0
KILLED = 5.0
CALLERS = {
    'A': 'A, process 1',
    'B': 'B, process 2',
    'C': 'C, process 2',
    'D': 'D, process 3',
    'E': 'E, process 4',
}
PROCESS = {'A': '1', 'B': '2', 'C': '2', 'D': '3', 'E': '4'}
WAITING, CLAIM, HOLDING = 'waiting', 'claim', 'holding'
STYLES: dict[str, Any] = {
    WAITING: {'facecolor': 'white', 'edgecolor': QUIET, 'hatch': '////'},
    CLAIM: {'facecolor': RECOVERY, 'edgecolor': RECOVERY},
    HOLDING: {'facecolor': HELD, 'edgecolor': HELD},
}
NAMES = {
    WAITING: 'waits in the queue',
    CLAIM: 'has a claim: 2 s in which to ask for the slot',
    HOLDING: 'holds a slot',
}


class Request(NamedTuple):
    """At an instant, a caller sends a request."""

    instant: float
    caller: str
    what: str


REQUESTS = (
    Request(0.0, 'A', 'join'),
    Request(1.0, 'B', 'join'),
    Request(2.0, 'C', 'join'),
    Request(2.5, 'D', 'join'),
    Request(3.0, 'E', 'join'),
    # B asks a round trip later; here that takes long enough to be seen.
    Request(4.0, 'A', 'release'),
    Request(4.25, 'B', 'ask'),
    Request(7.0, 'B', 'release'),
    # By itself, as all do from time to time.
    Request(7.5, 'E', 'ask'),
    Request(9.5, 'C', 'release'),
    Request(11.6, 'E', 'ask'),
    Request(14.5, 'E', 'release'),
)


def token(caller: str) -> str:
    """Return the token of a caller."""
    return f'1:{PROCESS[caller]}:0:0:{MAX_SIZE}:{LIFE}:{caller}'


def states() -> list[tuple[float, dict[str, str]]]:
    """Return what the store contained after each request: for each caller, what it has."""
    clock = [0.0]
    client: Any = fakeredis.FakeRedis(server=fakeredis.FakeServer())
    backend = RedisBackend(client, lambda: clock[0])
    backend.granted = lambda *_: None
    send: dict[str, Callable[[str], object]] = {
        'join': lambda of: backend.join_queue(KEY, of, MAX_SIZE, LIFE, None),
        'ask': lambda of: backend.ask_again(KEY, of, MAX_SIZE, LIFE, 0.0),
        'release': lambda of: backend.drop_slot(KEY, of),
    }
    found = []
    for instant, caller, what in REQUESTS:
        clock[0] = instant
        send[what](token(caller))
        slots = {member.decode() for member in client.zrange(pool_keys(KEY).slots, 0, -1)}
        queue = {member.decode() for member in client.zrange(pool_keys(KEY).queue, 0, -1)}
        has = {}
        for each in CALLERS:
            if token(each) in slots:
                has[each] = HOLDING
            elif f'?{token(each)}' in slots:
                has[each] = CLAIM
            elif token(each) in queue:
                has[each] = WAITING
        found.append((instant, has))
    return found


def plot(ax: Axes) -> Axes:
    """Draw the life of five callers of one slot."""
    rows = {caller: -row for row, caller in enumerate(CALLERS)}
    found = states()
    for (begin, has), end in zip(found, [*(instant for instant, _ in found[1:]), END], strict=True):
        for caller, what in has.items():
            # A claim ends by itself, and D's does.
            until = min(end, begin + 2.0) if what == CLAIM and caller == 'D' else end
            ax.barh(rows[caller], until - begin, 0.6, begin, linewidth=0, **STYLES[what])
    for caller, (instant, text) in NOTES.items():
        ax.text(instant + 0.15, rows[caller], text, va='center', fontsize=9)
    ax.plot(KILLED, rows['D'], 'X', color='black', markersize=9)
    ax.set_yticks(list(rows.values()), list(CALLERS.values()))
    ax.set_xlim(0, END)
    ax.set_ylim(-4.6, 0.6)
    ax.set_xlabel('time, in seconds')
    plain_title(ax, 'One slot, five callers: a slot goes to the first who waits, and the dead are passed over')
    killed = Line2D([], [], color='black', marker='X', linestyle='', markersize=9, label='is killed')
    legend_below(ax, [*(Patch(label=NAMES[what], **style) for what, style in STYLES.items()), killed])
    return ax


NOTES = {
    'A': (4.0, "gives its slot back: the server gives B a claim, and tells B's process"),
    'B': (7.0, 'gives its slot back: C waits in the same process,\nand has the slot at once'),
    'C': (9.5, 'gives its slot back:\nD gets a claim'),
    'D': (11.5, 'never asks: its claim ends'),
    'E': (14.5, ''),
}
