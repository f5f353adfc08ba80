"""Let faults happen at their instants, which each fault draws from its own random stream.

:mod:`simulations.engine.stepwise.effects` says what each fault does.
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
    """The faults of a run.

    Args:
        env: virtual time.
        faults: the faults that happen.
        seed: the seed of the run.
        workers: the workers that faults can hit.
        server: the server that faults can hit.

    Attributes:
        episodes: the faults that have happened so far, in order.
        over: set this to stop new faults from beginning.
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
            choose = getattr(fault, 'whom', None)
            numbers = () if choose is None else choose(len(self._workers), stream)
            seconds = fault.duration(stream)
            yield self._env.timeout(max(0.0, start + instant - self._env.now))
            if self.over:
                return
            self.episodes.append(Episode(fault.kind, numbers, self._env.now, self._env.now + seconds))
            self._env.process(self._happen(fault, [self._workers[number] for number in numbers], seconds))

    def _happen(self, fault: Fault, workers: list[Worker], seconds: float) -> Waiting:
        with effect(fault, workers, self._server):
            yield self._env.timeout(seconds)
