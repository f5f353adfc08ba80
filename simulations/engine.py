"""Put a workload through a pool, in virtual time.

Each job acquires, holds and releases as a user of the library does, at instants of virtual time that the store is told
in place of its clock: the same workload gives the same history, byte for byte, on every store.

At one instant bodies end before jobs arrive, so a slot that becomes free can be taken at once.  A holder that is to
crash dies at a random instant before its slot expires and before its body would end.
"""

import random
import time
from collections.abc import Sequence
from typing import Any

from tqdm.auto import tqdm

from py_cachify.arguments import check_expiration, check_max_size
from py_cachify.drivers import run
from py_cachify.protocols import Lease
from simulations.arguments import probability
from simulations.checks import BrokenPromise, Model
from simulations.crashes import Crashes
from simulations.events import At, moves_on
from simulations.expectation import WITHOUT_FAULTS, expect
from simulations.faults import Fault
from simulations.incoming import Incoming
from simulations.network import Network
from simulations.recorder import BLOCK
from simulations.refusals import Leave, Retry
from simulations.results import Result
from simulations.stepwise import StepwiseRun, check_setting
from simulations.stores import Store, open_store
from simulations.violated import InvariantError
from simulations.watch import Ran, Watch
from simulations.workloads import Workload


JOBS_SHOWN = 256
"""The progress bar moves after so many."""


class _Asking:
    """A job on its way: who it is, and what has become of it."""

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
        self.lease: Lease | None = None
        self.pauses: random.Random | None = None


class _Run:
    """One workload on its way through one store."""

    def __init__(
        self,
        workload: Workload,
        max_size: int,
        slot_exp: float | None,
        on_refusal: Leave | Retry,
        crash_probability: float,
        seed: int,
        store: Store,
        audit: bool,
        keep: bool,
    ) -> None:
        self._incoming = Incoming(workload, self._ask_first)
        self._env = self._incoming.env
        self._backend = store.backend(lambda: self._env.now)
        self._prefix = store.new_run()
        self._store = store
        self._max_size = max_size
        self._slot_exp = slot_exp
        self._on_refusal = on_refusal
        self._crashes = Crashes(seed, crash_probability)
        self._seed = seed
        self._audit = audit
        self.watch = Watch(keep)
        self._recorder = self.watch.recorder
        self.model = Model(max_size, slot_exp, self._recorder)

    def through(self, bar: 'tqdm[None]') -> Ran:
        """Run it, up to its end or to a promise that is broken."""
        violations, events = [], []
        try:
            with self._store.errors():
                self.to_the_end(bar)
        except BrokenPromise as error:
            violations, events = [error.violation], error.events
        return Ran(self.watch, self.model.recoveries, violations, events)

    def of_result(self) -> dict[str, Any]:
        """The fields of a result that other runs do not have: none."""
        return {}

    def to_the_end(self, bar: 'tqdm[None]') -> None:
        """Let all jobs come and go, then look whether the store is empty."""
        try:
            self._bar = bar
            self._incoming.start()
            self._env.run()
            self._let_the_crashed_expire()
            for key in self.model.keys:
                self._count(self.model.pool(key))
        finally:
            bar.update(self._incoming.came - bar.n)
            self._recorder.hand_on()
            self._store.remove(self._prefix + key for key in self.model.keys)

    # --- one job

    def _ask_first(self, number: int, holding: float, key: str | None, client: int) -> None:
        if not number % JOBS_SHOWN:
            self._bar.update(number - self._bar.n)
        crash = self._crashes.draw()
        self._ask(_Asking(number, self._env.now, holding, self.model.pool(key or ''), client, crash))

    def _ask(self, job: _Asking) -> None:
        now, pool = self._env.now, job.pool
        job.lease = self._backend.acquire(self._prefix + pool.key, str(job.number), self._max_size, self._slot_exp)
        if job.lease is None:
            self._refused(job, now)
        else:
            self.model.granted(now, job.number, pool)
            if job.refusals:
                self.watch.tally.waited(now - job.arrival)
            if job.crash is None:
                At(self._env, job.holding, lambda _: self._end(job))
            else:
                life = job.holding if self._slot_exp is None else min(job.holding, self._slot_exp)
                At(self._env, job.crash * life, lambda _: self._crash(job))
        if self._audit:
            self._count(pool)
        if len(self._recorder.rows) >= BLOCK:
            self._recorder.hand_on()

    def _refused(self, job: _Asking, now: float) -> None:
        job.refusals += 1
        pause = None
        if not isinstance(self._on_refusal, Leave):
            # A stream for each job: how often one asks does not shift the pauses of another.
            job.pauses = job.pauses or random.Random(f'{self._seed} pauses {job.number}')
            pause = self._on_refusal.pause(job.refusals, job.pauses)
        self.model.refused(now, job.number, job.pool, again=pause is not None)
        if pause is None:
            self._gone(job)
        else:
            At(self._env, moves_on(now, 'pause', pause), lambda _: self._ask(job), At.AFTER_ALL_ENDS)

    def _end(self, job: _Asking) -> None:
        assert job.lease is not None
        self.model.ended(self._env.now, job.number, job.pool, in_time=self._backend.release(job.lease))
        if self._audit:
            self._count(job.pool)
        self._gone(job)

    def _crash(self, job: _Asking) -> None:
        self.model.crashed(self._env.now, job.number, job.pool)
        if self._audit:
            self._count(job.pool)
        self._gone(job)

    def _gone(self, job: _Asking) -> None:
        if job.client >= 0:
            self._incoming.think(job.client)

    def _let_the_crashed_expire(self) -> None:
        last = self.model.last_expiry()
        while last is not None and self._env.now < last:
            self._env.run(until=last)
        self.model.until(self._env.now)

    def _count(self, pool: Any) -> None:
        size = run(self._backend.protocol.size(self._prefix + pool.key, self._max_size), self._backend.perform)
        self.model.counted(self._env.now, pool, size)


def replay(
    workload: Workload,
    *,
    max_size: int,
    slot_exp: float | None = None,
    on_refusal: Leave | Retry = Leave(),  # noqa: B008  # a value that never changes
    crash_probability: float = 0.0,
    workers: int = 1,
    network: Network | None = None,
    faults: Sequence[Fault] = (),
    protocol: str | None = None,
    seed: int = 0,
    store: str | Store = 'memory',
    audit: bool = False,
    history: bool = True,
    progress: bool = False,
) -> Result:
    """Put ``workload`` through a pool and check every event against the pool's promises.

    Args:
        workload: the jobs.
        max_size: slots of the pool; of each pool, where the jobs have keys.
        slot_exp: the life of a slot in seconds; ``None`` for ever.
        on_refusal: what a refused job does: leave, or try again after a pause.
        crash_probability: the share of holders that crash and never release, 0 to 1; which ones, and when, is drawn
            from a stream of its own.
        workers: the processes that the jobs run in, dealt to them by turns.
        network: between the workers and the server: with one, commands take time and others' fall in between.
        faults: what goes wrong, see :mod:`simulations.faults`.
        protocol: how slots are taken, where it is not the store's own way: ``'nx'`` for the plain contract, or one of
            ``simulations/broken``, both in memory.
        seed: of crashes, pauses, network and faults; the workload has a seed of its own.
        store: ``'memory'``, ``'fakeredis'``, ``'valkey'``, a server's URL, or an open store.
        audit: ask the store for the size of the pool after every event as well, and compare.
        history: keep every event; without it the memory that a run takes does not grow with its length.
        progress: show a progress bar on standard error, or in the notebook.

    Returns:
        history, figures and pictures.

    Raises:
        TypeError, ValueError: ``max_size``, ``slot_exp`` or what is beside them is wrong.
        StoreError: the store cannot be had, or does not answer.
        InvariantError: a promise was broken; the run stopped there, unless it was one with network, faults or a
            protocol: these go on to their end, and ``error.result`` has them whole.

    Example::

        result = replay(Trace([(0, 5), (1, 5), (2, 5)]), max_size=2)
        result.figures.refused                              # 1
    """
    check_max_size(max_size)
    check_expiration('slot_exp', slot_exp)
    crash_probability = probability('crash_probability', crash_probability)
    if not isinstance(on_refusal, Leave | Retry):
        raise TypeError(f'on_refusal must be Leave() or Retry(...), not {on_refusal!r}')
    if on_refusal.endless and slot_exp is None and crash_probability:
        raise ValueError(
            'slots of crashed holders never come back without slot_exp, and jobs would try for ever: give slot_exp=...,'
            ' or tries=... to Retry'
        )
    # Integers and floats add up differently, and a server has floats only.
    slot_exp = None if slot_exp is None else float(slot_exp)
    setting = check_setting(workers, network, faults, protocol, slot_exp, on_refusal)
    if not isinstance(store, str | Store):
        raise TypeError(f'store must be a name, a URL or an open store, not {store!r}')
    if not hasattr(workload, 'expected_jobs'):
        raise TypeError(f'a workload was expected, not {workload!r}: wrap a list of jobs as Trace([...])')
    if isinstance(store, str):
        with open_store(store) as opened:
            return replay(
                workload,
                max_size=max_size,
                slot_exp=slot_exp,
                on_refusal=on_refusal,
                crash_probability=crash_probability,
                workers=workers,
                network=network,
                faults=faults,
                protocol=protocol,
                seed=seed,
                store=opened,
                audit=audit,
                history=history,
                progress=progress,
            )
    began = time.perf_counter()
    given = (workload, max_size, slot_exp, on_refusal, crash_probability, seed, store)
    this: _Run | StepwiseRun = (
        _Run(*given, audit, history) if setting is None else StepwiseRun(*given, setting, audit, history)
    )
    with tqdm(total=workload.expected_jobs, unit=' jobs', disable=not progress, dynamic_ncols=True) as bar:
        ran = this.through(bar)
    expectation = WITHOUT_FAULTS if setting else expect(workload, max_size, slot_exp, on_refusal, crash_probability)
    watch, steady = ran.watch, workload.steady and not any(fault.at is not None for fault in faults)
    result = Result(
        workload=workload.name,
        skipped=workload.skipped,
        store=store.name,
        max_size=max_size,
        slot_exp=slot_exp,
        on_refusal=on_refusal,
        crash_probability=crash_probability,
        figures=watch.figures(max_size, ran.recoveries),
        estimates=watch.estimates(steady, getattr(workload, 'memoryless', False)),
        **watch.of_result(),
        seconds=time.perf_counter() - began,
        violations=ran.violations,
        theory=None if isinstance(expectation, str) else expectation,
        why_no_theory=expectation if isinstance(expectation, str) else '',
        workers=workers,
        network=network,
        protocol=protocol,
        **this.of_result(),
    )
    if result.violations:
        raise InvariantError(result.violations[0], ran.events, result)
    return result
