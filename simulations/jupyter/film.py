"""Processes that share a pool, in a film: their clock moves only when the film runs.

::

    film = Film('reports', max_size=1, slot_exp=6)
    nightly = film.process('nightly', renew_for=None)
    nightly.enter()
    film.run(10)
    nightly.pause(8)
    film.run(20)
    film.plot()

Each process uses the library itself, as it would alone: all they share is a store in memory.  In a
process that pauses, nothing happens.  What was due meanwhile, such as a renewal, happens when the
pause is over; in a process that has crashed, never.
"""

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from py_cachify import CachifyPoolFullError, MemoryClient, Slot, init_cachify, pool
from py_cachify.testing import ManualClock
from simulations.arguments import not_negative, positive
from simulations.drawing.axes import head, legend_below, plain_title, whole_numbers
from simulations.drawing.colours import (
    DEAD,
    HELD,
    LIMIT,
    OCCUPANCY,
    OCCUPANCY_BAND,
    QUIET,
    RECOVERY,
    RUNNING,
    RUNNING_BAND,
)


STEP = 0.25
"""In seconds: how long a frame lasts; a sum of such numbers has no rounding error."""


class State(NamedTuple):
    """What a process is doing in one frame.

    Attributes:
        held: whether the store counts its slot.
        runs: whether its body has begun and has not ended; a body that pauses runs too.
        paused: whether it pauses.
    """

    held: bool
    runs: bool
    paused: bool


class Mark(NamedTuple):
    """Something that a process did, or that happened to it, at an instant."""

    time: float
    process: str
    what: str


class _Clock(ManualClock):
    """A clock of several processes; what one that is stopped asked for waits until it goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.acting: Process | None = None

    def call_at(self, instant: float, call: Callable[[], object]) -> Callable[[], None]:
        process = self.acting

        def due() -> None:
            if process is None or self() >= process.stopped_until:
                self.acting, before = process, self.acting
                try:
                    call()
                finally:
                    self.acting = before
            elif process.stopped_until < math.inf:
                super(_Clock, self).call_at(process.stopped_until, due)

        return super().call_at(instant, due)


class Process:
    """A process in a film: it holds at most one slot.

    Attributes:
        name: its name, and the label of its slot.
        pool: the pool, as this process sees it.
        slot: the slot that it took last; ``None`` if it has taken none.
        runs: whether its body has begun and has not ended.
        stopped_until: the instant until which nothing happens in it; infinite after a crash.
    """

    def __init__(self, film: 'Film', name: str, shared: pool) -> None:
        self._film = film
        self.name = name
        self.pool = shared
        self.slot: Slot | None = None
        self.runs = False
        self.stopped_until = -math.inf

    def __repr__(self) -> str:
        return f'<Process {self.name!r}, {"in its body" if self.runs else "without a body"}>'

    def enter(self) -> bool:
        """Take a slot and begin the body; return false if the pool is full."""
        self._check(runs=False)
        self._film.clock.acting = self
        try:
            self.slot = self.pool.acquire()
        except CachifyPoolFullError:
            self.note('refused')
            return False
        finally:
            self._film.clock.acting = None
        self.runs = True
        return True

    def leave(self) -> bool:
        """End the body and give the slot back; return whether it was still there."""
        self._check(runs=True)
        assert self.slot is not None
        self.runs = False
        there = self.slot.release()
        self.note('released' if there else 'released late')
        return there

    def pause(self, seconds: float) -> None:
        """Let nothing happen in it from now on, for this long."""
        self._check()
        self.stopped_until = self._film.clock() + positive('seconds', seconds)

    def crash(self) -> None:
        """End the process: nothing happens in it any more, and nothing is given back."""
        self._check()
        self.note('crashed')
        self.runs, self.stopped_until = False, math.inf

    def note(self, what: str) -> None:
        """Mark what it does now, in the picture."""
        self._check()
        self._film.marks.append(Mark(self._film.clock(), self.name, what))

    def _check(self, *, runs: bool | None = None) -> None:
        if self._film.clock() < self.stopped_until:
            state = 'has crashed' if self.stopped_until == math.inf else f'pauses until {self.stopped_until:g} s'
            raise RuntimeError(f'nothing can happen in the process {self.name!r} now, because it {state}')
        if runs not in (None, self.runs):
            raise RuntimeError(f'the process {self.name!r} {"has no body" if runs else "is in its body already"}')


class Film:
    """A pool, the processes that use it, and what happened so far, frame by frame.

    Args:
        key, max_size, slot_exp: the pool, as for :class:`py_cachify.pool`.

    Attributes:
        clock: a clock of the processes; :meth:`run` moves it.
        pool: the pool, for looking at it; nobody's slot is taken by it.
        processes: the processes, by name.
        frames: for each frame its instant, and what each process was doing.
        marks: what happened at an instant.

    Example::

        film = Film('reports', max_size=1, slot_exp=6)
        first, second = film.process('first', renew_for=None), film.process('second')
        first.enter()
        film.run(60)
        assert not second.enter()                       # ten lives later it is still held
    """

    def __init__(self, key: str, max_size: int, slot_exp: float) -> None:
        self.clock = _Clock()
        self._arguments = (key, max_size, slot_exp)
        self._store = MemoryClient(clock=self.clock)
        self.pool = self._pool()
        self.processes: dict[str, Process] = {}
        self.frames: list[tuple[float, dict[str, State]]] = []
        self.marks: list[Mark] = []
        self._ends: dict[str, float] = {}

    def _pool(self, **options: Any) -> pool:
        return init_cachify(self._store, is_global=False).pool(*self._arguments, **options)

    def process(self, name: str, **options: Any) -> Process:
        """Add a process; ``options`` are those of its pool, such as ``renew_for``."""
        if name in self.processes:
            raise ValueError(f'name must be new, and there is a process {name!r} already')
        # An instance of the library for each, because each renews its own slots.
        self.processes[name] = Process(self, name, self._pool(**{'label': name, **options}))
        return self.processes[name]

    def run(self, seconds: float) -> None:
        """Let time pass, and film it; ``seconds`` is rounded to frames of a quarter of a second."""
        for _ in range(round(not_negative('seconds', seconds) / STEP)):
            self._take_frame()
            self.clock.advance(STEP)

    def _take_frame(self) -> None:
        now, ends = self.clock(), {holder.token: holder.remaining or 0.0 for holder in self.pool.holders()}
        states = {}
        for process in self.processes.values():
            token = '' if process.slot is None else process.slot.token
            if token in ends:
                end = now + ends[token]
                if end > self._ends.setdefault(token, end) + _ROUNDING:
                    self.marks.append(Mark(now, process.name, 'renewed'))
                self._ends[token] = end
            states[process.name] = State(token in ends, process.runs, now < process.stopped_until < math.inf)
        self.frames.append((now, states))

    def occupancy_peak(self) -> int:
        """Return the largest number of slots that the store counted in a frame."""
        return max((sum(state.held for state in states.values()) for _, states in self.frames), default=0)

    def running_peak(self) -> int:
        """Return the largest number of bodies that ran in a frame."""
        return max((sum(state.runs for state in states.values()) for _, states in self.frames), default=0)

    def plot(self) -> Axes:
        """Draw what each process did, and below it occupancy and running bodies; return the axes.

        The axes are those of the lower picture.
        """
        # Imported here because pyplot chooses a window system, which only pictures need.
        import matplotlib.pyplot as plt

        if not self.frames:
            raise ValueError('there is no frame to draw: call run() first')
        rows = len(self.processes)
        _, (upper, lower) = plt.subplots(
            2,
            1,
            figsize=(9, 2.6 + 0.4 * rows),
            sharex=True,
            layout='constrained',
            height_ratios=[0.4 * rows + 0.2, 1.2],
        )
        entries = [*self._draw_processes(upper), *self._draw_marks(upper)]
        entries += self._draw_counts(lower)
        key, max_size, slot_exp = self._arguments
        plain_title(upper, head(f'pool {key!r} of {max_size}, a slot lives {slot_exp:g} s unless it is renewed'))
        lower.set_xlabel('seconds')
        legend_below(lower, entries)
        return lower  # type: ignore[no-any-return]

    def _stretches(self, name: str) -> Iterator[tuple[State, float, float]]:
        """Return what a process did, with the first and the last instant of each stretch."""
        for state, frames in itertools.groupby(self.frames, key=lambda frame: frame[1].get(name, _ABSENT)):
            instants = [instant for instant, _ in frames]
            yield state, instants[0], instants[-1] + STEP

    def _draw_processes(self, ax: Axes) -> list[Patch]:
        seen: dict[str, Patch] = {}
        for row, name in enumerate(self.processes):
            for state, first, last in self._stretches(name):
                label, style = _BARS.get((state.held, state.runs), ('', {}))
                if label:
                    ax.barh(row, last - first, left=first, height=0.7, **style)
                    seen.setdefault(label, Patch(label=label, **style))
                if state.paused:
                    ax.barh(row, last - first, left=first, height=1.0, **_PAUSED)
                    seen.setdefault('paused', Patch(label='paused', **_PAUSED))
        ax.set_yticks(range(len(self.processes)), list(self.processes))
        ax.set_ylim(len(self.processes) - 0.4, -0.6)
        return [seen[label] for label in _ORDER if label in seen]

    def _draw_marks(self, ax: Axes) -> list[Line2D]:
        entries, places = [], list(self.processes)
        for what in dict.fromkeys(mark.what for mark in self.marks):
            marks = [mark for mark in self.marks if mark.what == what]
            entries += ax.plot(
                [mark.time for mark in marks],
                [places.index(mark.process) for mark in marks],
                label=what,
                linestyle='',
                clip_on=False,
                zorder=4,
                **_MARKS.get(what, _OTHER_MARK),
            )
        return entries

    def _draw_counts(self, ax: Axes) -> list[Any]:
        instants = np.array([instant for instant, _ in self.frames] + [self.frames[-1][0] + STEP])
        counts = np.array([np.sum([state[:2] for state in states.values()], axis=0) for _, states in self.frames])
        occupancy, running = np.vstack([counts, counts[-1:]]).T
        most = np.maximum(occupancy, running)
        area: dict[str, Any] = {'step': 'post', 'linewidth': 0}
        ax.fill_between(instants, 0, occupancy, facecolor=OCCUPANCY_BAND, **area)
        ax.fill_between(instants, occupancy, most, facecolor=RUNNING_BAND, hatch='////', edgecolor=RUNNING, **area)
        max_size = self._arguments[1]
        entries = [
            *ax.step(instants, occupancy, where='post', color=OCCUPANCY, label='occupancy (live slots)'),
            *ax.step(instants, running, where='post', color=RUNNING, label='running (bodies)', linestyle=_DASHED),
            ax.axhline(max_size, color=LIMIT, linestyle='--', linewidth=1.2, label=f'max_size = {max_size}'),
        ]
        ax.set_ylim(0, max(max_size, int(most.max())) + 0.4)
        ax.set_ylabel('slots, bodies')
        whole_numbers(ax.yaxis)
        whole_numbers(ax.xaxis)
        ax.set_xlim(instants[0], instants[-1])
        return entries


_ROUNDING = 1e-9
"""In seconds: a smaller difference between two instants is none."""
_DASHED: Any = (0, (6, 1.5))
_ABSENT = State(held=False, runs=False, paused=False)
_BARS: dict[tuple[bool, bool], tuple[str, dict[str, Any]]] = {
    (True, True): ('slot held', {'facecolor': HELD, 'edgecolor': OCCUPANCY}),
    (True, False): ('slot taken, no body', {'facecolor': DEAD, 'edgecolor': OCCUPANCY, 'hatch': '..'}),
    (False, True): ('still running', {'facecolor': 'white', 'edgecolor': RUNNING, 'hatch': '////'}),
}
_ORDER = [*(label for label, _ in _BARS.values()), 'paused']
_PAUSED: dict[str, Any] = {'facecolor': QUIET, 'alpha': 0.35, 'linewidth': 0}
_MARKS: dict[str, dict[str, Any]] = {
    'refused': {'marker': 'v', 'color': RUNNING, 'markersize': 5},
    'released': {'marker': 'o', 'color': LIMIT, 'markersize': 4},
    'released late': {'marker': 'o', 'color': LIMIT, 'markersize': 4, 'markerfacecolor': 'white'},
    'crashed': {'marker': '*', 'color': LIMIT, 'markersize': 9},
    'renewed': {'marker': '|', 'color': OCCUPANCY, 'markersize': 9},
    'wrote': {'marker': 'D', 'color': RECOVERY, 'markersize': 6},
    'write refused': {'marker': 'X', 'color': RUNNING, 'markersize': 8},
}
_OTHER_MARK: dict[str, Any] = {'marker': 's', 'color': LIMIT, 'markersize': 5}
