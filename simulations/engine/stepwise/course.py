"""Run a job: it asks for a slot until it has one or leaves, runs its body, and releases."""

import random
from collections.abc import Generator
from typing import Any

import simpy

from py_cachify.protocols import SlotProtocol
from simulations.conditions import Conditions
from simulations.engine.stepwise.answers import Answered, Granted, Unanswered
from simulations.engine.stepwise.audit import Audit
from simulations.engine.stepwise.calls import Calls
from simulations.engine.stepwise.job import Job
from simulations.engine.stepwise.ledger import Ledger
from simulations.engine.stepwise.worker import Waiting, Worker
from simulations.engine.timers import Clock, check_moves_clock
from simulations.history.events import FAILED, REFUSED, RETRYING
from simulations.measuring.figures import Tally
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
        tally: counts how long jobs waited.
    """

    def __init__(
        self,
        env: Clock,
        conditions: Conditions,
        protocol: SlotProtocol,
        ledger: Ledger,
        calls: Calls,
        audit: Audit | None,
        tally: Tally,
    ) -> None:
        self._env = env
        self._conditions = conditions
        self._protocol = protocol
        self._ledger = ledger
        self._calls = calls
        self._audit = audit
        self._tally = tally

    def run(self, job: Job, worker: Worker) -> Waiting:
        """Run a job in ``worker``, as a SimPy process."""
        try:
            yield from self._undisturbed(job, worker)
        except simpy.Interrupt:
            # Its worker died.
            if job.running:
                self._ledger.ended(job, job.pool, crashed=True)
            elif not job.settled:
                self._ledger.note(FAILED, job, job.pool)

    def _undisturbed(self, job: Job, worker: Worker) -> Waiting:
        yield from worker.awake()
        while not isinstance(answered := (yield from self._acquire(job, worker)), Granted):
            if isinstance(answered, Unanswered):
                self._leave(job, FAILED)
                return
            pause = self._pause(job)
            if pause is None:
                self._leave(job, REFUSED)
                return
            self._ledger.note(RETRYING, job, job.pool)
            tries_again = self._env.event()
            self._env.after_ends(check_moves_clock(self._env.now, 'pause', pause), tries_again.succeed)
            yield tries_again
            yield from worker.awake()
        if job.asked > 1:
            self._tally.waited(self._env.now - job.arrival)
        job.settled = True
        self._ledger.began(job, job.pool)
        if job.crash is not None:
            life = self._conditions.slot_exp
            yield self._env.timeout(job.crash * (job.holding if life is None else min(job.holding, life)))
            self._ledger.ended(job, job.pool, crashed=True)
            return
        yield self._env.timeout(job.holding)
        yield from worker.awake()
        self._ledger.ended(job, job.pool)
        yield from self._calls.release(job, worker, self._protocol.release(answered.lease))
        self._look(job)

    def _acquire(self, job: Job, worker: Worker) -> Generator[simpy.Event, Any, Answered]:
        # Each attempt has its own token, so its slot is not mistaken for that of an earlier
        # attempt.
        self._ledger.asks(job, f'{job.number}.{job.asked}' if job.asked else str(job.number))
        job.asked += 1
        conditions = self._conditions
        name = self._ledger.name(job.pool)
        steps = self._protocol.acquire(name, job.token, conditions.max_size, conditions.slot_exp)
        answered = yield from self._calls.acquire(job, worker, steps)
        self._look(job)
        return answered

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
        self._ledger.note(what, job, job.pool)

    def _look(self, job: Job) -> None:
        if self._audit is not None:
            self._audit.look(job.pool)
