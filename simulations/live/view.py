"""The progress of a live run: in the terminal, redrawn in place, and in JupyterLab."""

import sys
from collections import deque
from collections.abc import Callable
from html import escape
from typing import Any, NamedTuple, TextIO

from simulations.units import count


class Moment(NamedTuple):
    """The state of a live run at one moment.

    Attributes:
        seconds: wall-clock seconds since the run began.
        of: for how long jobs arrive, in wall-clock seconds; ``None`` if that is not known.
        occupancy: the last size that the server answered; ``None`` before its first answer.
        max_size: slots of a pool.
        bodies: bodies that run now in all processes; ``None`` if they could not be counted.
        granted, refused, failed, late: acquires granted, refused and failed, and jobs that started
            late, so far.
        grants, refusals: how many a second, since the last moment.
        latency: the mean time until an acquire had a first answer, since the last moment, in
            seconds.
        workers: how many workers are alive.
        waiting: how many acquires wait in a queue now; ``None`` if jobs do not wait.
    """

    seconds: float
    of: float | None
    occupancy: int | None
    max_size: int
    bodies: int | None
    granted: int
    refused: int
    failed: int
    late: int
    grants: float
    refusals: float
    latency: float
    workers: int
    waiting: int | None = None


Show = Callable[[Moment], None]

_BAR = 40
_PLAIN_EVERY = 1.0
_COURSE = 240
_HEIGHT = 60


def lines(moment: Moment) -> list[str]:
    """Return the moment as three lines of text."""
    occupancy = moment.occupancy or 0
    filled = round(_BAR * min(1.0, occupancy / moment.max_size))
    of = '' if moment.of is None else f' of {moment.of:.0f}'
    troubles = [
        f'{number:,} {name}' for number, name in ((moment.failed, 'failed'), (moment.late, 'started late')) if number
    ]
    bodies = '' if moment.bodies is None else f', {count(moment.bodies, "body", "bodies")} running'
    waiting = '' if moment.waiting is None else f', {moment.waiting:,} waiting'
    bar = f'[{"#" * filled}{"." * (_BAR - filled)}]'
    if moment.of is not None and moment.seconds >= moment.of:
        troubles.append('no more jobs arrive')
    counts = ', '.join([f'{moment.granted:,} granted', f'{moment.refused:,} refused', *troubles])
    rates = f'{moment.grants:,.0f} grants and {moment.refusals:,.0f} refusals a second'
    return [
        f'{moment.seconds:6.1f}{of} s  {bar} {occupancy:,}/{moment.max_size:,} slots{bodies}{waiting}',
        f'  {rates}, {1000 * moment.latency:.2f} ms each',
        f'  {counts}; {count(moment.workers, "worker", "workers")} alive',
    ]


class TerminalView:
    """Shows moments in a terminal, redrawn in place, or in a file, as one line a second.

    Args:
        file: the output; standard error by default.
    """

    def __init__(self, file: TextIO | None = None) -> None:
        self._file = sys.stderr if file is None else file
        self._in_place = self._file.isatty()
        self._drawn = False
        self._last = -_PLAIN_EVERY

    def __call__(self, moment: Moment) -> None:
        shown = lines(moment)
        if self._in_place:
            up = f'\x1b[{len(shown)}F' if self._drawn else ''
            self._file.write(up + ''.join(f'\x1b[2K{line}\n' for line in shown))
            self._drawn = True
        elif moment.seconds - self._last >= _PLAIN_EVERY:
            self._last = moment.seconds
            self._file.write(' '.join(line.strip() for line in shown) + '\n')
        self._file.flush()


class NotebookView:
    """Shows moments in a notebook cell, redrawn in place: numbers and the recent occupancy."""

    def __init__(self) -> None:
        from IPython.display import HTML, display

        self._html: Any = HTML
        self._course: deque[tuple[float, int]] = deque(maxlen=_COURSE)
        self._handle: Any = display(HTML(''), display_id=True)  # type: ignore[no-untyped-call]

    def __call__(self, moment: Moment) -> None:
        if moment.occupancy is not None:
            self._course.append((moment.seconds, moment.occupancy))
        self._handle.update(self._html(html(moment, list(self._course))))


def html(moment: Moment, course: list[tuple[float, int]]) -> str:
    """Return a moment, and the occupancy up to it, as HTML in the colours of the notebook.

    Args:
        moment: the moment.
        course: the occupancy at earlier moments, as pairs of seconds and slots.
    """
    text = ''.join(f'<div>{escape(line)}</div>' for line in lines(moment))
    if len(course) < 2:
        return f'<div style="font-family:monospace">{text}</div>'
    first, last = course[0][0], course[-1][0]
    width = max(last - first, 1e-9)
    peak = max(moment.max_size, *(size for _, size in course))
    points = ' '.join(
        f'{600 * (instant - first) / width:.1f},{_HEIGHT * (1 - size / peak):.1f}' for instant, size in course
    )
    full = _HEIGHT * (1 - moment.max_size / peak)
    return (
        f'<div style="font-family:monospace">{text}'
        f'<svg viewBox="-2 -4 604 {_HEIGHT + 8}" style="max-width:600px" role="img" aria-label="occupancy over time">'
        f'<line x1="0" x2="600" y1="{full:.1f}" y2="{full:.1f}" stroke="currentColor" stroke-dasharray="4"/>'
        f'<polyline points="{points}" fill="none" stroke="#4c78a8" stroke-width="1.5"/></svg></div>'
    )
