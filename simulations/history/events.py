"""What happened in a run, event by event.

A job that asks is *granted* a slot, or *refused* and leaves; one that will ask again after a pause is *retrying*.
The slot of a holder is *released*, or it *expired* and the body, which nobody stopped, ends later: it *overran*.
A holder may also have *crashed*: it never releases, and its slot is *recovered* when it expires.

Where commands take time and faults happen, one thing may come apart into two.  A slot is *taken*, and its job is told
later: its body *began*, or *began late* if the slot was gone by then.  A body *ended*, and the release arrives later:
the slot is *freed*; or it never does, and the slot is *recovered*.  A job that got an error instead of an answer
*failed*.  A store that loses writes may let a slot *vanish* under its body, and a store whose writes or clock go back
may give it back (*regained*), or a slot that nobody wants any more (*restored*).
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


# Kept in files and hashes by their places: new ones come last.
WHATS = (
    *('granted', 'refused', 'released', 'expired', 'overran', 'crashed', 'recovered', 'retrying'),
    *('taken', 'began', 'began late', 'ended', 'freed', 'failed', 'vanished', 'regained', 'restored'),
)
GRANTED, REFUSED, RELEASED, EXPIRED, OVERRAN, CRASHED, RECOVERED, RETRYING = range(8)
TAKEN, BEGAN, BEGAN_LATE, ENDED, FREED, FAILED, VANISHED, REGAINED, RESTORED = range(8, len(WHATS))

STARTS = (GRANTED, BEGAN, BEGAN_LATE)
"""With each a job has got what it asked for."""

# By how much each changes the three counts, which are never the same thing.
OCCUPANCY = dict.fromkeys((GRANTED, TAKEN, REGAINED, RESTORED), 1)
OCCUPANCY |= dict.fromkeys((RELEASED, EXPIRED, RECOVERED, FREED, VANISHED), -1)
RUNNING = dict.fromkeys(STARTS, 1) | dict.fromkeys((RELEASED, OVERRAN, CRASHED, ENDED), -1)
OVERRUN = {EXPIRED: 1, OVERRAN: -1, BEGAN_LATE: 1, VANISHED: 1, REGAINED: -1}


Row = tuple[float, int, int, int, int, int]
"""Instant, what, job, number of the pool, and occupancy and running of that pool after it."""


class Event(NamedTuple):
    """One row of a history.

    Attributes:
        time: the instant, in seconds of virtual time.
        what: one of ``WHATS``, as the module tells.
        job: the job's number, in order of arrival, from 0.
        key: the pool, ``''`` where there is only one.
        occupancy: live slots of that pool, after the event.
        running: bodies that run under that pool's key, after the event.
    """

    time: float
    what: str
    job: int
    key: str
    occupancy: int
    running: int


class Block(NamedTuple):
    """Some events that followed one another, in columns."""

    times: NDArray[np.float64]
    whats: NDArray[np.int8]
    jobs: NDArray[np.int64]
    pools: NDArray[np.int32]
    occupancy: NDArray[np.int64]
    running: NDArray[np.int64]

    @classmethod
    def empty(cls) -> 'Block':
        """No events."""
        whole = np.empty(0, np.int64)
        return cls(np.empty(0), np.empty(0, np.int8), whole, np.empty(0, np.int32), whole, whole)

    def followed_by(self, block: 'Block') -> 'Block':
        """These events and then those."""
        pairs: Iterable[tuple[Any, Any]] = zip(self, block, strict=True)
        return Block(*map(np.concatenate, pairs))

    @classmethod
    def of(cls, rows: Sequence[Row]) -> 'Block':
        """The events that were noted as rows, of which there must be one at least."""
        times, whats, jobs, pools, occupancy, running = zip(*rows, strict=True)
        return cls(
            np.array(times, np.float64),
            np.array(whats, np.int8),
            np.array(jobs, np.int64),
            np.array(pools, np.int32),
            np.array(occupancy, np.int64),
            np.array(running, np.int64),
        )


def changes(steps: dict[int, int]) -> NDArray[np.int64]:
    """By how much each kind of event changes a count, at its place in ``WHATS``."""
    by_what = np.zeros(len(WHATS), np.int64)
    for what, step in steps.items():
        by_what[what] = step
    return by_what
