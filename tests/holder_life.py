"""The picture of holders that renew: what the scripts of a server make of a crash and of a pause.

The requests below are sent to the shipped scripts in virtual time.  Every bar is what the store
contained between two of them, and a resource decides about each write by its fencing token alone.
"""

from typing import Any, NamedTuple

import fakeredis
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from py_cachify.backends.pool_keys import pool_keys
from py_cachify.backends.redis import RedisBackend
from py_cachify.commands import Refusal
from simulations.drawing.axes import legend_below, plain_title
from simulations.drawing.colours import HELD, QUIET, RUNNING


KEY, MAX_SIZE, LIFE = 'report', 1, 30.0
END = 160.0
CRASHED = 35.0
PAUSED, CONTINUED = 85.0, 128.0
HOLDERS = {'A': 'A crashes', 'B': 'B is paused', 'C': 'C'}
RESOURCE = 'the resource'


class Request(NamedTuple):
    """At an instant, somebody sends a request to the server, or writes to the resource."""

    instant: float
    holder: str
    what: str


REQUESTS = sorted(
    (
        Request(0, 'A', 'take'),
        Request(5, 'A', 'write'),
        Request(10, 'A', 'renew'),
        Request(20, 'A', 'renew'),
        Request(24, 'B', 'join'),
        Request(30, 'A', 'renew'),
        Request(66, 'B', 'write'),
        Request(70, 'B', 'renew'),
        Request(74, 'C', 'join'),
        Request(80, 'B', 'renew'),
        Request(116, 'C', 'write'),
        Request(120, 'C', 'renew'),
        # What it had begun before it was paused.
        Request(129, 'B', 'write'),
        Request(129, 'B', 'renew'),
        Request(130, 'C', 'renew'),
        Request(140, 'C', 'renew'),
        Request(150, 'C', 'release'),
        # About every two seconds, as the next one in the queue does.
        *(Request(instant, 'B', 'ask') for instant in range(26, 61, 2)),
        *(Request(instant, 'C', 'ask') for instant in range(76, 111, 2)),
    ),
    key=lambda request: request.instant,
)


class Answer(NamedTuple):
    """What came of a request.

    Attributes:
        request: the request.
        slots: who has a slot afterwards, and until when if nobody renews it.
        waiting: who waits for one afterwards.
        done: whether the server or the resource did what was asked.
        fence: the fencing token of the holder; ``None`` before it has a slot.
    """

    request: Request
    slots: dict[str, float]
    waiting: list[str]
    done: bool
    fence: int | None


def token(holder: str) -> str:
    """Return the token of a holder, each in a process of its own."""
    return f'1:{holder}:0:0:{MAX_SIZE}:{LIFE}:host::r:0'


def answers() -> list[Answer]:
    """Return what the server and the resource made of each request."""
    clock = [0.0]
    client: Any = fakeredis.FakeRedis(server=fakeredis.FakeServer())
    backend = RedisBackend(client, lambda: clock[0])
    names = {token(holder).encode(): holder for holder in HOLDERS}
    fences: dict[str, int] = {}
    greatest = 0
    found = []
    for request in REQUESTS:
        clock[0] = request.instant
        of = token(request.holder)
        match request.what:
            case 'take':
                done = backend.take_slot(KEY, of, MAX_SIZE, LIFE) is True
            case 'join':
                done = backend.join_queue(KEY, of, MAX_SIZE, LIFE, None) is True
            case 'ask':
                done = backend.ask_again(KEY, of, MAX_SIZE, LIFE, 0.0) is True
            case 'renew':
                [done] = backend.renew_slots(KEY, ((of, LIFE),))
            case 'write':
                done = fences[request.holder] >= greatest
                greatest = max(greatest, fences[request.holder])
            case _:
                done = backend.drop_slot(KEY, of)
        if done and request.what in ('take', 'join', 'ask'):
            drawn = backend.draw_fence(KEY, of)
            assert not isinstance(drawn, Refusal)
            fences[request.holder] = drawn
        slots = client.zrange(pool_keys(KEY).slots, 0, -1, withscores=True)
        queue = client.zrange(pool_keys(KEY).queue, 0, -1)
        found.append(
            Answer(
                request,
                {names[of]: until for of, until in slots},
                [names[ticket] for ticket in queue if ticket in names],
                done,
                fences.get(request.holder),
            )
        )
    return found


SLOT: dict[str, Any] = {'facecolor': HELD, 'edgecolor': HELD, 'linewidth': 0}
WAITING: dict[str, Any] = {'facecolor': 'white', 'edgecolor': QUIET, 'hatch': '////', 'linewidth': 0}
PAUSE: dict[str, Any] = {'facecolor': 'white', 'edgecolor': 'black', 'hatch': 'xxxxx', 'linewidth': 0.8}
RENEWAL: dict[str, Any] = {'marker': '|', 'markersize': 20, 'markeredgewidth': 2.5, 'color': 'black'}
CRASH: dict[str, Any] = {'marker': 'X', 'markersize': 10, 'color': 'black'}
WRITE: dict[str, Any] = {'marker': 'o', 'markersize': 9, 'color': 'black'}
REFUSED: dict[str, Any] = {'marker': 'X', 'markersize': 13, 'color': RUNNING, 'markeredgecolor': 'black'}


def plot(ax: Axes) -> Axes:
    """Draw the life of three holders of one slot, and what a resource makes of their writes."""
    rows = {name: -row for row, name in enumerate([*HOLDERS, RESOURCE])}
    found = answers()
    ranks = {fence: rank for rank, fence in enumerate(sorted({each.fence for each in found if each.fence}))}
    for answer, end in zip(found, [*(each.request.instant for each in found[1:]), END], strict=True):
        begin = answer.request.instant
        for holder, until in answer.slots.items():
            ax.barh(rows[holder], min(end, until) - begin, 0.44, begin, **SLOT)
        for waiter in answer.waiting:
            ax.barh(rows[waiter], end - begin, 0.44, begin, **WAITING)
    ax.barh(rows['B'], CONTINUED - PAUSED, 0.16, PAUSED, **PAUSE)
    ax.plot(CRASHED, rows['A'], linestyle='', **CRASH)
    for answer in found:
        request = answer.request
        if request.what == 'renew' and answer.done:
            ax.plot(request.instant, rows[request.holder], linestyle='', **RENEWAL)
        elif request.what == 'write' and answer.fence is not None:
            ax.plot(request.instant, rows[RESOURCE], linestyle='', **(WRITE if answer.done else REFUSED))
            words = f'{request.holder} writes with the\n{ORDINALS[ranks[answer.fence]]} fencing token'
            if answer.done:
                ax.text(request.instant - 1.5, rows[RESOURCE] - 0.42, words, ha='left', **NOTE)
            else:
                ax.text(request.instant + 2.5, rows[RESOURCE] + 0.12, words, ha='left', **NOTE)
    for holder, (instant, side, words) in NOTES.items():
        ax.text(instant, rows[holder], words, ha=side, **NOTE)
    ax.set_yticks(list(rows.values()), [*HOLDERS.values(), RESOURCE])
    ax.set_xlim(0, END)
    ax.set_ylim(-3.75, 0.5)
    ax.set_xlabel('time, in seconds')
    plain_title(ax, f'One slot with slot_exp={LIFE:g} and renew_for=None: a crash, and a long pause')
    marks = [
        Line2D([], [], linestyle='', label='is renewed', **{**RENEWAL, 'markersize': 12}),
        Line2D([], [], linestyle='', label='crashes', **CRASH),
        Patch(label='is paused', **PAUSE),
        Line2D([], [], linestyle='', label='writes', **WRITE),
        Line2D([], [], linestyle='', label='late write, refused', **REFUSED),
    ]
    legend_below(ax, [Patch(label='waits', **WAITING), Patch(label='has the slot', **SLOT), *marks])
    return ax


ORDINALS = ('1st', '2nd', '3rd')
"""Only the order of fencing tokens has a meaning."""
NOTE: dict[str, Any] = {'va': 'center', 'fontsize': 9}
NOTES = {
    'A': (61.5, 'left', 'the slot is free one life after the last renewal'),
    'B': (129.5, 'left', 'learns that its slot\nis lost'),
}
