"""Count the grants that passed a job which had arrived earlier and still wanted a slot."""

import numpy as np

from simulations.history.events import FAILED, QUEUED, REFUSED, RETRYING, STARTS, WHATS, Block


_TELLING = np.isin(np.arange(len(WHATS)), (QUEUED, RETRYING, *STARTS, REFUSED, FAILED))
_WANTS, _GETS = frozenset((QUEUED, RETRYING)), frozenset(STARTS)
_WANTING = np.isin(np.arange(len(WHATS)), tuple(_WANTS))


class _Pool:
    """The jobs of a pool that want a slot; their numbers are in order of arrival."""

    __slots__ = ('in_order', 'last', 'wanting')

    def __init__(self) -> None:
        self.wanting: dict[int, None] = {}
        self.last = -1
        self.in_order = True

    def want(self, job: int) -> None:
        # Over a network, the request of a later job may be the first to be answered.
        if job < self.last:
            self.in_order = False
        self.last = job
        self.wanting[job] = None

    def first(self) -> int:
        """Return the job that arrived first."""
        return next(iter(self.wanting)) if self.in_order else min(self.wanting)


class Overtakings:
    """The overtakings of a run.

    Attributes:
        count: how many there were.
    """

    def __init__(self) -> None:
        self.count = 0
        self._pools: dict[int, _Pool] = {}
        self._wanting = 0

    def add(self, block: Block) -> None:
        """Take the next events."""
        rows = np.flatnonzero(_TELLING[block.whats])
        if not self._wanting:
            # Until the first job that wants a slot and has none, nothing is to be counted.
            wanting = np.flatnonzero(_WANTING[block.whats[rows]])
            rows = rows[wanting[0] :] if len(wanting) else rows[:0]
        pools = self._pools
        columns = (column[rows].tolist() for column in (block.whats, block.jobs, block.pools))
        for what, job, number in zip(*columns, strict=True):
            pool = pools.get(number)
            if pool is None:
                pool = pools[number] = _Pool()
            wanting_here = pool.wanting
            if what in _WANTS:
                if job not in wanting_here:
                    pool.want(job)
                    self._wanting += 1
            else:
                if job in wanting_here:
                    del wanting_here[job]
                    self._wanting -= 1
                if wanting_here and what in _GETS and pool.first() < job:
                    self.count += 1
