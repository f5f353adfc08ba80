"""Let faults happen to workers and the server, each at its instants, drawn from a stream of its own."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from random import Random

import simpy

from simulations.engine.stepwise.server import Server
from simulations.engine.stepwise.worker import Waiting, Worker
from simulations.faults import (
    Crash,
    Failover,
    Fault,
    FlushScripts,
    LoseReplies,
    LoseRequests,
    Partition,
    Pause,
    Restart,
    ServerClock,
    ServerPause,
    Slow,
    WorkerClock,
)
from simulations.faults.episodes import Episode
from simulations.judging import Loss


class Accidents:
    """What goes wrong in a run.

    Args:
        env: virtual time.
        faults: what may.
        seed: of the run.
        workers: whom it may befall.
        server: whom else.

    Attributes:
        episodes: what went wrong so far, in order.
        over: set it where nothing more is to begin.
    """

    def __init__(
        self, env: simpy.Environment, faults: Sequence[Fault], seed: int, workers: Sequence[Worker], server: Server
    ) -> None:
        self._env = env
        self._workers = workers
        self._server = server
        self.episodes: list[Episode] = []
        self.over = False
        for index, fault in enumerate(faults):
            env.process(self._keep_on(fault, Random(f'{seed} fault {index} {fault.kind}')))

    def _keep_on(self, fault: Fault, stream: Random) -> Waiting:
        start = self._env.now
        for instant in fault.instants(stream):
            befallen = getattr(fault, 'whom', None)
            whom = () if befallen is None else befallen(len(self._workers), stream)
            seconds = fault.duration(stream)
            yield self._env.timeout(max(0.0, start + instant - self._env.now))
            if self.over:
                return
            self.episodes.append(Episode(fault.kind, whom, self._env.now, self._env.now + seconds))
            self._env.process(self._happen(fault, [self._workers[number] for number in whom], seconds))

    def _happen(self, fault: Fault, workers: list[Worker], seconds: float) -> Waiting:
        with self._going_on(fault, workers):
            yield self._env.timeout(seconds)

    @contextmanager
    def _going_on(self, fault: Fault, workers: list[Worker]) -> Iterator[None]:
        """Something is wrong within."""
        began, server = self._env.now, self._server
        match fault:
            case Crash():
                for worker in workers:
                    worker.die()
                yield
                for worker in workers:
                    worker.come_back()
            case Pause():
                for worker in workers:
                    worker.pause()
                yield
                for worker in workers:
                    worker.go_on()
            case Slow(by=by):
                for worker in workers:
                    worker.slower += by
                yield
                for worker in workers:
                    worker.slower -= by
            case LoseRequests(share=share):
                for worker in workers:
                    worker.lost_requests.append(share)
                yield
                for worker in workers:
                    worker.lost_requests.remove(share)
            case LoseReplies(share=share):
                for worker in workers:
                    worker.lost_replies.append(share)
                yield
                for worker in workers:
                    worker.lost_replies.remove(share)
            case Partition():
                for worker in workers:
                    worker.cut += 1
                yield
                for worker in workers:
                    worker.cut -= 1
            case WorkerClock(by=by, lasting=lasting):
                for worker in workers:
                    worker.ahead += by
                yield
                if _ends(lasting):
                    for worker in workers:
                        worker.ahead -= by
            case ServerClock(by=by, lasting=lasting):
                server.jump(by)
                yield
                if _ends(lasting):
                    server.jump(-by)
            case ServerPause():
                server.stand_still()
                yield
                server.go_on()
            case Restart(data=data):
                server.go_down()
                if data == 'lost':
                    server.losses.append(Loss(began))
                    server.go_on_with(server.data(math.inf))
                yield
                server.come_up()
            case Failover(missing=missing):
                server.go_down()
                server.losses.append(Loss(began, missing))
                replica = server.data(missing)
                yield
                server.go_on_with(replica)
                server.come_up()
            case FlushScripts():
                server.forget_scripts()
                yield
            case _:
                raise TypeError(f'nobody can let a {fault.kind} happen in virtual time')


def _ends(lasting: object) -> bool:
    """Whether it was said how long, and not for good."""
    return str(lasting) != 'const:0'
