"""The same load in bare SimPy: a ``Resource``, and a process for each job.

A job that finds all slots taken leaves, or waits. Only the refusals or the waiting times are
counted; nothing else is checked or recorded. Arrivals and holding times come from the random
streams of the harness, so exactly the same jobs are refused, or wait.
"""

import random
import time
from collections.abc import Generator

import simpy

from tests.benchmarks.harness.load import HOLDING_MEAN, RATE, SEED, SLOTS


class Bare:
    """Runs the model.

    Args:
        waits: whether a job that finds all slots taken waits, for as long as it takes.

    Attributes:
        refused: how many jobs were refused in the last run.
        waited: for how many seconds all of its jobs waited.
    """

    refused = 0
    waited = 0.0

    def __init__(self, *, waits: bool = False) -> None:
        self._waits = waits

    def chunk(self, jobs: int) -> float:
        """Run this many jobs, and return the seconds that they took."""
        began = time.perf_counter()
        self._run(jobs)
        return time.perf_counter() - began

    def _run(self, jobs: int) -> None:
        env = simpy.Environment()
        slots = simpy.Resource(env, SLOTS)
        arrivals, holdings = random.Random(f'{SEED} arrivals'), random.Random(f'{SEED} holdings')
        leaves = not self._waits
        refused, waited = 0, 0.0

        def job(holding: float) -> Generator[simpy.Event, None, None]:
            nonlocal refused, waited
            if leaves and slots.count >= SLOTS:
                refused += 1
                return
            asked = env.now
            with slots.request() as request:
                yield request
                waited += env.now - asked
                yield env.timeout(holding)

        def arrive() -> Generator[simpy.Event, None, None]:
            for _ in range(jobs):
                yield env.timeout(arrivals.expovariate(RATE))
                env.process(job(holdings.expovariate(1 / HOLDING_MEAN)))

        env.process(arrive())
        env.run()
        self.refused, self.waited = refused, waited
