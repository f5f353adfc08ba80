"""Run a job: it asks for a slot until it has one or leaves, runs its body, and releases."""

import random
from collections.abc import Generator, Sequence
from typing import Any

import simpy

from py_cachify.commands import Steps
from py_cachify.protocols import ATOMIC, Lease, NoLease, SlotProtocol
from py_cachify.tokens import make_terms
from simulations.conditions import Conditions
from simulations.engine.stepwise.answers import Answered, Granted, Unanswered
from simulations.engine.stepwise.audit import Audit
from simulations.engine.stepwise.calls import Calls
from simulations.engine.stepwise.job import Job
from simulations.engine.stepwise.ledger import Ledger
from simulations.engine.stepwise.renewer import Renewer
from simulations.engine.stepwise.waiter import Waiter
from simulations.engine.stepwise.worker import Waiting, Worker
from simulations.engine.timers import Clock, check_moves_clock
from simulations.history.events import FAILED, QUEUED, REFUSED, RETRYING, SERVED, TIMED_OUT, WITHDREW
from simulations.measuring.observer import Observer
from simulations.workloads.refusals import Leave


class Course:
    """The course that every job of a run takes.

    Args:
        env: virtual time.
        conditions: the conditions of the run.
        protocol: the protocol by which slots are taken.
        ledger: records what becomes of a job.
        calls: drives its operations.
        audit: checks the store after each operation; ``None`` for no check.
        observer: receives how long jobs waited.
        renewers: for each worker by its number, what renews its slots; empty if nothing does.
    """

    def __init__(
        self,
        env: Clock,
        conditions: Conditions,
        protocol: SlotProtocol,
        ledger: Ledger,
        calls: Calls,
        audit: Audit | None,
        observer: Observer,
        renewers: Sequence[Renewer],
    ) -> None:
        self._env = env
        self._conditions = conditions
        self._protocol = protocol
        self._ledger = ledger
        self._calls = calls
        self._audit = audit
        self._observer = observer
        self._renewers = renewers
        self._waits = conditions.waits
        self._terms = make_terms(conditions.max_size, conditions.slot_exp, identify=False)

    def run(self, job: Job, worker: Worker) -> Waiting:
        """Run a job in ``worker``, as a SimPy process."""
        try:
            yield from self._undisturbed(job, worker)
        except simpy.Interrupt:
            # Its worker died.
            if job.running:
                self._end(job, worker, crashed=True)
            elif not job.settled:
                self._end_wait(job, worker, WITHDREW)
                self._note_wait(job)
                self._ledger.note(FAILED, job, job.pool)

    def _undisturbed(self, job: Job, worker: Worker) -> Waiting:
        yield from worker.awake()
        while not isinstance(answered := (yield from self._acquire(job, worker)), Granted):
            if isinstance(answered, Unanswered):
                self._end_wait(job, worker, WITHDREW)
                self._leave(job, FAILED)
                return
            self._end_wait(job, worker, TIMED_OUT)
            pause = self._pause(job)
            if pause is None:
                self._leave(job, REFUSED)
                return
            self._ledger.note(RETRYING, job, job.pool)
            tries_again = self._env.event()
            self._env.after_ends(check_moves_clock(self._env.now, 'pause', pause), tries_again.succeed)
            yield tries_again
            yield from worker.awake()
        self._end_wait(job, worker, SERVED)
        if job.asked > 1:
            self._observer.tally.granted_later()
        self._note_wait(job)
        job.settled = True
        self._ledger.began(job, job.pool)
        if self._renewers:
            self._renewers[worker.number].add(job)
        if job.crash is not None:
            yield self._env.timeout(job.crash * self._conditions.held_for(job.holding))
            self._end(job, worker, crashed=True)
            return
        yield self._env.timeout(job.holding)
        yield from worker.awake()
        self._end(job, worker)
        yield from self._calls.release(job, worker, self._protocol.release(answered.lease))
        self._look(job)

    def _end(self, job: Job, worker: Worker, crashed: bool = False) -> None:
        """Note the end of a body; its slot is renewed no longer."""
        self._ledger.ended(job, job.pool, crashed)
        if self._renewers:
            self._renewers[worker.number].discard(job)

    def _acquire(self, job: Job, worker: Worker) -> Generator[simpy.Event, Any, Answered]:
        # Each attempt has its own token, so its slot is not mistaken for that of an earlier
        # attempt.
        token = f'{job.number}.{job.asked}' if job.asked else str(job.number)
        if self._waits and self._protocol is ATOMIC:
            # A ticket, from which the store reads what it asks for, and who is to be told.
            token = f'1:{worker.name}:0::{self._terms}:{token}'
        self._ledger.asks(job, token)
        job.asked += 1
        job.since = self._env.now
        answered = yield from self._calls.acquire(job, worker, self._steps(job, worker))
        self._look(job)
        return answered

    def _steps(self, job: Job, worker: Worker) -> Steps[Lease | NoLease]:
        conditions, wait = self._conditions, self._protocol.wait
        name, token, max_size, slot_exp = (
            self._ledger.name(job.pool),
            job.token,
            conditions.max_size,
            conditions.slot_exp,
        )
        if wait is None or job.patience == 0:
            return self._protocol.acquire(name, token, max_size, slot_exp)
        job.turns = job.turns or random.Random(f'{conditions.seed} turns {job.number}')
        job.waiter = worker.waiters[token] = Waiter(
            self._env, job.patience, job.turns, worker.awake, lambda: self._queue(job)
        )
        return wait(name, token, max_size, slot_exp, conditions.max_waiting, None)

    def _queue(self, job: Job) -> None:
        job.queued = True
        self._ledger.note(QUEUED, job, job.pool)

    def _end_wait(self, job: Job, worker: Worker, what: int) -> None:
        """Note how the wait of an attempt ended, if it waited."""
        waiter, job.waiter = job.waiter, None
        if waiter is None:
            return
        worker.waiters.pop(job.token, None)
        if waiter.is_queued:
            self._ledger.note(what, job, job.pool)

    def _pause(self, job: Job) -> float | None:
        """Return the seconds until a refused job retries; ``None`` if it leaves."""
        on_refusal = self._conditions.on_refusal
        if isinstance(on_refusal, Leave):
            return None
        # Each job has its own stream, so the attempts of one do not shift the pauses of another.
        job.pauses = job.pauses or random.Random(f'{self._conditions.seed} pauses {job.number}')
        return on_refusal.pause(job.asked, job.pauses)

    def _leave(self, job: Job, what: int) -> None:
        job.left, job.settled = self._env.now, True
        self._note_wait(job)
        self._ledger.note(what, job, job.pool)

    def _note_wait(self, job: Job) -> None:
        """Note how long a job waited until its outcome, unless its first request was answered."""
        if job.asked > 1 or job.queued:
            self._observer.waited(job.number, self._env.now - job.arrival)

    def _look(self, job: Job) -> None:
        if self._audit is not None:
            self._audit.look(job.pool)
