"""Define a workload: which jobs arrive, when, and how long each holds its slot.

A workload is any iterable of jobs in order of arrival.  You can iterate over it repeatedly, and
each time it yields the same jobs.  All times are in seconds.
"""

from collections.abc import Iterator
from typing import Protocol

from simulations.traces.job import Job, Turn
from simulations.workloads.arrivals import Clients


class Workload(Protocol):
    """An iterable of jobs in order of arrival."""

    @property
    def name(self) -> str:
        """A description for reports and pictures."""
        ...

    @property
    def expected_jobs(self) -> int | None:
        """The number of jobs, if it is known beforehand; else ``None``."""
        ...

    @property
    def skipped(self) -> dict[str, int]:
        """The number of records of the source that could not be used, by reason."""
        ...

    @property
    def steady(self) -> bool:
        """Whether its law is the same at all times.

        If so, a mean after the warm-up estimates the mean in the long run.
        """
        ...

    @property
    def period(self) -> float | None:
        """The seconds after which the law of the arrivals repeats; ``None`` if it does not."""
        ...

    @property
    def horizon(self) -> float | None:
        """The seconds during which jobs arrive; ``None`` if only their number is limited."""
        ...

    @property
    def clients(self) -> Clients | None:
        """The clients, if there is a given number of them: then there are turns instead of jobs."""
        ...

    def __iter__(self) -> Iterator[Job]:
        """Yield the jobs.

        Raises:
            TypeError: there are clients, whose jobs depend on the pool's answers.
        """
        ...

    def turns(self, client: int) -> Iterator[Turn]:
        """Yield the turns of one client, without end.

        Raises:
            TypeError: there are no clients.
        """
        ...
