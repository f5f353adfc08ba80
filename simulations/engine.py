"""Put a workload through a pool, in virtual time.

Each job acquires, holds and releases as a user of the library does, at instants of virtual time that the store is told
in place of its clock: the same workload gives the same history, byte for byte, on every store.

At one instant bodies end before jobs arrive, so a slot that becomes free can be taken at once.  A holder that is to
crash dies at a random instant before its slot expires and before its body would end.
"""

import random
import time
from collections.abc import Callable, Iterator
from typing import Any

import simpy
from tqdm.auto import tqdm

from py_cachify.arguments import check_expiration, check_max_size
from py_cachify.drivers import run
from py_cachify.protocols import Lease
from simulations.arguments import probability
from simulations.checks import InvariantError, Model
from simulations.estimates import estimate
from simulations.expectation import expect
from simulations.figures import Tally
from simulations.history import Block, Digest, History
from simulations.holders import PartKeeper
from simulations.levels import Levels
from simulations.recorder import BLOCK, Recorder
from simulations.refusals import Leave, Retry
from simulations.results import Result
from simulations.series import SeriesMaker
from simulations.stores import Store, open_store
from simulations.timeline import Timeline
from simulations.workloads import Job, Turn, Workload


JOBS_SHOWN = 256
"""The progress bar moves after so many."""


class _At(simpy.Event):
    """Something that happens after ``delay`` seconds, as a SimPy ``Timeout``, with less ado."""

    NORMAL, AFTER_ALL_ENDS = 1, 2

    def __init__(self, env: simpy.Environment, delay: float, do: Callable[[Any], None], priority: int = NORMAL) -> None:
        self.env = env
        self.callbacks = [do]
        self._ok = True
        self._value = None
        env.schedule(self, priority=priority, delay=delay)  # type: ignore[arg-type]  # SimPy knows two by name


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
        self._workload = workload
        self._jobs: Iterator[Job] = iter(()) if workload.clients else iter(workload)
        self._first = next(self._jobs, None)
        # An environment starts before its first event, and a trace may start at any instant.
        self._env = simpy.Environment(initial_time=0.0 if self._first is None else self._first.arrival)
        self._backend = store.backend(lambda: self._env.now)
        self._prefix = store.new_run()
        self._store = store
        self._max_size = max_size
        self._slot_exp = slot_exp
        self._on_refusal = on_refusal
        self._crash_probability = crash_probability
        self._crashes = random.Random(f'{seed} crashes')
        self._seed = seed
        self._audit = audit
        self._number = 0
        self._names: list[str] = []
        self.history = History(self._names) if keep else None
        self.tally, self.series, self.timeline = Tally(), SeriesMaker(), Timeline()
        self.parts, self.digest = PartKeeper(), Digest()
        self._levels = Levels()
        self.recorder = Recorder([self._take], self._names)
        self.model = Model(max_size, slot_exp, self.recorder)

    @property
    def digested(self) -> str:
        """The hash of the history."""
        return self.digest.hexdigest(self._names)

    def _take(self, block: Block) -> None:
        spans = self._levels.spans(block)
        self.tally.add(spans)
        self.series.add(spans)
        self.timeline.add(spans)
        self.parts.add(block)
        self.digest.add(block)
        if self.history is not None:
            self.history.add(block)

    def to_the_end(self, bar: 'tqdm[None]') -> None:
        """Let all jobs come and go, then look whether the store is empty."""
        try:
            self._bar = bar
            if self._workload.clients:
                self._start_clients(self._workload.clients.number)
            elif self._first is not None:
                self._arrive(self._first)
            self._env.run()
            self._let_the_crashed_expire()
            for key in self.model.keys:
                self._count(self.model.pool(key))
        finally:
            bar.update(self._number - bar.n)
            self.recorder.hand_on()
            self._store.remove(self._prefix + key for key in self.model.keys)

    # --- arrivals

    def _arrive(self, job: Job) -> None:
        self._ask_first(job.holding, job.key, -1)
        following = next(self._jobs, None)
        if following is not None:
            delay = max(0.0, following.arrival - self._env.now)
            _At(self._env, delay, lambda _: self._arrive(following), _At.AFTER_ALL_ENDS)

    def _start_clients(self, number: int) -> None:
        self._turns = [self._workload.turns(client) for client in range(number)]
        for client in range(number):
            self._think(client)

    def _think(self, client: int) -> None:
        turn: Turn = next(self._turns[client])

        def ask(_: simpy.Event) -> None:
            horizon, most = self._workload.horizon, self._workload.expected_jobs
            if (horizon is None or self._env.now <= horizon) and (most is None or self._number < most):
                self._ask_first(turn.holding, turn.key, client)

        _At(self._env, self._moves_on('thinking', turn.thinking), ask, _At.AFTER_ALL_ENDS)

    # --- one job

    def _ask_first(self, holding: float, key: str | None, client: int) -> None:
        number = self._number
        self._number += 1
        if not self._number % JOBS_SHOWN:
            self._bar.update(JOBS_SHOWN)
        crash = None
        if self._crash_probability:
            # Always two draws, so that another probability crashes the same jobs, and more or fewer.
            draw, share = self._crashes.random(), self._crashes.random()
            crash = share if draw < self._crash_probability else None
        self._ask(_Asking(number, self._env.now, holding, self.model.pool(key or ''), client, crash))

    def _ask(self, job: _Asking) -> None:
        now, pool = self._env.now, job.pool
        job.lease = self._backend.acquire(self._prefix + pool.key, str(job.number), self._max_size, self._slot_exp)
        if job.lease is None:
            self._refused(job, now)
        else:
            self.model.granted(now, job.number, pool)
            if job.refusals:
                self.tally.waited(now - job.arrival)
            if job.crash is None:
                _At(self._env, job.holding, lambda _: self._end(job))
            else:
                life = job.holding if self._slot_exp is None else min(job.holding, self._slot_exp)
                _At(self._env, job.crash * life, lambda _: self._crash(job))
        if self._audit:
            self._count(pool)
        if len(self.recorder.rows) >= BLOCK:
            self.recorder.hand_on()

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
            _At(self._env, self._moves_on('pause', pause), lambda _: self._ask(job), _At.AFTER_ALL_ENDS)

    def _moves_on(self, what: str, seconds: float) -> float:
        """The seconds, if the clock moves by them: else whoever waits so long would ask again and again for ever."""
        now = self._env.now
        if seconds > 0 and now + seconds == now:
            raise ValueError(
                f'a {what} of {seconds!r} s does not move a clock that stands at {now!r} s: take longer ones'
            )
        return seconds

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
            self._think(job.client)

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
        seed: of crashes and pauses; the workload has a seed of its own.
        store: ``'memory'``, ``'fakeredis'``, ``'valkey'``, a server's URL, or an open store.
        audit: ask the store for the size of the pool after every event as well, and compare.
        history: keep every event; without it the memory that a run takes does not grow with its length.
        progress: show a progress bar on standard error, or in the notebook.

    Returns:
        history, figures and pictures.

    Raises:
        TypeError, ValueError: ``max_size``, ``slot_exp`` or what is beside them is wrong.
        StoreError: the store cannot be had, or does not answer.
        InvariantError: a promise was broken; the run stopped there.

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
                seed=seed,
                store=opened,
                audit=audit,
                history=history,
                progress=progress,
            )
    this = _Run(workload, max_size, slot_exp, on_refusal, crash_probability, seed, store, audit, history)
    began = time.perf_counter()
    violated: InvariantError | None = None
    with tqdm(total=workload.expected_jobs, unit=' jobs', disable=not progress, dynamic_ncols=True) as bar:
        try:
            with store.errors():
                this.to_the_end(bar)
        except InvariantError as error:
            violated = error
    expectation = expect(workload, max_size, slot_exp, on_refusal, crash_probability)
    result = Result(
        workload=workload.name,
        skipped=workload.skipped,
        store=store.name,
        max_size=max_size,
        slot_exp=slot_exp,
        on_refusal=on_refusal,
        crash_probability=crash_probability,
        figures=this.tally.figures(len(this.model.keys), max_size, this.model.recoveries),
        estimates=estimate(this.series.series(), workload.steady, getattr(workload, 'memoryless', False)),
        occupancy_shares=this.tally.occupancy_shares(),
        overrun_shares=this.tally.overrun_shares(),
        timeline=this.timeline,
        part=this.parts.part(),
        history_hash=this.digested,
        kept=this.history,
        seconds=time.perf_counter() - began,
        violations=[] if violated is None else [violated.violation],
        theory=None if isinstance(expectation, str) else expectation,
        why_no_theory=expectation if isinstance(expectation, str) else '',
    )
    if violated is not None:
        violated.result = result
        raise violated
    return result
