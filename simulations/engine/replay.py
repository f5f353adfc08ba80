"""Put a workload through a pool, in virtual time.

Each job acquires, holds and releases as a user of the library does, at instants of virtual time that the store is told
in place of its clock: the same workload gives the same history, byte for byte, on every store.

At one instant bodies end before jobs arrive, so a slot that becomes free can be taken at once.  A holder that is to
crash dies at a random instant before its slot expires and before its body would end.
"""

import time
from collections.abc import Sequence
from contextlib import nullcontext

from tqdm.auto import tqdm

from simulations.conditions import Conditions
from simulations.engine.immediate import ImmediateRun
from simulations.engine.stepwise import StepwiseRun
from simulations.faults import Fault
from simulations.faults.network import Network
from simulations.results.result import Result
from simulations.results.violated import InvariantError
from simulations.stores.store import Store, open_store
from simulations.workloads.refusals import Leave, Retry
from simulations.workloads.workload import Workload


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
    conditions = Conditions(
        max_size=max_size,
        slot_exp=slot_exp,
        on_refusal=on_refusal,
        crash_probability=crash_probability,
        workers=workers,
        network=network,
        faults=faults,
        protocol=protocol,
        seed=seed,
    )
    return replay_under(conditions, workload, store=store, audit=audit, history=history, progress=progress)


def replay_under(
    conditions: Conditions,
    workload: Workload,
    *,
    store: str | Store = 'memory',
    audit: bool = False,
    history: bool = True,
    progress: bool = False,
) -> Result:
    """Put ``workload`` through a pool under ``conditions``; all else as :func:`replay` has it."""
    if not isinstance(store, str | Store):
        raise TypeError(f'store must be a name, a URL or an open store, not {store!r}')
    if not hasattr(workload, 'expected_jobs'):
        raise TypeError(f'a workload was expected, not {workload!r}: wrap a list of jobs as Trace([...])')
    with nullcontext(store) if isinstance(store, Store) else open_store(store) as opened:
        began = time.perf_counter()
        run_of = StepwiseRun if conditions.stepwise else ImmediateRun
        this = run_of(workload, conditions, opened, audit, history)
        with tqdm(total=workload.expected_jobs, unit=' jobs', disable=not progress, dynamic_ncols=True) as bar:
            ran = this.through(bar)
        result = Result(
            workload=workload.name,
            skipped=workload.skipped,
            store=opened.name,
            conditions=conditions,
            observed=ran.observer.observed(
                conditions.max_size,
                ran.recoveries,
                steady=conditions.steady(workload),
                memoryless=getattr(workload, 'memoryless', False),
            ),
            findings=ran.findings,
            expectation=conditions.expect(workload),
            seconds=time.perf_counter() - began,
        )
    if result.violations:
        raise InvariantError(result.violations[0], ran.events, result)
    return result
