"""Keep the ledger of a run: who has a slot in the store, and whose body runs.

The ledger inspects the store after each command and notes every change since the last look.  It
does not use what the protocol answers.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import simpy

from simulations.engine.timers import After
from simulations.history.events import (
    BEGAN,
    BEGAN_LATE,
    CRASHED,
    ENDED,
    EXPIRED,
    FREED,
    OVERRAN,
    RECOVERED,
    REGAINED,
    RENEWED,
    RESTORED,
    TAKEN,
    VANISHED,
)
from simulations.history.recorder import BLOCK, Recorder
from simulations.judging import Seen
from simulations.judging.violation import Violation
from simulations.stores.contents import AGAIN, CLAIM, Contents


class Holder:
    """A job, as the ledger knows it.

    Attributes:
        number: the number of the job.
        token: the token of its last attempt.
        running: whether its body runs.
        had: whether it has ever had a slot with this token.
        slots: the number of live slots that it took with this token.
        taken: the instant at which it took the last one.
        left: the instant at which it was last known to want a slot.
    """

    __slots__ = ('had', 'left', 'number', 'running', 'slots', 'taken', 'token')

    def __init__(self, number: int) -> None:
        self.number = number
        self.token = ''
        self.running = False
        self.had = False
        self.slots = 0
        self.taken = 0.0
        self.left = 0.0


class Pool:
    """A pool, as it was at the last look.

    Attributes:
        key: its key.
        number: its number.
        slots: the tokens of its live slots, each with the instant at which it expires.
        claims: those of them that are kept for waiters that have not asked yet.
        running: the number of bodies that run under its key.
        levels: pairs of an instant and the number of live slots from then on.
        past: what the store held, as far as the ledger must remember it.
    """

    __slots__ = ('claims', 'key', 'levels', 'number', 'past', 'running', 'slots')

    def __init__(self, key: str, number: int) -> None:
        self.key = key
        self.number = number
        self.slots: dict[str, float] = {}
        self.claims: frozenset[str] = frozenset()
        self.running = 0
        self.levels: list[tuple[float, int]] = []
        self.past: list[_Moment] = []


class _Moment(NamedTuple):
    instant: float
    slots: dict[str, float]


class Ledger:
    """The slots of all pools of a run.

    Args:
        env: virtual time.
        contents: the store.
        clock: the store's clock.
        max_size: the number of slots of each pool.
        prefix: the prefix of the keys in the store.
        recorder: records what happens.
        memory: for how many seconds the ledger must remember what the store held.
        waits: whether jobs wait, so that the store may keep slots for them.

    Attributes:
        max_size: as given.
        pools: the pools, by key.
        removed: for each token, the instant at which its slot was last removed before it expired.
        violations: one for each look that found more than ``max_size`` live slots.
        recoveries: the times, in seconds, for which recovered slots were unused: their number, sum
            and maximum.
    """

    def __init__(
        self,
        env: simpy.Environment,
        contents: Contents,
        clock: Callable[[], float],
        max_size: int,
        prefix: str,
        recorder: Recorder,
        memory: float,
        waits: bool = False,
    ) -> None:
        self._env = env
        self._contents = contents
        self._clock = clock
        self.max_size = max_size
        self._prefix = prefix
        self._recorder = recorder
        self._memory = memory
        self._waits = waits
        self.pools: dict[str, Pool] = {}
        self._holders: dict[str, Holder] = {}
        self.removed: dict[str, float] = {}
        self.violations: list[Violation] = []
        self.recoveries = (0, 0.0, 0.0)

    def name(self, pool: Pool) -> str:
        """Return the pool's key in the store."""
        return self._prefix + pool.key

    def pool(self, key: str) -> Pool:
        """Return the pool with this key, which is created if needed."""
        found = self.pools.get(key)
        if found is None:
            found = self.pools[key] = Pool(key, len(self._recorder.key_names))
            self._recorder.key_names.append(key)
        return found

    def asks(self, holder: Holder, token: str) -> None:
        """Note that a job is about to ask for a slot with this token."""
        holder.token, holder.slots, holder.had = token, 0, False
        self._holders[token] = holder

    def note(self, what: int, holder: Holder, pool: Pool) -> None:
        """Record an event of a job."""
        rows = self._recorder.rows
        rows.append((self._env.now, what, holder.number, pool.number, len(pool.slots), pool.running))
        if len(rows) >= BLOCK:
            self._recorder.flush()

    # --- bodies

    def began(self, holder: Holder, pool: Pool) -> None:
        """Note that the body of a job begins because the job received a grant."""
        holder.running = True
        pool.running += 1
        self.note(BEGAN if holder.slots else BEGAN_LATE, holder, pool)

    def ended(self, holder: Holder, pool: Pool, crashed: bool = False) -> None:
        """Note that the body of a job has ended or crashed."""
        holder.running = False
        holder.left = self._env.now
        pool.running -= 1
        self.note((CRASHED if crashed else ENDED) if holder.slots else OVERRAN, holder, pool)

    # --- slots

    def observe(self, pool: Pool, renewing: Iterable[str] = ()) -> Sequence[str]:
        """Inspect the store and record what has changed; return the tokens of new slots.

        A slot that is kept for a waiter is that waiter's from then on: it is *taken* once, and not
        once more when the waiter asks.

        Args:
            pool: the pool.
            renewing: the tokens of slots that the last command was to renew.
        """
        now, reading = self._env.now, self._clock()
        there = self._contents.slots(self.name(pool), self.max_size)
        found = {token: until for token, until in there.items() if until > reading}
        before, claimed = pool.slots, pool.claims
        if self._waits:
            pool.claims = frozenset(token.removeprefix(CLAIM) for token in found if token.startswith(CLAIM))
            if pool.claims:
                found = {token.removeprefix(CLAIM): until for token, until in found.items()}
        if found == before:
            return ()
        if self._memory:
            pool.past.append(_Moment(now, _with_claims(before, claimed)))
            self._forget(pool, now)
        gone = [token for token in before if token not in found]
        come = [token for token in found if token not in before]
        shorter = [token for token, until in found.items() if until < before.get(token, -math.inf)]
        pool.slots = dict(before)
        for token in sorted(gone, key=lambda token: (before[token], token)):
            del pool.slots[token]
            self._gone(pool, token, expired=before[token] <= reading, claimed=token in claimed)
        pool.slots = {token: until for token, until in found.items() if token in before}
        for token in renewing:
            if token in pool.slots and found[token] != before[token]:
                self.note(RENEWED, self._whose(token)[0], pool)
        for token in sorted(shorter):
            self._watch_for_end(pool, token)
        # In an order that does not depend on the store's own.
        come.sort(key=lambda token: (found[token], token))
        for token in come:
            pool.slots[token] = found[token]
            self._come(pool, token)
        pool.levels.append((now, len(found)))
        if len(found) > self.max_size:
            where = f'max_size {self.max_size}' + (f', pool {pool.key!r}' if pool.key else '')
            self.violations.append(Violation('occupancy', now, f'{len(found)} slots are live in the store ({where})'))
        return come

    def _gone(self, pool: Pool, token: str, expired: bool, claimed: bool) -> None:
        holder, own = self._whose(token)
        holder.slots -= own
        if claimed and own:
            # Its waiter never had it, and may still be given another.
            holder.had = False
        if not expired:
            self.removed[token] = self._env.now
        if holder.running and own and not holder.slots:
            self.note(EXPIRED if expired else VANISHED, holder, pool)
        elif expired:
            unused = self._env.now - max(holder.left, holder.taken)
            count, total, longest = self.recoveries
            self.recoveries = (count + 1, total + unused, max(longest, unused))
            self.note(RECOVERED, holder, pool)
        else:
            self.note(FREED, holder, pool)

    def _come(self, pool: Pool, token: str) -> None:
        holder, own = self._whose(token)
        regained = holder.running and own and not holder.slots
        holder.slots += own
        holder.taken = self._env.now
        if own and not holder.had:
            holder.had = True
            self.note(TAKEN, holder, pool)
        else:
            self.note(REGAINED if regained else RESTORED, holder, pool)
        self._watch_for_end(pool, token)

    def _whose(self, token: str) -> tuple[Holder, bool]:
        """Return the holder of a slot, and whether the token is that of its latest attempt."""
        known = token.partition(AGAIN)[0]
        holder = self._holders[known]
        return holder, holder.token == known

    def turn(self, token: str) -> tuple[int, str]:
        """Return what sorts tokens by the arrival of their jobs."""
        return self._holders[token].number, token

    def _watch_for_end(self, pool: Pool, token: str) -> None:
        until = pool.slots[token]
        if until < math.inf:
            # Wait at least for one tick of the clock, which may be coarser than the difference.
            tick = math.nextafter(self._env.now, math.inf) - self._env.now
            After(self._env, max(until - self._clock(), tick), lambda _: self._end(pool, token))

    def _end(self, pool: Pool, token: str) -> None:
        until = pool.slots.get(token)
        if until is None:
            return
        if until <= self._clock():
            self.observe(pool)
        else:
            self._watch_for_end(pool, token)

    def clock_jumped(self) -> None:
        """Look again at all pools and expiries because the store's clock has jumped."""
        for pool in self.pools.values():
            self.observe(pool)
            for token in pool.slots:
                self._watch_for_end(pool, token)

    # --- the past

    def _forget(self, pool: Pool, now: float) -> None:
        past = pool.past
        # The first change after an instant says what held at that instant.
        while len(past) > 1 and past[0].instant < now - self._memory:
            past.pop(0)

    def held_at(self, pool: Pool, instant: float) -> dict[str, float]:
        """Return what the store held at an instant, at most ``memory`` seconds ago."""
        present = _with_claims(pool.slots, pool.claims)
        return next((moment.slots for moment in pool.past if moment.instant > instant), present)

    # --- the end

    def seen(self) -> Seen:
        """Return what was observed of all pools."""
        return Seen({key: pool.levels for key, pool in self.pools.items()}, self.removed)

    @property
    def waits(self) -> bool:
        """Whether there are slots that will expire."""
        return any(until < math.inf for pool in self.pools.values() for until in pool.slots.values())


def _with_claims(slots: dict[str, float], claims: frozenset[str]) -> dict[str, float]:
    """Return slots under the names that they have in the store."""
    return {(CLAIM + token if token in claims else token): until for token, until in slots.items()} if claims else slots
