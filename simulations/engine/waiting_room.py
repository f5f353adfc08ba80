"""The jobs that wait for a slot, in a run whose commands take no time.

All of them are in one process, as far as the store knows: a request that finds a free slot gives it
to the first waiter, and says so in its reply.  So a waiter is served at the very instant at which a
slot becomes free.  It asks by itself only where no request would:

* at the instant at which a slot expires, the first waiter asks;
* on a server, every waiter asks again before the store would take it for dead.

As in the library, the first command of an acquire is sent directly, and the steps of the protocol
are created only where they have something to decide.
"""

import math
from heapq import heappop, heappush
from typing import Any, Protocol

from py_cachify.backends.atomic import AtomicBackend
from py_cachify.backends.memory import MemoryBackend
from py_cachify.commands import DEADLINE, MAX_GRANTS, AwaitTurn, Queued, Turn
from py_cachify.protocols import ATOMIC, Lease, NoLease, no_lease
from py_cachify.tokens import make_terms
from simulations.engine.timers import After, Clock, check_moves_clock
from simulations.judging.model import Model
from simulations.stores.grants import hear_grants


HEARTBEAT = DEADLINE / 2
"""The seconds after which a waiter asks again on a server, so that it does not lose its place."""


class Granted(Protocol):
    """Receives a job that gets a slot."""

    def __call__(self, job: Any, lease: Lease, late: float = 0.0, waited: bool = False) -> None: ...


class Refused(Protocol):
    """Receives a job that gets none, and why."""

    def __call__(self, job: Any, why: NoLease, waited: bool = False) -> None: ...


class Waiter:
    """A job that can wait.

    Attributes:
        number: its number.
        pool: the pool that it asks, as the model knows it.
        patience: for how many seconds it waits at most; ``None`` for any time.
        refusals: how often it was refused so far.
        turn: what it waits with, and for: a command of the protocol; ``None`` if it does not wait.
        size: the ``max_size`` that it passed; ``None`` if it is that of all jobs.
    """

    __slots__ = ('number', 'patience', 'pool', 'refusals', 'size', 'turn')

    def __init__(self, number: int, pool: Any, patience: float | None) -> None:
        self.number = number
        self.pool = pool
        self.patience = patience
        self.refusals = 0
        self.turn: AwaitTurn | None = None
        self.size: int | None = None


class WaitingRoom:
    """The waiting jobs of a run.

    Args:
        env: virtual time.
        backend: the store.
        model: is told who waits; it knows which slots expire when.
        prefix: the prefix of the keys in the store.
        slot_exp: the life of a slot in seconds; ``None`` for slots that never expire.
        max_waiting: how many may wait at a pool already when one more asks.
        granted: called with a job that gets a slot, its lease, the seconds by which it is late, and
            whether it was in the queue.
        refused: called with a job that gets none, the reason, and whether it was in the queue.
    """

    def __init__(
        self,
        env: Clock,
        backend: AtomicBackend,
        model: Model,
        prefix: str,
        slot_exp: float | None,
        max_waiting: int | None,
        granted: Granted,
        refused: Refused,
    ) -> None:
        self._env = env
        self._backend = backend
        self._join = backend.join_queue
        assert ATOMIC.wait is not None
        self._wait = ATOMIC.wait
        self._model = model
        self._prefix = prefix
        self._life = slot_exp
        self._max_waiting = max_waiting
        self._granted = granted
        self._refused = refused
        self._size = 0
        self._head = ''
        # For each pool, its waiting jobs by their tickets, in the order in which they joined.
        self._lines: dict[Any, dict[str, Waiter]] = {}
        self._watched: set[Any] = set()
        # A store in memory takes no waiter for dead.
        self._forgets = not isinstance(backend, MemoryBackend)
        self._beats = False
        # When waits end, in order; those of jobs that have left are skipped.
        self._ends: list[tuple[float, int, Waiter, str]] = []
        self._next_end = math.inf
        self._number = 0
        self._served: list[str] = []
        hear_grants(backend, self._served.append)

    def token(self, job: Waiter, max_size: int) -> str:
        """Return a token for the next attempt of a job; those that do not wait need one as well.

        It says what the attempt asks for, and that it is of the same process as the others, see
        :mod:`py_cachify.tokens`.
        """
        if max_size != self._size:
            self._size = max_size
            self._head = f'1:simulation:::{make_terms(max_size, self._life, identify=False)}'
        return f'{self._head}:{job.number}.{job.refusals}'

    def ask(self, job: Waiter, max_size: int, late: float) -> None:
        """Let a job ask for a slot and wait, ``late`` seconds after the instant that was meant."""
        pool, token, life = job.pool, self.token(job, max_size), self._life
        key = self._prefix + pool.key
        answer = self._join(key, token, max_size, life, self._max_waiting)
        if not isinstance(answer, Queued):
            if answer:
                self._granted(job, Lease(key, token), late)
            else:
                self._refused(job, no_lease(answer))
            return
        job.turn = AwaitTurn(key, token, max_size, life, answer)
        line = self._lines.get(pool)
        if line is None:
            line = self._lines[pool] = {}
        line[token] = job
        self._model.queued(self._env.now, job.number, pool, job.size)
        if job.patience is not None:
            seconds = check_moves_clock(self._env.now, 'wait', max(0.0, job.patience - late))
            self._ends_at(self._env.now + seconds, job, job.turn)
        if life is not None and pool not in self._watched:
            self._watch(pool)
        if self._forgets and not self._beats:
            self._beats = True
            After(self._env, HEARTBEAT, self._beat)

    def serve(self, pool: Any, given: int = 0) -> None:
        """Let the jobs begin that the last request, to this pool, has given a slot.

        ``given`` is how many have begun already by the same request.
        """
        served = self._served
        while served or given >= MAX_GRANTS:
            tickets, line = served[:], self._lines[pool]
            served.clear()
            for ticket in tickets:
                job = line.pop(ticket)
                assert job.turn is not None
                self._granted(job, Lease(job.turn.key, ticket), waited=True)
            # One request gives slots to so many waiters, and then the next one asks.
            more = line and given + len(tickets) >= MAX_GRANTS
            given = self._ask_again(line) if more else 0
        self._model.check_waiting(self._env.now, pool)

    def _goes_on(self, job: Waiter, reason: Turn) -> bool:
        """Continue the acquire of a waiter; return whether it still waits."""
        turn = job.turn
        assert turn is not None
        steps = self._wait(turn.key, turn.token, turn.max_size, turn.slot_exp, self._max_waiting, turn)
        next(steps)
        try:
            command = steps.send(reason)
            while not isinstance(command, AwaitTurn):
                command = steps.send(self._backend.perform(command))
        except StopIteration as done:
            if done.value:
                self._granted(job, done.value, waited=True)
            else:
                self._refused(job, done.value, waited=True)
            return False
        job.turn = command
        return True

    def _ask_again(self, line: dict[str, Waiter]) -> int:
        """Let the first waiter ask for the slots that have become free; return 1 if it gets one."""
        token, job = next(iter(line.items()))
        if self._goes_on(job, Turn.ASK):
            return 0
        del line[token]
        return 1

    def _ends_at(self, instant: float, job: Waiter, turn: AwaitTurn) -> None:
        """Let the wait of a job end at an instant.  Only the next such instant needs a timer."""
        self._number += 1
        heappush(self._ends, (instant, self._number, job, turn.token))
        if instant < self._next_end:
            self._look_at(instant)

    def _look_at(self, instant: float) -> None:
        self._next_end = instant
        self._env.after_ends(instant - self._env.now, lambda _: self._time_out(instant), After.LEAVES)

    def _time_out(self, instant: float) -> None:
        """Let all jobs leave whose wait has ended, and look again when the next one ends."""
        if instant != self._next_end:
            # An earlier end was added, which has its own timer.
            return
        ends = self._ends
        while ends:
            until, _, job, token = ends[0]
            line = self._lines[job.pool]
            if token not in line:
                heappop(ends)
            elif until <= max(instant, self._env.now):
                heappop(ends)
                del line[token]
                self._goes_on(job, Turn.OVER)
                self.serve(job.pool)
            else:
                break
        if ends:
            self._look_at(ends[0][0])
        else:
            self._next_end = math.inf

    def _watch(self, pool: Any) -> None:
        """Let the first waiter ask when the next slot of a pool expires."""
        if not self._lines.get(pool):
            self._watched.discard(pool)
            return
        self._watched.add(pool)
        expiry, now = next(iter(pool.until.values())), self._env.now
        # At least one tick of the clock, which may be coarser than the difference.
        tick = math.nextafter(now, math.inf) - now
        After(self._env, max(expiry - now, tick), lambda _: self._look(pool))

    def _look(self, pool: Any) -> None:
        self._model.until(self._env.now)
        line = self._lines[pool]
        if self._model.may_serve(pool):
            self.serve(pool, self._ask_again(line))
        self._watch(pool)

    def _beat(self, _: Any) -> None:
        self._beats = False
        for pool, line in self._lines.items():
            for job in list(line.values()):
                self._beats = True
                self._goes_on(job, Turn.ASK)
            self.serve(pool)
        if self._beats:
            After(self._env, HEARTBEAT, self._beat)
