"""Define what a workload consists of: jobs, or the turns of a client."""

from typing import Any, NamedTuple


LONGEST = 1e300
"""The limit of every instant in seconds, including that of an expiry."""


class Job(NamedTuple):
    """A job: its arrival and holding time in seconds, and the key that chooses its pool."""

    arrival: float
    holding: float
    key: str | None = None


class Turn(NamedTuple):
    """A client's turn: seconds of thinking, then of holding a slot if it got one, and the key."""

    thinking: float
    holding: float
    key: str | None = None


def checked_job(given: Any) -> Job:
    """Return a job from a tuple (arrival, holding) or (arrival, holding, key).

    Raises:
        TypeError, ValueError: this is not a job.
    """
    try:
        arrival, holding, *key = given
        job = Job(float(arrival), float(holding), *key)
        if job.key is not None:
            job.key.encode()
        fits = job.holding >= 0 and abs(job.arrival + job.holding) < LONGEST
    except (TypeError, AttributeError, ValueError, OverflowError):
        raise TypeError(
            f'a job must be (arrival, holding) or (arrival, holding, key), in seconds, not {given!r}'
        ) from None
    if not fits:
        raise ValueError(f'a job needs a finite arrival and a holding time of at least 0 seconds, got {given!r}')
    return job
