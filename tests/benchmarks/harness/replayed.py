"""The load through the harness, as its users do it: every event is checked."""

import time

from simulations import InvariantError, Poisson, Result, Store, replay
from tests.benchmarks.harness.load import HOLDING_MEAN, RATE, SEED, SLOT_EXP, SLOTS


class BrokenPromiseError(Exception):
    """A run stopped because a promise of the pool was broken; the message says which."""


class Replayed:
    """Replays the load.

    Args:
        store: ``'memory'``, or an open store.
        audit: the store is asked for the size of the pool after every event as well.
        history: every event is kept.

    Attributes:
        refused: how many jobs were refused in the last run.
    """

    refused = 0

    def __init__(self, store: str | Store = 'memory', *, audit: bool = False, history: bool = True) -> None:
        self._store = store
        self._audit = audit
        self._history = history

    def chunk(self, jobs: int) -> float:
        """So many jobs; returns the seconds that they took, the making of the jobs and of the result included.

        Raises ``BrokenPromiseError``.
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
