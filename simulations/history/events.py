"""Define the events of a run.

A job that asks is *granted* a slot, or it is *refused* and leaves; one that will retry after a
pause is *retrying*.  The slot of a holder is *released*.  Or it has *expired* while the body still
runs, which nobody stops; when that body ends, it *overran*.  A holder that *crashed* never
releases, and its slot is *recovered* when it expires.

If commands take time and faults happen, one event may split into two.  A slot is *taken*, and its
job learns of it later: its body *began*, or *began late* if the slot was gone by then.  A body
*ended*, and its release arrives later: the slot is *freed*.  If the release never arrives, the slot
is *recovered*.  A job that got an error instead of an answer *failed*.  In a store that loses
writes, a slot may have *vanished* under its body.  In a store whose writes or clock go back, the
body may have *regained* it, or a slot that nobody wants any longer is *restored*.

If slots are renewed, a slot is *renewed* when the store gives it its full life again.  It is *lost*
when its holder's process knows that it is gone: because a renewal found it gone, or because its
life ended by that process's own clock.  The body runs on, because nobody stops it.

If jobs wait, one that finds the pool full is *queued*.  It stays in the queue until it is *served*,
and is then granted a slot, or its body begins; until its wait *timed out*, and then it is refused
or will retry; or until it *withdrew*, because its worker died or the store did not answer, and then
it failed.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


# Files and hashes refer to these by position, so add new ones at the end.
WHATS = (
    *('granted', 'refused', 'released', 'expired', 'overran', 'crashed', 'recovered', 'retrying'),
    *('taken', 'began', 'began late', 'ended', 'freed', 'failed', 'vanished', 'regained', 'restored'),
    *('renewed', 'lost'),
    *('queued', 'served', 'timed out', 'withdrew'),
)
GRANTED, REFUSED, RELEASED, EXPIRED, OVERRAN, CRASHED, RECOVERED, RETRYING = range(8)
TAKEN, BEGAN, BEGAN_LATE, ENDED, FREED, FAILED, VANISHED, REGAINED, RESTORED = range(8, 17)
RENEWED, LOST = range(17, 19)
QUEUED, SERVED, TIMED_OUT, WITHDREW = range(19, len(WHATS))

STARTS = (GRANTED, BEGAN, BEGAN_LATE)
"""The events at which a job gets what it asked for."""
BODY_ENDS = (RELEASED, OVERRAN, CRASHED, ENDED)
"""The events at which a body ends."""

# By how much each event changes the four counts, which are different things.
OCCUPANCY = dict.fromkeys((GRANTED, TAKEN, REGAINED, RESTORED), 1)
OCCUPANCY |= dict.fromkeys((RELEASED, EXPIRED, RECOVERED, FREED, VANISHED), -1)
RUNNING = dict.fromkeys(STARTS, 1) | dict.fromkeys(BODY_ENDS, -1)
OVERRUN = {EXPIRED: 1, OVERRAN: -1, BEGAN_LATE: 1, VANISHED: 1, REGAINED: -1}
QUEUE = {QUEUED: 1, SERVED: -1, TIMED_OUT: -1, WITHDREW: -1}


Row = tuple[float, int, int, int, int, int]
"""Instant, kind of event, job, number of the pool, and its occupancy and running bodies then."""


class Event(NamedTuple):
    """One event of a history.

    Attributes:
        time: the instant, in seconds of virtual time.
        what: the kind of event, one of ``WHATS``; the module's docstring explains them.
        job: the job's number, in order of arrival, from 0.
        key: the key of the pool, ``''`` if there is only one pool.
        occupancy: the live slots of that pool after the event.
        running: the bodies that run under that pool's key after the event.
    """

    time: float
    what: str
    job: int
    key: str
    occupancy: int
    running: int


class Block(NamedTuple):
    """Consecutive events in columns."""

    times: NDArray[np.float64]
    whats: NDArray[np.int8]
    jobs: NDArray[np.int64]
    pools: NDArray[np.int32]
    occupancy: NDArray[np.int64]
    running: NDArray[np.int64]

    @classmethod
    def empty(cls) -> 'Block':
        """Return a block without events."""
        integers = np.empty(0, np.int64)
        return cls(np.empty(0), np.empty(0, np.int8), integers, np.empty(0, np.int32), integers, integers)

    def followed_by(self, block: 'Block') -> 'Block':
        """Return the events of this block, then those of another."""
        pairs: Iterable[tuple[Any, Any]] = zip(self, block, strict=True)
        return Block(*map(np.concatenate, pairs))

    @classmethod
    def of(cls, rows: Sequence[Row]) -> 'Block':
        """Return the block of the given rows, of which there must be at least one."""
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
    """Return by how much each kind of event changes a count, at its position in ``WHATS``."""
    by_what = np.zeros(len(WHATS), np.int64)
    for what, step in steps.items():
        by_what[what] = step
    return by_what
