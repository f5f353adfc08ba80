"""Judge a run while it happens, by an independent model of a pool.

The model is written from the promises, not from the protocol, and shares no code with the library.
It knows who holds a slot until when. It receives the answers of the store and objects if a promise
is broken:

* *occupancy*: a slot was granted although ``max_size`` were taken;
* *honest refusal*: a job was refused although a slot was free;
* *own release*: a release found its slot gone before it had expired, or present afterwards;
* *renewal*: a renewal found its slot gone before it had expired, or present afterwards;
* *order*: a job that waits was given a slot although another has waited longer at the same pool;
* *waiting*: a job waits although a slot is free;
* *at rest*: slots are left in the store after everyone has left.

A slot is gone at the very instant of its expiry.
"""

import math
from collections import deque
from itertools import takewhile

from simulations.history.events import (
    CRASHED,
    EXPIRED,
    GRANTED,
    LOST,
    OVERRAN,
    QUEUED,
    RECOVERED,
    REFUSED,
    RELEASED,
    RENEWED,
    RETRYING,
    SERVED,
    TIMED_OUT,
)
from simulations.history.recorder import Recorder
from simulations.judging.violation import EVENTS_SHOWN, BrokenPromise, Violation


ROUNDING = 1e-12
"""Two instants are the same if they differ by no more than this share of them."""

FEW_EXPIRIES = 10_000
"""The most expiries of released slots that are kept."""


class _Pool:
    """One pool: who holds a slot until when, who waits, who crashed when, and how many bodies run.

    The slots are in order of their expiries, the queue in order of its beginning; each waiter has
    the size that it passed.
    """

    __slots__ = ('crashed', 'key', 'number', 'queue', 'running', 'until')

    def __init__(self, key: str, number: int) -> None:
        self.key = key
        self.number = number
        self.until: dict[int, float] = {}
        self.queue: dict[int, int] = {}
        self.crashed: dict[int, float] = {}
        self.running = 0


class Model:
    """What the pools of a run must look like, by the promises alone.

    Args:
        max_size: the slots of each pool.
        slot_exp: the life of a slot in seconds; ``None`` for slots that never expire.
        recorder: receives the events in order of time.
        renewed: whether holders renew their slots, so that they know when they lose them.

    Attributes:
        max_size: as given.
        recoveries: the number of recovered slots, and the sum and maximum of the seconds for which
            they had no holder.
        next_expiry: no slot expires before this instant unnoticed.
    """

    def __init__(self, max_size: int, slot_exp: float | None, recorder: Recorder, renewed: bool = False) -> None:
        self.max_size = max_size
        self._slot_exp = math.inf if slot_exp is None else slot_exp
        self._recorder = recorder
        self._renewed = renewed
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

    def granted(self, now: float, job: int, pool: _Pool, size: int | None = None) -> None:
        """Record that the store granted ``job`` a slot; ``size`` is the ``max_size`` it passed."""
        if self.next_expiry <= now:
            self._let_expire(now)
        until = pool.until
        if len(until) >= (self.max_size if size is None else size):
            self._object('occupancy', now, f'job {job} was granted a slot although {len(until)} were taken', pool)
        until[job] = expiry = now + self._slot_exp
        pool.running += 1
        if expiry < math.inf:
            self._will_expire(expiry, job, pool)
        self._note((now, GRANTED, job, pool.number, len(until), pool.running))

    def renewed(self, now: float, job: int, pool: _Pool, there: bool) -> None:
        """Record the answer of the store to a renewal: whether the slot was there."""
        if self.next_expiry <= now:
            self._let_expire(now)
        held = job in pool.until
        if there != held:
            found, expired = ('present', 'had') if there else ('gone', 'had not')
            words = f'the renewal of job {job} reported its slot as {found} although it {expired} expired'
            self._object('renewal', now, words, pool)
        if held:
            # At the end, so that the slots stay in order of their expiries.
            del pool.until[job]
            pool.until[job] = expiry = now + self._slot_exp
            self._will_expire(expiry, job, pool)
            self._note((now, RENEWED, job, pool.number, len(pool.until), pool.running))

    def _will_expire(self, expiry: float, job: int, pool: _Pool) -> None:
        if not self._expiries:
            self.next_expiry = expiry
        self._expiries.append((expiry, job, pool))
        if len(self._expiries) > self._most_expiries:
            self._forget_gone()

    def refused(
        self,
        now: float,
        job: int,
        pool: _Pool,
        again: bool = False,
        max_waiting: int | None = None,
        size: int | None = None,
        promised: bool = False,
    ) -> None:
        """Record that the store refused ``job``, which retries or leaves.

        With ``max_waiting``, it did so because that many wait already; ``promised`` says whether
        waiters with a smaller ``size`` may have kept it from a free slot, because they came first.
        """
        if self.next_expiry <= now:
            self._let_expire(now)
        taken = len(pool.until)
        if max_waiting is not None and len(pool.queue) < max_waiting:
            words = f'job {job} was not queued because {max_waiting} wait, but {len(pool.queue)} do'
            self._object('honest refusal', now, words, pool)
        if taken < (self.max_size if size is None else size) and not (promised and size is not None):
            self._object('honest refusal', now, f'job {job} was refused although only {taken} slots were taken', pool)
        self._note((now, RETRYING if again else REFUSED, job, pool.number, taken, pool.running))

    def queued(self, now: float, job: int, pool: _Pool, size: int | None = None) -> None:
        """Record that the store queued ``job``; ``size`` is the ``max_size`` that it passed."""
        if self.next_expiry <= now:
            self._let_expire(now)
        taken = len(pool.until)
        limit = self.max_size if size is None else size
        # Behind others, even if those allow fewer slots than it does.
        if taken < limit and not (pool.queue and size is not None):
            self._object('waiting', now, f'job {job} was queued although only {taken} slots were taken', pool)
        pool.queue[job] = limit
        self._note((now, QUEUED, job, pool.number, taken, pool.running))

    def served(self, now: float, job: int, pool: _Pool) -> None:
        """Record that ``job`` leaves the queue because the store gives it a slot."""
        if self.next_expiry <= now:
            self._let_expire(now)
        first = next(iter(pool.queue), None)
        if first != job:
            words = f'job {job} was given a slot although job {first} has waited longer'
            self._object('order', now, words if first is not None else f'job {job} was served but did not wait', pool)
        del pool.queue[job]
        self._note((now, SERVED, job, pool.number, len(pool.until), pool.running))

    def timed_out(self, now: float, job: int, pool: _Pool) -> None:
        """Record that ``job`` leaves the queue without a slot because its time is up."""
        if self.next_expiry <= now:
            self._let_expire(now)
        del pool.queue[job]
        self._note((now, TIMED_OUT, job, pool.number, len(pool.until), pool.running))

    def may_serve(self, pool: _Pool) -> bool:
        """Return whether a slot is free for the first waiter of a pool."""
        return bool(pool.queue) and len(pool.until) < next(iter(pool.queue.values()))

    def check_waiting(self, now: float, pool: _Pool) -> None:
        """Check that no slot is free while a job waits, after a request that could give it away."""
        if self.may_serve(pool):
            words = f'job {next(iter(pool.queue))} waits although only {len(pool.until)} slots are taken'
            self._object('waiting', now, words, pool)

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
            # A slot that was renewed since then has another expiry.
            if pool.until.get(job) == instant:
                del pool.until[job]
                what = EXPIRED
                if job in pool.crashed:
                    what, seconds = RECOVERED, instant - pool.crashed.pop(job)
                    count, total, longest = self.recoveries
                    self.recoveries = (count + 1, total + seconds, max(longest, seconds))
                self._note((instant, what, job, pool.number, len(pool.until), pool.running))
                if self.may_serve(pool) and instant < now - ROUNDING * max(1.0, abs(now)):
                    words = f'job {next(iter(pool.queue))} waits although a slot has been free since {instant!r} s'
                    self._object('waiting', now, words, pool)
                if self._renewed and what == EXPIRED:
                    self._note((instant, LOST, job, pool.number, len(pool.until), pool.running))
        self.next_expiry = expiries[0][0] if expiries else math.inf

    def _forget_gone(self) -> None:
        # Slots that were released or renewed are skipped when they would have expired, which may be
        # long after the run.
        self._expiries = deque(entry for entry in self._expiries if entry[2].until.get(entry[1]) == entry[0])
        self._most_expiries = max(FEW_EXPIRIES, 2 * len(self._expiries))

    def _object(self, rule: str, now: float, detail: str, pool: _Pool) -> None:
        where = f' (max_size {self.max_size}' + (f', pool {pool.key!r})' if pool.key else ')')
        raise BrokenPromise(Violation(rule, now, detail + where), self._recorder.last_events(EVENTS_SHOWN))
