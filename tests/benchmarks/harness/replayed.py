"""The load through the harness, as a user would run it: every event is checked."""

import time

from simulations import InvariantError, Poisson, Result, Store, replay
from tests.benchmarks.harness.load import HOLDING_MEAN, RATE, SEED, SLOT_EXP, SLOTS


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
