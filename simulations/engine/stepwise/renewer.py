"""Renew the slots that a worker holds, as a process of its own in that worker.

It makes the library's decisions (:mod:`py_cachify.renewals`): when to renew which slots, and how
long to pause after a request that failed.  It sends one request after the other, as the library's
thread does.  A worker that is paused renews nothing, and neither does one that has died.

A holder has lost its slot when a renewal finds it gone, or when the slot's life has passed on the
worker's own clock since it asked for the slot or for the last renewal that succeeded.  Its body
runs on.
"""

import simpy

from py_cachify.protocols import SlotProtocol
from py_cachify.renewals import Batch, Renewals
from simulations.engine.stepwise.calls import Calls
from simulations.engine.stepwise.job import Job
from simulations.engine.stepwise.ledger import Ledger, Pool
from simulations.engine.stepwise.worker import Waiting, Worker
from simulations.engine.timers import After
from simulations.history.events import LOST


class Renewer:
    """The renewer of a worker.

    Args:
        env: virtual time.
        worker: the worker.
        protocol: the protocol by which slots are renewed.
        ledger: records which slots were lost.
        calls: drives the requests.
        slot_exp: the life of a slot in seconds.
        renew_for: for how many seconds a slot is renewed; ``None`` for as long as its body runs.
    """

    def __init__(
        self,
        env: simpy.Environment,
        worker: Worker,
        protocol: SlotProtocol,
        ledger: Ledger,
        calls: Calls,
        slot_exp: float,
        renew_for: float | None,
    ) -> None:
        self._env = env
        self._worker = worker
        self._protocol = protocol
        self._ledger = ledger
        self._calls = calls
        self._life = slot_exp
        self._renew_for = renew_for
        self._renewals: Renewals[Pool, Job] = Renewals()
        self._process: simpy.Process | None = None
        self._wakes_at = 0.0
        self._earlier = env.event()

    def add(self, job: Job) -> None:
        """Renew the slot of a job from now on."""
        now = self._env.now
        self._renewals.add(job.pool, job.token, job, life=self._life, renew_for=self._renew_for, now=now)
        self._watch(job)
        if self._process is None:
            self._process = self._env.process(self._run())
            self._worker.jobs[self._process] = None
        elif self._renewals.next_due() < self._wakes_at:
            self._earlier.succeed()
            self._earlier = self._env.event()

    def discard(self, job: Job) -> None:
        """Renew the slot of a job no longer."""
        self._renewals.discard(job.pool, job.token)

    def _run(self) -> Waiting:
        try:
            while self._renewals:
                yield from self._worker.awake()
                for batch in self._renewals.due(self._env.now):
                    self._wakes_at = self._env.now
                    yield from self._renew(batch)
                self._wakes_at = self._renewals.next_due()
                if self._renewals and self._wakes_at > self._env.now:
                    yield self._env.timeout(self._wakes_at - self._env.now) | self._earlier
        except simpy.Interrupt:
            # Its worker died, and each of its holders discards its slot.
            return
        finally:
            self._worker.jobs.pop(self._process, None)  # type: ignore[arg-type]  # there is one
            self._process = None

    def _renew(self, batch: Batch[Pool, Job]) -> Waiting:
        pool, asked = batch.group, self._env.now
        jobs = [member.slot for member in batch.members.values() if self._may_renew(member.slot)]
        if not jobs or self._protocol.renew is None:
            return
        renewals = tuple((job.token, self._life) for job in jobs)
        steps = self._protocol.renew(self._ledger.name(pool), renewals)
        there = yield from self._calls.renew(jobs, self._worker, steps)
        if there is None:
            self._renewals.failed(pool, self._env.now)
            return
        self._renewals.answered(pool)
        for job, is_there in zip(jobs, there, strict=True):
            # The reply about a body that has ended, or that comes too late, says nothing new.
            if job.running and self._may_renew(job):
                if is_there:
                    job.since = asked
                else:
                    self._lose(job)

    def _may_renew(self, job: Job) -> bool:
        return not job.lost and self._env.now < job.since + self._life

    def _watch(self, job: Job) -> None:
        """Note the loss of a slot when its life has passed on the worker's clock."""

        def look(_: object) -> None:
            if not job.running or job.lost:
                return
            if self._may_renew(job):
                self._watch(job)
            else:
                self._lose(job)

        After(self._env, max(0.0, job.since + self._life - self._env.now), look)

    def _lose(self, job: Job) -> None:
        job.lost = True
        self.discard(job)
        self._ledger.note(LOST, job, job.pool)
