"""Let the jobs of a workload arrive, at their instants of virtual time.

At one instant they come after all that ends then, so a slot that becomes free can be taken at once.
"""

from collections.abc import Callable, Iterator

import simpy

from simulations.engine.timers import After, moves_on
from simulations.traces.job import Job, Turn
from simulations.workloads.workload import Workload


Ask = Callable[[int, float, str | None, int], None]
"""Takes the number of a job, its holding time in seconds, the key of its pool, and its client (-1: it has none)."""

JOBS_PER_UPDATE = 256
"""The progress bar of a run moves each time this many jobs have come."""


class JobSource:
    """The jobs that have yet to come.

    Args:
        workload: which.
        ask: what each does when it arrives.
        none_comes: called when a client that thought has no job, as the time or the number is up.

    Attributes:
        env: virtual time, which begins with the first arrival: a trace may start at any instant.
        came: how many have arrived.
    """

    def __init__(self, workload: Workload, ask: Ask, none_comes: Callable[[], None] = lambda: None) -> None:
        self._workload = workload
        self._jobs: Iterator[Job] = iter(()) if workload.clients else iter(workload)
        self._first = next(self._jobs, None)
        # An environment starts before its first event.
        self.env = simpy.Environment(initial_time=0.0 if self._first is None else self._first.arrival)
        self._ask = ask
        self._none_comes = none_comes
        self.came = 0
        self._on_the_way = 0

    @property
    def over(self) -> bool:
        """Whether no more will come, unless a client that is busy thinks of another."""
        return not self._on_the_way

    def start(self) -> None:
        """Let the first ones come."""
        if self._workload.clients:
            number = self._workload.clients.number
            self._turns = [self._workload.turns(client) for client in range(number)]
            for client in range(number):
                self.think(client)
        elif self._first is not None:
            self._on_the_way = 1
            self._arrive(self._first)

    def _arrive(self, job: Job) -> None:
        following = next(self._jobs, None)
        if following is None:
            self._on_the_way = 0
        self._come(job.holding, job.key, -1)
        if following is not None:
            delay = max(0.0, following.arrival - self.env.now)
            After(self.env, delay, lambda _: self._arrive(following), After.AFTER_ALL_ENDS)

    def _come(self, holding: float, key: str | None, client: int) -> None:
        number = self.came
        self.came += 1
        self._ask(number, holding, key, client)

    def think(self, client: int) -> None:
        """A client is done with its last job, and thinks of the next."""
        turn: Turn = next(self._turns[client])
        self._on_the_way += 1

        def ask(_: simpy.Event) -> None:
            self._on_the_way -= 1
            horizon, most = self._workload.horizon, self._workload.expected_jobs
            if (horizon is None or self.env.now <= horizon) and (most is None or self.came < most):
                self._come(turn.holding, turn.key, client)
            else:
                self._none_comes()

        After(self.env, moves_on(self.env.now, 'thinking', turn.thinking), ask, After.AFTER_ALL_ENDS)
