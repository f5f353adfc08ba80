"""Put a workload through a pool, in virtual time.

Each job is a SimPy process that acquires through the library's own step generators, holds, and releases.
Every command is carried out by the store at its instant of virtual time, which the store is told in
place of its clock: the same workload gives the same history, byte for byte, on every store.

At one instant bodies end before jobs arrive, so a slot that becomes free can be taken at once.
"""

import time
from collections.abc import Generator, Iterator

import simpy
from tqdm.auto import tqdm

from py_cachify.arguments import check_expiration, check_max_size
from py_cachify.drivers import run
from simulations.checks import InvariantError, Model
from simulations.figures import Tally
from simulations.history import Event, History
from simulations.results import Result
from simulations.stores import Store, open_store
from simulations.workloads import Job, Workload


class _Arrival(simpy.Event):
    """An instant at which a job arrives: as a SimPy ``Timeout``, but after all that ends at that instant."""

    PRIORITY = 2

    def __init__(self, env: simpy.Environment, delay: float) -> None:
        super().__init__(env)
        self._ok = True
        self._value = None
        env.schedule(self, priority=self.PRIORITY, delay=delay)  # type: ignore[arg-type]  # SimPy knows two by name


class _Run:
    """One workload on its way through one store."""

    def __init__(self, workload: Workload, max_size: int, slot_exp: float | None, store: Store, audit: bool) -> None:
        self._jobs = iter(workload)
        self._first = next(self._jobs, None)
        # An environment starts before its first event, and a trace may start at any instant.
        self._env = simpy.Environment(initial_time=0.0 if self._first is None else self._first.arrival)
        self._backend = store.backend(lambda: self._env.now)
        self._prefix = store.new_run()
        self._store = store
        self._max_size = max_size
        self._slot_exp = slot_exp
        self._audit = audit
        self.history = History()
        self.tally = Tally()
        self.model = Model(max_size, slot_exp, self._record)

    def _record(self, event: Event) -> None:
        self.history.append(event)
        self.tally.add(event)

    def to_the_end(self, bar: 'tqdm[None]') -> None:
        """Let all jobs come and go, then look whether the store is empty."""
        try:
            self._env.process(self._arrivals(bar))
            self._env.run()
            for key in self.model.keys:
                self._count(key)
        finally:
            self._store.remove(self._prefix + key for key in self.model.keys)

    def _arrivals(self, bar: 'tqdm[None]') -> Generator[simpy.Event, None, None]:
        for number, job in enumerate(self._all_jobs()):
            if job.arrival > self._env.now:
                yield _Arrival(self._env, job.arrival - self._env.now)
            elif number:
                yield _Arrival(self._env, 0)
            self._env.process(self._job(number, job))
            bar.update()

    def _all_jobs(self) -> Iterator[Job]:
        if self._first is not None:
            yield self._first
        yield from self._jobs

    def _job(self, number: int, job: Job) -> Generator[simpy.Event, None, None]:
        env, protocol, perform = self._env, self._backend.protocol, self._backend.perform
        key = job.key or ''
        acquire = protocol.acquire(self._prefix + key, str(number), self._max_size, self._slot_exp)
        lease = run(acquire, perform)
        if lease is None:
            self.model.refused(env.now, number, key)
        else:
            self.model.granted(env.now, number, key)
        if self._audit:
            self._count(key)
        if lease is None:
            return
        yield env.timeout(job.holding)
        self.model.ended(env.now, number, key, in_time=run(protocol.release(lease), perform))
        if self._audit:
            self._count(key)

    def _count(self, key: str) -> None:
        size = run(self._backend.protocol.size(self._prefix + key, self._max_size), self._backend.perform)
        self.model.counted(self._env.now, key, size)


def replay(
    workload: Workload,
    *,
    max_size: int,
    slot_exp: float | None = None,
    store: str | Store = 'memory',
    audit: bool = False,
    progress: bool = False,
) -> Result:
    """Put ``workload`` through a pool and check every event against the pool's promises.

    Args:
        workload: the jobs; each asks once and leaves if it is refused.
        max_size: slots of the pool; of each pool, where the jobs have keys.
        slot_exp: the life of a slot in seconds; ``None`` for ever.
        store: ``'memory'``, ``'fakeredis'``, ``'valkey'``, a server's URL, or an open store.
        audit: ask the store for the size of the pool after every event as well, and compare.
        progress: show a progress bar on standard error, or in the notebook.

    Returns:
        history, figures and pictures.

    Raises:
        TypeError, ValueError: ``max_size`` or ``slot_exp`` is wrong.
        StoreError: the store cannot be had, or does not answer.
        InvariantError: a promise was broken; the run stopped there.

    Example::

        result = replay(Trace([(0, 5), (1, 5), (2, 5)]), max_size=2)
        result.figures.refused                              # 1
    """
    check_max_size(max_size)
    check_expiration('slot_exp', slot_exp)
    # Integers and floats add up differently, and a server has floats only.
    slot_exp = None if slot_exp is None else float(slot_exp)
    if isinstance(store, str):
        with open_store(store) as opened:
            return replay(workload, max_size=max_size, slot_exp=slot_exp, store=opened, audit=audit, progress=progress)
    if not isinstance(store, Store):
        raise TypeError(f'store must be a name, a URL or an open store, not {store!r}')
    if not hasattr(workload, 'expected_jobs'):
        raise TypeError(f'a workload was expected, not {workload!r}: wrap a list of jobs as Trace([...])')
    this = _Run(workload, max_size, slot_exp, store, audit)
    began = time.perf_counter()
    violated: InvariantError | None = None
    with tqdm(total=workload.expected_jobs, unit=' jobs', disable=not progress, dynamic_ncols=True) as bar:
        try:
            with store.errors():
                this.to_the_end(bar)
        except InvariantError as error:
            violated = error
    result = Result(
        workload=workload.name,
        skipped=workload.skipped,
        store=store.name,
        max_size=max_size,
        slot_exp=slot_exp,
        figures=this.tally.figures(pools=len(this.model.keys)),
        history=this.history,
        seconds=time.perf_counter() - began,
        violations=[] if violated is None else [violated.violation],
        theory=workload.theory(max_size, slot_exp),
    )
    if violated is not None:
        violated.result = result
        raise violated
    return result
