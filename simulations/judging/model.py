"""Judge a run while it happens, by an independent model of a pool.

The model is written from the promises, not from the protocol, and shares no code with the library.
It knows who holds a slot until when. It receives the answers of the store and objects if a promise
is broken:

* *occupancy*: a slot was granted although ``max_size`` were taken;
* *honest refusal*: a job was refused although a slot was free;
* *own release*: a release found its slot gone before it had expired, or present afterwards;
* *at rest*: slots are left in the store after everyone has left.

A slot is gone at the very instant of its expiry.
"""

import math
from collections import deque
from itertools import takewhile

from simulations.history.events import CRASHED, EXPIRED, GRANTED, OVERRAN, RECOVERED, REFUSED, RELEASED, RETRYING
from simulations.history.recorder import Recorder
from simulations.judging.violation import EVENTS_SHOWN, BrokenPromise, Violation


FEW_EXPIRIES = 10_000
"""The most expiries of released slots that are kept."""


class _Pool:
    """One pool: who holds a slot until when, who crashed when, and how many bodies run."""

    __slots__ = ('crashed', 'key', 'number', 'running', 'until')

    def __init__(self, key: str, number: int) -> None:
        self.key = key
        self.number = number
        self.until: dict[int, float] = {}
        self.crashed: dict[int, float] = {}
        self.running = 0


class Model:
    """What the pools of a run must look like, by the promises alone.

    Args:
        max_size: the slots of each pool.
        slot_exp: the life of a slot in seconds; ``None`` for slots that never expire.
        recorder: receives the events in order of time.

    Attributes:
        recoveries: the number of recovered slots, and the sum and maximum of the seconds for which
            they had no holder.
        next_expiry: no slot expires before this instant unnoticed.
    """

    def __init__(self, max_size: int, slot_exp: float | None, recorder: Recorder) -> None:
        self._max_size = max_size
        self._slot_exp = math.inf if slot_exp is None else slot_exp
        self._recorder = recorder
        self._note = recorder.rows.append
        self._pools: dict[str, _Pool] = {}
        # In order, because all slots have the same life.
        self._expiries: deque[tuple[float, int, _Pool]] = deque()
        self.next_expiry = math.inf
        self._most_expiries = FEW_EXPIRIES
        self.recoveries = (0, 0.0, 0.0)

    @property
    def keys(self) -> list[str]:
        """The keys of the pools that were used."""
        return list(self._pools)

    def pool(self, key: str) -> _Pool:
        """Return the pool with this key, for the other methods."""
        found = self._pools.get(key)
        if found is None:
            found = self._pools[key] = _Pool(key, len(self._recorder.key_names))
            self._recorder.key_names.append(key)
        return found

    def granted(self, now: float, job: int, pool: _Pool) -> None:
        """Record that the store granted ``job`` a slot."""
        if self.next_expiry <= now:
            self._let_expire(now)
        until = pool.until
        if len(until) >= self._max_size:
            self._object('occupancy', now, f'job {job} was granted a slot although {len(until)} were taken', pool)
        until[job] = expiry = now + self._slot_exp
        pool.running += 1
        if expiry < math.inf:
            if not self._expiries:
                self.next_expiry = expiry
            self._expiries.append((expiry, job, pool))
            if len(self._expiries) > self._most_expiries:
                self._forget_released()
        self._note((now, GRANTED, job, pool.number, len(until), pool.running))

    def refused(self, now: float, job: int, pool: _Pool, again: bool = False) -> None:
        """Record that the store refused ``job``, which retries or leaves."""
        if self.next_expiry <= now:
            self._let_expire(now)
        taken = len(pool.until)
        if taken < self._max_size:
            self._object('honest refusal', now, f'job {job} was refused although only {taken} slots were taken', pool)
        self._note((now, RETRYING if again else REFUSED, job, pool.number, taken, pool.running))

    def ended(self, now: float, job: int, pool: _Pool, in_time: bool) -> None:
        """Record that a body ended; ``in_time`` says whether the store still had its slot."""
        if self.next_expiry <= now:
            self._let_expire(now)
        held = pool.until.pop(job, None) is not None
        if in_time != held:
            found, expired = ('present', 'had') if in_time else ('gone', 'had not')
            words = f'the release of job {job} reported its slot as {found} although it {expired} expired'
            self._object('own release', now, words, pool)
        pool.running -= 1
        self._note((now, RELEASED if held else OVERRAN, job, pool.number, len(pool.until), pool.running))

    def crashed(self, now: float, job: int, pool: _Pool) -> None:
        """Record that the holder ``job`` crashed without a release."""
        if self.next_expiry <= now:
            self._let_expire(now)
        held = job in pool.until
        if held:
            pool.crashed[job] = now
        pool.running -= 1
        self._note((now, CRASHED if held else OVERRAN, job, pool.number, len(pool.until), pool.running))

    def counted(self, now: float, pool: _Pool, size: int) -> None:
        """Record the answer of the store to a query of the size."""
        self.until(now)
        if size != len(pool.until):
            rule = 'occupancy' if pool.running else 'at rest'
            self._object(rule, now, f'the store counts {size} slots, but {len(pool.until)} are taken', pool)

    def until(self, now: float) -> float:
        """Let time pass until ``now``, and return the next instant at which a slot may expire.

        It may be that of a slot that was released before, and is infinity if there is none.
        """
        if self.next_expiry <= now:
            self._let_expire(now)
        return self.next_expiry

    def last_expiry(self, limit: float) -> float:
        """Return the last instant up to ``limit`` at which a slot may expire, or -infinity."""
        instants = takewhile(lambda instant: instant <= limit, (entry[0] for entry in self._expiries))
        return max(instants, default=-math.inf)

    def last_recovery(self) -> float | None:
        """The instant at which the last slot of a crashed holder expires, if there is one."""
        expiries = [pool.until[job] for pool in self._pools.values() for job in pool.crashed]
        return max((expiry for expiry in expiries if expiry < math.inf), default=None)

    def _let_expire(self, now: float) -> None:
        expiries = self._expiries
        while expiries and expiries[0][0] <= now:
            instant, job, pool = expiries.popleft()
            if pool.until.pop(job, None) is not None:
                what = EXPIRED
                if job in pool.crashed:
                    what, seconds = RECOVERED, instant - pool.crashed.pop(job)
                    count, total, longest = self.recoveries
                    self.recoveries = (count + 1, total + seconds, max(longest, seconds))
                self._note((instant, what, job, pool.number, len(pool.until), pool.running))
        self.next_expiry = expiries[0][0] if expiries else math.inf

    def _forget_released(self) -> None:
        # Released slots are skipped when they would have expired, which may be long after the run.
        self._expiries = deque(entry for entry in self._expiries if entry[1] in entry[2].until)
        self._most_expiries = max(FEW_EXPIRIES, 2 * len(self._expiries))

    def _object(self, rule: str, now: float, detail: str, pool: _Pool) -> None:
        where = f' (max_size {self._max_size}' + (f', pool {pool.key!r})' if pool.key else ')')
        raise BrokenPromise(Violation(rule, now, detail + where), self._recorder.last_events(EVENTS_SHOWN))
