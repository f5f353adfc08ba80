"""The load through the harness, as a user would run it: every event is checked."""

import time

from simulations import InvariantError, Poisson, Result, Store, replay
from tests.benchmarks.harness.load import HOLDING_MEAN, RATE, SEED, SLOT_EXP, SLOTS, SPARE


class BrokenPromiseError(Exception):
    """A run stopped because a promise of the pool was broken, which the message names."""


class Replayed:
    """Replays the load.

    Args:
        store: ``'memory'``, or an open store.
        audit: whether to ask the store for the size of the pool after every event as well.
        history: whether to keep every event.

    Attributes:
        refused: how many jobs were refused in the last run.
    """

    refused = 0

    def __init__(self, store: str | Store = 'memory', *, audit: bool = False, history: bool = True) -> None:
        self._store = store
        self._audit = audit
        self._history = history

    def chunk(self, jobs: int) -> float:
        """Run this many jobs, and return the seconds that they took.

        The time includes making the jobs and the result.

        Raises:
            BrokenPromiseError: the pool broke a promise.
        """
        began = time.perf_counter()
        try:
            result = self._run(jobs)
        except InvariantError as error:
            raise BrokenPromiseError(str(error.violation)) from error
        took = time.perf_counter() - began
        self.refused = result.figures.refused
        return took

    def _run(self, jobs: int) -> Result:
        return replay(
            Poisson(RATE, f'exp:{HOLDING_MEAN}', jobs=jobs, seed=SEED),
            max_size=SLOTS,
            slot_exp=SLOT_EXP,
            store=self._store,
            audit=self._audit,
            history=self._history,
        )


class ReplayedQueue(Replayed):
    """Replays a load whose jobs wait for as long as it takes.

    Args:
        rate: arrivals a second.
        spare: whether there are so many slots that no job waits, and none is told to.

    Attributes:
        waited: for how many seconds all jobs of the last run waited.
        share: the share of them that waited.
    """

    waited = 0.0
    share = 0.0

    def __init__(self, *, rate: float = RATE, spare: bool = False) -> None:
        super().__init__()
        self._rate = rate
        self._spare = spare

    def _run(self, jobs: int) -> Result:
        result = replay(
            Poisson(self._rate, f'exp:{HOLDING_MEAN}', jobs=jobs, seed=SEED),
            max_size=SLOTS * SPARE if self._spare else SLOTS,
            slot_exp=SLOT_EXP,
            wait=0 if self._spare else None,
        )
        figures = result.figures
        self.waited, self.share = figures.wait_mean_granted * figures.granted, figures.waited_share
        return result
