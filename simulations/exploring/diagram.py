"""Draw a schedule as a sequence diagram: clients and store are lanes, time runs downwards."""

import textwrap

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from simulations.drawing.axes import new_axes
from simulations.drawing.colours import HELD, LIMIT, OCCUPANCY, QUIET, RUNNING
from simulations.exploring.clients import name_of
from simulations.exploring.moves import (
    ARRIVE,
    CRASH,
    HURRY,
    LATE,
    LOSE_REPLY,
    LOSE_REQUEST,
    OVERTAKEN,
    REPEAT,
    TIME_OUT,
    Schedule,
)
from simulations.exploring.narrative import command_words, sentence
from simulations.exploring.states import Happened


_ROW = 1.0
_BAR = 0.1
_WRAP = 80
_PALE = '#D6E9F5'


def plot_schedule(schedule: Schedule, story: tuple[Happened, ...], reason: str, ax: Axes | None = None) -> Axes:
    """Draw a schedule as a sequence diagram.

    Each command is an arrow to the store and back, each fault a cross, each held slot a bar, and
    each wait within a command a pale bar. The last line says which promise is broken.

    Args:
        schedule: the schedule.
        story: the outcome of each move.
        reason: the broken promise.
        ax: the axes to draw on; a new figure by default.
    """
    clients = schedule.clients
    # The store is in the middle, so that few arrows cross another lane.
    store = clients // 2 if clients > 1 else 1
    places = {number: float(number if number < store else number + 1) for number in range(clients)}
    lanes = {
        float(store): f'store\n(max_size {schedule.max_size})',
        **{x: f'client {name_of(n)}' for n, x in places.items()},
    }
    depth = len(story) * _ROW
    ax = new_axes((2.6 * (clients + 1) + 1.5, 1.6 + 0.5 * len(story))) if ax is None else ax
    for x, name in lanes.items():
        ax.plot([x, x], [0, depth + 0.4], color=QUIET, linewidth=1, zorder=0)
        ax.text(x, -0.25, name, ha='center', va='bottom', fontweight='bold')
    _draw_bars(ax, story, places, depth)
    for row, happened in enumerate(story):
        y = (row + 0.5) * _ROW
        if happened.move.client < 0:
            ax.axhspan(y - 0.3, y + 0.3, color='#EEEEEE', zorder=0)
            ax.text(
                sum(lanes) / len(lanes), y, sentence(happened).rstrip('.'), ha='center', va='center', style='italic'
            )
            continue
        _draw_move(ax, happened, places[happened.move.client], float(store), y)
    reason = '\n'.join(textwrap.wrap(reason, 26 * (clients + 1)))
    ax.axhline(depth + 0.15, color=RUNNING, linewidth=2)
    ax.text(sum(lanes) / len(lanes), depth + 0.3, reason, color=RUNNING, ha='center', va='top', fontweight='bold')
    ax.set_xlim(-0.75, clients + 0.75)
    ax.set_ylim(depth + 0.5 + 0.5 * (reason.count('\n') + 1), -1.1)
    ax.set_title(f'{schedule.protocol}: the shortest schedule that goes wrong')
    ax.set_axis_off()
    return ax


def _draw_bars(ax: Axes, story: tuple[Happened, ...], places: dict[int, float], depth: float) -> None:
    """Draw a bar on the lane of a client for as long as it believes that it holds a slot."""
    since: dict[int, float] = {}
    for row, happened in enumerate(story):
        client, y = happened.move.client, (row + 0.5) * _ROW
        if happened.ended == 'granted':
            since[client] = y + 0.25
        elif client in since and (happened.called.startswith('release') or happened.move.do == CRASH):
            _bar(ax, places[client], since.pop(client), y - 0.2)
    for client, begin in since.items():
        _bar(ax, places[client], begin, depth + 0.15)
    _draw_waits(ax, story, places, depth)


def _draw_waits(ax: Axes, story: tuple[Happened, ...], places: dict[int, float], depth: float) -> None:
    """Draw a pale bar on the lane of a client for as long as it waits within a command."""
    since: dict[int, float] = {}
    for row, happened in enumerate(story):
        client, y = happened.move.client, (row + 0.5) * _ROW
        if client in since:
            _bar(ax, places[client], since.pop(client), y - 0.2, waits=True)
        if happened.waits is not None:
            since[client] = y + 0.25
    for client, begin in since.items():
        _bar(ax, places[client], begin, depth + 0.15, waits=True)


def _bar(ax: Axes, x: float, begin: float, end: float, waits: bool = False) -> None:
    # Texts lie on the bar of a client that waits, so it is pale and has no edges.
    colour, edge = (_PALE, 'none') if waits else (HELD, OCCUPANCY)
    ax.add_patch(Rectangle((x - _BAR / 2, begin), _BAR, end - begin, facecolor=colour, edgecolor=edge, zorder=2))


def _draw_move(ax: Axes, happened: Happened, client: float, store: float, y: float) -> None:
    do = happened.move.do
    side = 1 if client < store else -1
    if do == CRASH:
        ax.plot(client, y, marker='X', color=RUNNING, markersize=12, zorder=3)
        ax.text(client + 0.12 * side, y, 'crashes', va='center', ha='left' if side > 0 else 'right')
        return
    if do == HURRY:
        ax.text(client + 0.12 * side, y, 'clock ahead', va='center', ha='left' if side > 0 else 'right', style='italic')
        ax.plot(client, y, marker='o', color=RUNNING, markersize=6, zorder=3)
        return
    if happened.command is None:
        words = 'time is up' if do == TIME_OUT else 'was told of its slot'
        words += f', {happened.token} {happened.ended}' if happened.ended else ''
        ax.plot(client, y, marker='o', color=LIMIT, markersize=6, zorder=3)
        ax.text(client + 0.12 * side, y, words, va='center', ha='left' if side > 0 else 'right', style='italic')
        return
    up, down = y - 0.14, y + 0.2
    begin, end = client + 0.08 * side, store - 0.05 * side
    lost = begin + (end - begin) * 0.55
    asked = command_words(happened.command)
    if do == ARRIVE:
        ax.plot(lost, y, marker='o', color=RUNNING, markersize=7, zorder=3)
        _arrow(ax, lost, end, y)
        middle = (begin + end) / 2
        ax.text(middle, y - 0.1, f'{asked} arrives late', ha='center', va='bottom', fontsize=8)
        ax.text(
            middle, y + 0.1, f'{happened.answers[0]!r} to nobody', ha='center', va='top', fontsize=8, color=OCCUPANCY
        )
        return
    _arrow(ax, begin, lost if do in (LOSE_REQUEST, LATE) else end, up)
    ax.text((begin + end) / 2, up - 0.04, asked, ha='center', va='bottom', fontsize=8)
    if do == LOSE_REQUEST:
        ax.plot(lost, up, marker='X', color=RUNNING, markersize=9, zorder=3)
        answer = 'request lost'
    elif do == LATE:
        ax.plot(lost, up, marker='o', color=RUNNING, markersize=7, zorder=3)
        answer = 'request late, client gives up'
    elif do == LOSE_REPLY:
        _arrow(ax, end, lost, down, dashed=True)
        ax.plot(lost, down, marker='X', color=RUNNING, markersize=9, zorder=3)
        answer = f'{happened.answers[0]!r} lost'
    else:
        _arrow(ax, end, begin, down, dashed=True)
        if do == OVERTAKEN:
            ax.plot(lost, up, marker='o', color=RUNNING, markersize=7, zorder=3)
        before = {REPEAT: f'{happened.answers[0]!r} lost, sent again: ', OVERTAKEN: 'late, sent again: '}.get(do, '')
        answer = f'{before}{happened.received}'
    ended = f', {happened.token} {happened.ended}' if happened.ended else ''
    ended += f', {happened.token} waits in {type(happened.waits).__name__}' if happened.waits else ''
    ax.text((begin + end) / 2, down + 0.02, f'{answer}{ended}', ha='center', va='top', fontsize=8, color=OCCUPANCY)


def _arrow(ax: Axes, begin: float, end: float, y: float, dashed: bool = False) -> None:
    style = {
        'arrowstyle': '->',
        'color': LIMIT,
        'linewidth': 1,
        'linestyle': '--' if dashed else '-',
        'shrinkA': 0,
        'shrinkB': 0,
    }
    ax.annotate('', (end, y), (begin, y), arrowprops=style)
