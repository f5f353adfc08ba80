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
from simulations.faults.episodes import Episode, Missed, missed


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
        missed: the faults that never happened, once the run is over.
    """

    def __init__(
        self, env: simpy.Environment, faults: Sequence[Fault], seed: int, workers: Sequence[Worker], server: Server
    ) -> None:
        self._env = env
        self._workers = workers
        self._server = server
        self.episodes: list[Episode] = []
        self.missed: list[Missed] = []
        self._over = False
        self._start = env.now
        # How often each fault has started, and when it is to start next.
        self._started = [0] * len(faults)
        self._following = [0.0] * len(faults)
        self._faults = faults
        for index, fault in enumerate(faults):
            env.process(self._keep_on(index, fault, Random(f'{seed} fault {index} {fault.kind}')))

    def finish(self) -> None:
        """Let no more faults begin, because the run is over."""
        self._over = True
        over = self._env.now - self._start
        for fault, started, following in zip(self._faults, self._started, self._following, strict=True):
            self.missed += missed(fault, started, following, over)

    def _keep_on(self, index: int, fault: Fault, stream: Random) -> Waiting:
        for instant in fault.instants(stream):
            self._following[index] = instant
            choose = getattr(fault, 'whom', None)
            numbers = () if choose is None else choose(len(self._workers), stream)
            seconds = fault.duration(stream)
            yield self._env.timeout(max(0.0, self._start + instant - self._env.now))
            if self._over:
                return
            self._started[index] += 1
            self.episodes.append(Episode(fault.kind, numbers, self._env.now, self._env.now + seconds))
            self._env.process(self._happen(fault, [self._workers[number] for number in numbers], seconds))

    def _happen(self, fault: Fault, workers: list[Worker], seconds: float) -> Waiting:
        with effect(fault, workers, self._server):
            yield self._env.timeout(seconds)
