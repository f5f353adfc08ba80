"""What arrives, when, and how long it holds a slot.

A workload is any sequence of jobs in order of arrival; it can be gone through again and again, and each
time it gives the same jobs.  All times are in seconds.
"""

from collections.abc import Iterator
from typing import Protocol

from simulations.traces.job import Job, Turn
from simulations.workloads.arrivals import Clients


class Workload(Protocol):
    """Jobs in order of arrival."""

    @property
    def name(self) -> str:
        """What it is, for reports and pictures."""
        ...

    @property
    def expected_jobs(self) -> int | None:
        """How many there will be, where that is known beforehand."""
        ...

    @property
    def skipped(self) -> dict[str, int]:
        """How many records of the source could not be used, by reason."""
        ...

    @property
    def steady(self) -> bool:
        """Whether its law is the same at all times, so that a mean after a warm-up is one in the long run."""
        ...

    @property
    def period(self) -> float | None:
        """After how many seconds the law of the arrivals repeats itself; ``None`` if it does not."""
        ...

    @property
    def horizon(self) -> float | None:
        """After how many seconds no job arrives any more; ``None`` if their number ends them."""
        ...

    @property
    def clients(self) -> Clients | None:
        """Who asks, where that is a given number of clients: then there are turns in place of jobs."""
        ...

    def __iter__(self) -> Iterator[Job]:
        """The jobs; raises ``TypeError`` where there are clients, whose jobs depend on what the pool answers."""
        ...

    def turns(self, client: int) -> Iterator[Turn]:
        """What one of the clients does, turn by turn, without end; raises ``TypeError`` where there are none."""
        ...
