"""Run a workload through a store whose commands take no time."""

import random
from typing import Any

from tqdm.auto import tqdm

from py_cachify.drivers import run
from py_cachify.protocols import Lease, NoLease
from simulations.conditions import Conditions
from simulations.engine.job_source import JOBS_PER_UPDATE, JobSource
from simulations.engine.ran import Ran
from simulations.engine.timers import After, check_moves_clock
from simulations.history.recorder import BLOCK
from simulations.judging.model import Model
from simulations.judging.violation import BrokenPromise
from simulations.measuring.observer import Observer
from simulations.results.facts import Findings
from simulations.stores.store import Store
from simulations.workloads.crashes import Crashes
from simulations.workloads.refusals import Leave
from simulations.workloads.workload import Workload


class _Job:
    """A job in the course of the run: its identity and its state."""

    __slots__ = ('arrival', 'client', 'crash', 'holding', 'lease', 'number', 'pauses', 'pool', 'refusals')

    def __init__(
        self, number: int, arrival: float, holding: float, pool: Any, client: int, crash: float | None
    ) -> None:
        self.number = number
        self.arrival = arrival
        self.holding = holding
        self.pool = pool
        self.client = client
        self.crash = crash
        self.refusals = 0
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
        self._slot_exp = conditions.slot_exp
        self._on_refusal = conditions.on_refusal
        self._crashes = Crashes(conditions.seed, conditions.crash_probability)
        self._seed = conditions.seed
        self._audit = audit
        self.observer = Observer(keep, getattr(workload, 'together', 1))
        self._recorder = self.observer.recorder
        self.model = Model(self._max_size, self._slot_exp, self._recorder)
        self._env.expiries = self.model

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
        crash = self._crashes.draw()
        self._ask(_Job(number, self._env.now, holding, self.model.pool(key or ''), client, crash))

    def _ask(self, job: _Job, late: float = 0.0) -> None:
        now, pool = self._env.now, job.pool
        job.lease = self._backend.acquire(self._prefix + pool.key, str(job.number), self._max_size, self._slot_exp)
        if not job.lease:
            self._refused(job, now)
        else:
            self.model.granted(now, job.number, pool)
            if job.refusals:
                self.observer.tally.waited(now - job.arrival)
            if job.crash is None:
                After(self._env, max(0.0, job.holding - late) if late else job.holding, lambda _: self._end(job))
            else:
                life = job.holding if self._slot_exp is None else min(job.holding, self._slot_exp)
                After(self._env, job.crash * life, lambda _: self._crash(job))
        if self._audit:
            self._count(pool)
        if len(self._recorder.rows) >= BLOCK:
            self._recorder.flush()

    def _refused(self, job: _Job, now: float) -> None:
        job.refusals += 1
        pause = None
        if not isinstance(self._on_refusal, Leave):
            # Each job has its own stream, so the attempts of one do not shift the pauses of
            # another.
            job.pauses = job.pauses or random.Random(f'{self._seed} pauses {job.number}')
            pause = self._on_refusal.pause(job.refusals, job.pauses)
        self.model.refused(now, job.number, job.pool, again=pause is not None)
        if pause is None:
            self._gone(job)
        else:
            self._env.after_ends(check_moves_clock(now, 'pause', pause), lambda late: self._ask(job, late))

    def _end(self, job: _Job) -> None:
        assert job.lease
        self.model.ended(self._env.now, job.number, job.pool, in_time=self._backend.release(job.lease))
        if self._audit:
            self._count(job.pool)
        self._gone(job)

    def _crash(self, job: _Job) -> None:
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
