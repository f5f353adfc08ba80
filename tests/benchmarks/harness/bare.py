"""The same load in bare SimPy: a ``Resource``, and a process for each job.

A job that finds all slots taken leaves.  Only the refusals are counted; nothing else is checked or
recorded.  Arrivals and holding times come from the random streams of the harness, so exactly the
same jobs are refused.
"""

import random
import time
from collections.abc import Generator

import simpy

from tests.benchmarks.harness.load import HOLDING_MEAN, RATE, SEED, SLOTS


class Bare:
    """Runs the model.

    Attributes:
        refused: how many jobs were refused in the last run.
    """

    refused = 0

    def chunk(self, jobs: int) -> float:
        """Run this many jobs, and return the seconds that they took."""
        began = time.perf_counter()
        self._run(jobs)
        return time.perf_counter() - began

    def _run(self, jobs: int) -> None:
        env = simpy.Environment()
        slots = simpy.Resource(env, SLOTS)
        arrivals, holdings = random.Random(f'{SEED} arrivals'), random.Random(f'{SEED} holdings')
        refused = 0

        def job(holding: float) -> Generator[simpy.Event, None, None]:
            nonlocal refused
            if slots.count >= SLOTS:
                refused += 1
                return
            with slots.request() as request:
                yield request
                yield env.timeout(holding)

        def arrive() -> Generator[simpy.Event, None, None]:
            for _ in range(jobs):
                yield env.timeout(arrivals.expovariate(RATE))
                env.process(job(holdings.expovariate(1 / HOLDING_MEAN)))

        env.process(arrive())
        env.run()
        self.refused = refused
