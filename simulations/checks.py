"""Judge a run while it happens, by an independent model of what a pool is.

The model is written from the promises, not from the protocol, and shares no code with the library: a list of
who holds a slot until when.  It is told what the store answered and objects where the promises are broken:

* *occupancy*: a slot was granted although ``max_size`` were taken;
* *honest refusal*: a job was refused although a slot was free;
* *own release*: a release found its slot gone although it had not expired, or there although it had;
* *at rest*: slots are left in the store after everyone has left.

At the very instant of its expiry a slot is gone.
"""

import heapq
import math
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from simulations.history import EXPIRED, GRANTED, OVERRAN, REFUSED, RELEASED, Event


if TYPE_CHECKING:
    from simulations.results import Result

EVENTS_SHOWN = 12


class Violation(NamedTuple):
    """A promise that was broken: which, when, and how."""

    rule: str
    time: float
    detail: str

    def __str__(self) -> str:
        return f'{self.rule} violated at {self.time:g} s: {self.detail}'


class InvariantError(Exception):
    """A run was stopped because a promise was broken.

    Attributes:
        violation: which promise, when, and how.
        events: the last events before it.
        result: the run as far as it came.
    """

    result: 'Result'

    def __init__(self, violation: Violation, events: list[Event]) -> None:
        super().__init__(violation, events)
        self.violation = violation
        self.events = events

    def __str__(self) -> str:
        rows = [f'  {event.time:>16.6f}  {event.what:<8}  job {event.job:<8} {event.key}' for event in self.events]
        return '\n'.join([str(self.violation), 'the events before it:', *rows])


class _Pool:
    """What the model knows of one pool: who holds a slot until when, and how many bodies run."""

    def __init__(self) -> None:
        self.until: dict[int, float] = {}
        self.running = 0


class Model:
    """The pools of a run as they must be, told event by event what the store answered.

    ``record`` is called with every event, those that only the clock brings about included.
    """

    def __init__(self, max_size: int, slot_exp: float | None, record: Callable[[Event], None]) -> None:
        self._max_size = max_size
        self._slot_exp = math.inf if slot_exp is None else slot_exp
        self._record = record
        self._pools: dict[str, _Pool] = {}
        self._expiries: list[tuple[float, int, str]] = []
        self._last: deque[Event] = deque(maxlen=EVENTS_SHOWN)

    @property
    def keys(self) -> list[str]:
        """The pools that were asked."""
        return list(self._pools)

    def granted(self, now: float, job: int, key: str) -> None:
        """The store gave ``job`` a slot."""
        self._let_expire(now)
        pool = self._pools.setdefault(key, _Pool())
        if len(pool.until) >= self._max_size:
            self._object('occupancy', now, f'job {job} was granted a slot while {len(pool.until)} were taken', key)
        pool.until[job] = now + self._slot_exp
        pool.running += 1
        if pool.until[job] < math.inf:
            heapq.heappush(self._expiries, (pool.until[job], job, key))
        self._happened(now, GRANTED, job, key, pool)

    def refused(self, now: float, job: int, key: str) -> None:
        """The store answered ``job`` that the pool is full."""
        self._let_expire(now)
        pool = self._pools.setdefault(key, _Pool())
        if len(pool.until) < self._max_size:
            self._object('honest refusal', now, f'job {job} was refused while {len(pool.until)} were taken', key)
        self._happened(now, REFUSED, job, key, pool)

    def ended(self, now: float, job: int, key: str, in_time: bool) -> None:
        """The body of ``job`` ended; ``in_time`` is the store's answer whether its slot was still there."""
        self._let_expire(now)
        pool = self._pools[key]
        if in_time != (job in pool.until):
            found, expired = ('there', 'had') if in_time else ('gone', 'had not')
            self._object('own release', now, f'the slot of job {job} was {found} although it {expired} expired', key)
        pool.until.pop(job, None)
        pool.running -= 1
        self._happened(now, RELEASED if in_time else OVERRAN, job, key, pool)

    def counted(self, now: float, key: str, size: int) -> None:
        """The store was asked for the size of a pool."""
        self._let_expire(now)
        pool = self._pools[key]
        if size != len(pool.until):
            rule = 'occupancy' if pool.running else 'at rest'
            self._object(rule, now, f'the store counts {size} slots where {len(pool.until)} are taken', key)

    def _let_expire(self, now: float) -> None:
        while self._expiries and self._expiries[0][0] <= now:
            instant, job, key = heapq.heappop(self._expiries)
            pool = self._pools[key]
            if pool.until.pop(job, None) is not None:
                self._happened(instant, EXPIRED, job, key, pool)

    def _happened(self, now: float, what: str, job: int, key: str, pool: _Pool) -> None:
        event = Event(now, what, job, key, len(pool.until), pool.running)
        self._last.append(event)
        self._record(event)

    def _object(self, rule: str, now: float, detail: str, key: str) -> None:
        where = f' (max_size {self._max_size}' + (f', pool {key!r})' if key else ')')
        raise InvariantError(Violation(rule, now, detail + where), list(self._last))
