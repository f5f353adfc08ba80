"""What a workload is made of: jobs, or the turns of a client."""

from typing import Any, NamedTuple


LONGEST = 1e300
"""In seconds: what a clock can count, an expiry included."""


class Job(NamedTuple):
    """One arrival: its instant, its holding time, and which pool it asks, where there are many."""

    arrival: float
    holding: float
    key: str | None = None


class Turn(NamedTuple):
    """What a client does next: it thinks for so long, asks the pool, and holds a slot for so long if it gets one."""

    thinking: float
    holding: float
    key: str | None = None


def checked_job(given: Any) -> Job:
    """A job as it was listed: (arrival, holding) or (arrival, holding, key).

    Raises:
        TypeError, ValueError: no job can be so.
    """
    try:
        arrival, holding, *key = given
        job = Job(float(arrival), float(holding), *key)
        if job.key is not None:
            job.key.encode()
        fits = job.holding >= 0 and abs(job.arrival + job.holding) < LONGEST
    except (TypeError, AttributeError, ValueError, OverflowError):
        raise TypeError(f'a job is (arrival, holding) or (arrival, holding, key), in seconds, not {given!r}') from None
    if not fits:
        raise ValueError(f'a job needs a finite arrival and a holding time of at least 0 seconds, got {given!r}')
    return job
