"""Run a workload through a store whose commands take no time."""

import random
from typing import Any

from tqdm.auto import tqdm

from py_cachify.commands import Refusal
from py_cachify.drivers import run
from py_cachify.protocols import Lease, NoLease
from simulations.conditions import Conditions
from simulations.engine.job_source import JOBS_PER_UPDATE, JobSource
from simulations.engine.ran import Ran
from simulations.engine.renewer import Renewer
from simulations.engine.timers import After, check_moves_clock
from simulations.engine.waiting_room import Waiter, WaitingRoom
from simulations.history.recorder import BLOCK
from simulations.judging.model import Model
from simulations.judging.violation import BrokenPromise
from simulations.measuring.observer import Observer
from simulations.results.facts import Findings
from simulations.stores.store import Store
from simulations.workloads.crashes import Crashes
from simulations.workloads.patience import Patience, is_patience
from simulations.workloads.refusals import Leave
from simulations.workloads.workload import Workload


class _Job(Waiter):
    """A job in the course of the run: its identity and its state."""

    __slots__ = ('arrival', 'client', 'crash', 'holding', 'lease', 'pauses')

    def __init__(
        self,
        number: int,
        arrival: float,
        holding: float,
        pool: Any,
        client: int,
        crash: float | None,
        patience: float | None,
    ) -> None:
        # Without a call of the base class, which a run would notice.
        self.number = number
        self.pool = pool
        self.patience = patience
        self.refusals = 0
        self.turn = None
        self.size: int | None = None
        self.arrival = arrival
        self.holding = holding
        self.client = client
        self.crash = crash
        self.lease: Lease | NoLease = None
        self.pauses: random.Random | None = None


class ImmediateRun:
    """One run of a workload through a store, see :func:`simulations.replay`."""

    def __init__(
        self,
        workload: Workload,
        conditions: Conditions,
        store: Store,
        audit: bool,
        keep: bool,
    ) -> None:
        self._source = JobSource(workload, self._ask_first)
        self._env = self._source.env
        self._backend = store.backend(lambda: self._env.now)
        self._prefix = store.new_run()
        self._store = store
        self._max_size = conditions.max_size
        self._resized = conditions.resized
        self._began = self._env.now
        self._slot_exp = conditions.slot_exp
        self._on_refusal = conditions.on_refusal
        self._crashes = Crashes(conditions.seed, conditions.crash_probability)
        self._seed = conditions.seed
        self._conditions = conditions
        self._audit = audit
        self.observer = Observer(keep, getattr(workload, 'together', 1), conditions.wait_within, conditions.patience)
        self._recorder = self.observer.recorder
        self.model = Model(self._max_size, self._slot_exp, self._recorder, conditions.renewed)
        self._env.expiries = self.model
        self._patience = Patience(conditions.seed, conditions.wait)
        # Without a call for each job, if all of them are equally patient.
        self._alike = not is_patience(conditions.wait)
        self._wait = self._patience.draw() if self._alike else None
        self._room: WaitingRoom | None = None
        if conditions.waits:
            self._room = WaitingRoom(
                self._env,
                self._backend,
                self.model,
                self._prefix,
                self._slot_exp,
                conditions.max_waiting,
                self._granted,
                self._refused,
            )
        self._renewer: Renewer | None = None
        if self._slot_exp is not None and conditions.renewed:
            self._renewer = Renewer(
                self._env, self._backend, self.model, self._prefix, self._slot_exp, conditions.renew_for
            )

    def run(self, bar: 'tqdm[None]') -> Ran:
        """Run to the end, or up to the first broken promise."""
        violations, events = [], []
        try:
            with self._store.errors():
                self._run_jobs(bar)
        except BrokenPromise as error:
            violations, events = [error.violation], error.events
        return Ran(self.observer, self.model.recoveries, Findings(violations), events)

    def _run_jobs(self, bar: 'tqdm[None]') -> None:
        """Run all jobs, then check that the store is empty."""
        try:
            self._bar = bar
            self._source.start()
            self._env.run()
            self._wait_for_crashed_slots()
            for key in self.model.keys:
                self._count(self.model.pool(key))
        finally:
            bar.update(self._source.arrived - bar.n)
            self._recorder.flush()
            self._store.remove(self._prefix + key for key in self.model.keys)

    # --- one job

    def _ask_first(self, number: int, holding: float, key: str | None, client: int) -> None:
        if not number % JOBS_PER_UPDATE:
            self._bar.update(number - self._bar.n)
        pool, crash = self.model.pool(key or ''), self._crashes.draw()
        patience = self._wait if self._alike else self._patience.draw()
        self._ask(_Job(number, self._env.now, holding, pool, client, crash, patience))

    def _ask(self, job: _Job, late: float = 0.0) -> None:
        size = self._max_size
        if self._resized:
            turn = job.number if job.client < 0 else job.client
            size = job.size = self._conditions.size_at(self._env.now - self._began, turn)
        if self._room is not None and job.patience != 0:
            self._room.ask(job, size, late)
        else:
            key = self._prefix + job.pool.key
            token = str(job.number) if self._room is None else self._room.token(job, size)
            lease = self._backend.acquire(key, token, size, self._slot_exp)
            if lease:
                self._granted(job, lease, late)
            else:
                self._refused(job, lease)
        if self._audit:
            self._count(job.pool)
        if len(self._recorder.rows) >= BLOCK:
            self._recorder.flush()

    def _granted(self, job: _Job, lease: Lease, late: float = 0.0, waited: bool = False) -> None:
        now, pool = self._env.now, job.pool
        job.lease = lease
        if waited:
            self.model.served(now, job.number, pool)
        if job.refusals:
            self.observer.tally.granted_later()
        if waited or job.refusals:
            self.observer.waited(job.number, now - job.arrival)
        self.model.granted(now, job.number, pool, job.size)
        if self._renewer is not None:
            self._renewer.add(lease, job.number, pool)
        if job.crash is None:
            After(self._env, max(0.0, job.holding - late) if late else job.holding, lambda _: self._end(job))
        else:
            held = self._conditions.held_for(job.holding)
            After(self._env, job.crash * held, lambda _: self._crash(job))

    def _refused(self, job: _Job, why: NoLease, waited: bool = False) -> None:
        now = self._env.now
        job.refusals += 1
        pause = None
        if not isinstance(self._on_refusal, Leave):
            # Each job has its own stream, so the attempts of one do not shift the pauses of
            # another.
            job.pauses = job.pauses or random.Random(f'{self._seed} pauses {job.number}')
            pause = self._on_refusal.pause(job.refusals, job.pauses)
        if waited:
            self.model.timed_out(now, job.number, job.pool)
        if pause is None and now > job.arrival:
            self.observer.waited(job.number, now - job.arrival)
        crowd = self._conditions.max_waiting if why is Refusal.CROWDED else None
        # A full queue keeps a job from a slot as well: those in it came first.
        promised = waited or why is Refusal.PROMISED or why is Refusal.CROWDED
        self.model.refused(now, job.number, job.pool, pause is not None, crowd, job.size, promised)
        if pause is None:
            self._gone(job)
        else:
            self._env.after_ends(check_moves_clock(now, 'pause', pause), lambda late: self._ask(job, late))

    def _end(self, job: _Job) -> None:
        assert job.lease
        if self._renewer is not None:
            self._renewer.discard(job.lease, job.pool)
        self.model.ended(self._env.now, job.number, job.pool, in_time=self._backend.release(job.lease))
        if self._room is not None and job.pool.queue:
            self._room.serve(job.pool)
        if self._audit:
            self._count(job.pool)
        self._gone(job)

    def _crash(self, job: _Job) -> None:
        if self._renewer is not None and job.lease:
            self._renewer.discard(job.lease, job.pool)
        self.model.crashed(self._env.now, job.number, job.pool)
        if self._audit:
            self._count(job.pool)
        self._gone(job)

    def _gone(self, job: _Job) -> None:
        if job.client >= 0:
            self._source.think(job.client)

    def _wait_for_crashed_slots(self) -> None:
        last = self.model.last_recovery()
        while last is not None and self._env.now < last:
            self._env.run(until=last)
        self.model.until(self._env.now)

    def _count(self, pool: Any) -> None:
        size = run(self._backend.protocol.size(self._prefix + pool.key, self._max_size), self._backend.perform)
        self.model.counted(self._env.now, pool, size)
