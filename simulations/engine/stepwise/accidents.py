"""Let faults happen to workers and the server, each at its instants, drawn from a random stream of its own.

What a fault does is in :mod:`simulations.engine.stepwise.effects`.
"""

from collections.abc import Sequence
from random import Random

import simpy

from simulations.engine.stepwise.effects import effect
from simulations.engine.stepwise.server import Server
from simulations.engine.stepwise.worker import Waiting, Worker
from simulations.faults import Fault
from simulations.faults.episodes import Episode


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
        with effect(fault, workers, self._server):
            yield self._env.timeout(seconds)
