"""Let the jobs of a workload arrive at their instants of virtual time.

At one instant, bodies end before jobs arrive, see :mod:`simulations.engine.timers`.
"""

from collections.abc import Callable, Iterator

from simulations.engine.timers import Clock, check_moves_clock
from simulations.traces.job import Job, Turn
from simulations.workloads.workload import Workload


Ask = Callable[[int, float, str | None, int], None]
"""Receives a job's number, its holding time in seconds, its pool's key, and its client or -1."""

JOBS_PER_UPDATE = 256
"""The number of arrivals between two updates of the progress bar."""


class JobSource:
    """The source of the jobs of a run.

    Args:
        workload: the workload.
        ask: called for each job when it arrives.
        on_no_job: called when a client has finished thinking but brings no job, because the
            horizon or the number of jobs is reached.

    Attributes:
        env: virtual time, which begins with the first arrival: a trace may start at any instant.
        arrived: the number of jobs that have arrived.
    """

    def __init__(self, workload: Workload, ask: Ask, on_no_job: Callable[[], None] = lambda: None) -> None:
        self._workload = workload
        self._jobs: Iterator[Job] = iter(()) if workload.clients else iter(workload)
        self._first = next(self._jobs, None)
        # The start of an environment must be known when it is created.
        self.env = Clock(0.0 if self._first is None else self._first.arrival)
        self._ask = ask
        self._on_no_job = on_no_job
        self.arrived = 0
        self._on_the_way = 0

    @property
    def over(self) -> bool:
        """Whether no more jobs will arrive, except from clients that are busy now."""
        return not self._on_the_way

    def start(self) -> None:
        """Schedule the first arrivals."""
        if self._workload.clients:
            number = self._workload.clients.number
            self._turns = [self._workload.turns(client) for client in range(number)]
            for client in range(number):
                self.think(client)
        elif self._first is not None:
            self._on_the_way = 1
            self._following: Job = self._first
            self._arrive(0.0)

    def _arrive(self, late: float) -> None:
        job, following = self._following, next(self._jobs, None)
        if following is None:
            self._on_the_way = 0
        self._come(job.holding, job.key, -1, late)
        if following is not None:
            self._following = following
            self.env.after_ends(max(0.0, following.arrival - self.env.now), self._arrive)

    def _come(self, holding: float, key: str | None, client: int, late: float) -> None:
        number = self.arrived
        self.arrived += 1
        self._ask(number, max(0.0, holding - late) if late else holding, key, client)

    def think(self, client: int) -> None:
        """Let a client that is done with its last job think before the next."""
        turn: Turn = next(self._turns[client])
        self._on_the_way += 1

        def ask(late: float) -> None:
            self._on_the_way -= 1
            horizon, limit = self._workload.horizon, self._workload.expected_jobs
            if (horizon is None or self.env.now <= horizon) and (limit is None or self.arrived < limit):
                self._come(turn.holding, turn.key, client, late)
            else:
                self._on_no_job()

        self.env.after_ends(check_moves_clock(self.env.now, 'thinking', turn.thinking), ask)
