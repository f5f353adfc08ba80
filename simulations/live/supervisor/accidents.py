"""Real accidents: killed and stopped workers, a dead server, a bad network."""

import heapq
import itertools
import math
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from simulations.faults import (
    Crash,
    Fault,
    FlushScripts,
    LoseReplies,
    LoseRequests,
    Partition,
    Pause,
    Restart,
    ServerPause,
    Slow,
)
from simulations.faults.episodes import Missed, missed
from simulations.live.clients import is_documented
from simulations.live.plan import NANO, Plan
from simulations.live.supervisor.nursery import Life, Nursery
from simulations.live.supervisor.proxy import Proxy
from simulations.live.supervisor.server import LiveServer


_SETTLES = 10.0
_POLL = 0.002


class Accident(NamedTuple):
    """An accident that happened.

    Attributes:
        kind: the kind of the fault.
        began, ended: when it began and ended, in nanoseconds; for a restart, when the server was
            dead and when its next start began.
        workers: the workers that it hit.
        up: for a restart, when the server answered again.
        data: for a restart, ``'kept'`` or ``'lost'``.
    """

    kind: str
    began: int
    ended: int
    workers: tuple[int, ...] = ()
    up: int = 0
    data: str = ''


class Accidents:
    """Carries out the faults of a scenario, one after the other, in a separate thread.

    A worker that is dead is not killed or stopped again, and neither is a server that is down.

    Args:
        plan: the run.
        nursery: controls the workers.
        server: the embedded server, if the run has one.
        proxy: the proxy in front of the server, if the faults need one.
        control: a client of the server.

    Attributes:
        happened: all accidents that happened, in order.
        missed: the faults that never happened, once the run is over.
        settled: for each life of a worker that was killed, when the server had closed its last
            connection.
        error: the error that ended the thread, if any.
    """

    def __init__(
        self, plan: Plan, nursery: Nursery, server: LiveServer | None, proxy: Proxy | None, control: Any
    ) -> None:
        self._plan, self._nursery, self._server, self._proxy, self._control = plan, nursery, server, proxy, control
        self.happened: list[Accident] = []
        self.missed: list[Missed] = []
        faults = plan.scenario.faults
        # How often each fault has started, and when it is to start next, in scenario seconds.
        self._started = [0] * len(faults)
        self._following = [0.0] * len(faults)
        self._epoch = self._ended = 0
        self.settled: dict[tuple[int, int], int] = {}
        self.error: Exception | None = None
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._ends: list[Callable[[], None]] = []
        self._changed = threading.Condition()
        self._over = False
        self._down: set[int] = set()
        self._stopped: set[int] = set()
        self._server_down = False
        self._end: int | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self, epoch: int) -> None:
        """Let the accidents happen, with this instant as the beginning of the scenario."""
        self._epoch = epoch
        last = self._nursery.last
        self._end = None if last is None else epoch + self._plan.nanoseconds(last)
        for number, fault in enumerate(self._plan.scenario.faults):
            stream = random.Random(f'{self._plan.scenario.seed} fault {number}')
            self._next(number, fault, fault.instants(stream), stream)
        self._thread.start()

    @property
    def replacing(self) -> bool:
        """Whether a worker is dead and will be replaced."""
        with self._changed:
            return bool(self._down) and not self._over

    @property
    def under_way(self) -> bool:
        """Whether an accident has begun that ends later, such as a pause."""
        return bool(self._ends)

    def finish(self, seconds: float) -> None:
        """End all accidents now, and wait at most this many seconds; dead workers stay dead."""
        with self._changed:
            if not self._over:
                self._ended = time.monotonic_ns()
            self._over = True
            self._changed.notify_all()
        self._thread.join(seconds)
        over = self._plan.seconds(self._ended - self._epoch)
        self.missed = [
            each
            for number, fault in enumerate(self._plan.scenario.faults)
            for each in missed(fault, self._started[number], self._following[number], over)
        ]

    def _next(self, number: int, fault: Fault, instants: Iterator[float], stream: random.Random) -> None:
        instant = next(instants, None)
        if instant is None:
            return
        self._following[number] = instant

        def happen() -> None:
            self._started[number] += 1
            self._do(fault, stream)
            self._next(number, fault, instants, stream)

        self._at(self._epoch + self._plan.nanoseconds(instant), happen)

    def _at(self, instant: int, do: Callable[[], None]) -> None:
        heapq.heappush(self._queue, (instant, next(self._order), do))

    def _later(self, seconds: float, end: Callable[[], None]) -> None:
        """Call ``end`` after this many scenario seconds, or when :meth:`finish` is called."""
        self._ends.append(end)

        def do() -> None:
            if end in self._ends:
                self._ends.remove(end)
                end()

        self._at(time.monotonic_ns() + self._plan.nanoseconds(seconds), do)

    def _run(self) -> None:
        try:
            while self._queue:
                with self._changed:
                    wait = self._queue[0][0] - time.monotonic_ns()
                    if wait > 0:
                        self._changed.wait_for(lambda: self._over, wait / NANO)
                    if self._over:
                        break
                if self._queue[0][0] <= time.monotonic_ns():
                    heapq.heappop(self._queue)[2]()
            while self._ends:
                self._ends.pop(0)()
        except Exception as error:
            self.error = error

    def _do(self, fault: Fault, stream: random.Random) -> None:
        workers = fault.whom(self._plan.processes, stream) if hasattr(fault, 'whom') else ()
        lasting = fault.duration(stream)
        match fault:
            case Crash():
                for worker in workers:
                    self._crash(worker, lasting)
            case Pause():
                for worker in workers:
                    self._pause(worker, lasting)
            case Restart():
                self._restart(fault, lasting)
            case ServerPause():
                self._pause_server(lasting)
            case FlushScripts():
                began = time.monotonic_ns()
                if self._send(self._control.script_flush):
                    self.happened.append(Accident(fault.kind, began, time.monotonic_ns()))
            case _:
                self._disturb_network(fault, workers, lasting)

    def _crash(self, worker: int, lasting: float) -> None:
        if worker in self._down or worker not in self._nursery.living():
            return
        began = time.monotonic_ns()
        life = self._nursery.kill(worker)
        self._settle(life)
        with self._changed:
            self._down.add(worker)
        self._stopped.discard(worker)
        self.happened.append(Accident(Crash.kind, began, time.monotonic_ns(), (worker,)))

        def replace() -> None:
            with self._changed:
                self._down.discard(worker)
                if self._over:
                    return
            self._nursery.start(worker)

        self._later(lasting, replace)

    def _settle(self, life: Life) -> None:
        """Wait until the server has closed a killed worker's connections, to settle its calls."""
        name = f'{self._plan.prefix}{life.name}'
        until = time.monotonic() + _SETTLES
        # A server that died has settled them; one that does not answer leaves them unsettled.
        with suppress(Exception):
            while time.monotonic() < until:
                if name not in [each['name'] for each in self._control.client_list()]:
                    self.settled[life.worker, life.life] = time.monotonic_ns()
                    return
                time.sleep(_POLL)

    def _pause(self, worker: int, lasting: float) -> None:
        if worker in self._down or worker in self._stopped or worker not in self._nursery.living():
            return
        self._nursery.send('stop', worker)
        self._stopped.add(worker)
        began = time.monotonic_ns()

        def wake() -> None:
            # If the worker was killed in the meantime, its replacement is not stopped.
            self._stopped.discard(worker)
            self._nursery.send('wake', worker)
            self.happened.append(Accident(Pause.kind, began, time.monotonic_ns(), (worker,)))

        self._later(lasting, wake)

    def _pause_server(self, lasting: float) -> None:
        # Nobody can end a pause of all clients early, so it must not outlast the run.
        left = math.inf if self._end is None else self._end - time.monotonic_ns()
        nanoseconds = min(self._plan.nanoseconds(lasting), left)
        began = time.monotonic_ns()
        milliseconds = round(nanoseconds / 1e6)
        if milliseconds < 1 or not self._send(lambda: self._control.client_pause(milliseconds, all=True)):
            return

        def over() -> None:
            self.happened.append(Accident(ServerPause.kind, began, time.monotonic_ns()))

        self._later(self._plan.seconds(round(nanoseconds)), over)

    def _send(self, command: Callable[[], object]) -> bool:
        """Send the server a command, and return whether it answered."""
        try:
            command()
        except Exception as error:
            if not is_documented(error):
                raise
            return False
        return True

    def _restart(self, fault: Restart, lasting: float) -> None:
        assert self._server is not None
        server = self._server
        if self._server_down:
            return
        self._server_down = True
        server.kill(fault.data)
        dead = time.monotonic_ns()

        def up() -> None:
            starting = time.monotonic_ns()
            server.start()
            self._server_down = False
            accident = Accident(fault.kind, dead, starting, up=time.monotonic_ns(), data=fault.data)
            self.happened.append(accident)

        self._later(lasting, up)

    def _disturb_network(self, fault: Fault, workers: tuple[int, ...], lasting: float) -> None:
        assert self._proxy is not None
        began = time.monotonic_ns()
        heals: list[Callable[[], None]] = []
        for worker in workers:
            weather = self._proxy.weather[worker]
            match fault:
                case Partition():
                    weather.cut += 1
                    heals.append(lambda weather=weather: setattr(weather, 'cut', weather.cut - 1))  # type: ignore[misc]
                case Slow():
                    heals.append(_added(weather.delays, fault.by / self._plan.speed))
                case LoseRequests():
                    heals.append(_added(weather.lost_requests, fault.share))
                case LoseReplies():
                    heals.append(_added(weather.lost_replies, fault.share))
                case _:
                    raise TypeError(f'a live run cannot carry out the fault {fault.kind}')

        def heal() -> None:
            for each in heals:
                each()
            self.happened.append(Accident(fault.kind, began, time.monotonic_ns(), workers))

        self._later(lasting, heal)


def _added(values: list[float], value: float) -> Callable[[], None]:
    """Add a value, and return the function that removes it."""
    values.append(value)
    return lambda: values.remove(value)
