"""Run a workload through a pool in virtual time.

Each job acquires, holds and releases a slot as a user of the library does.  The store receives
virtual time in place of its clock, so the same workload produces the same history, byte for byte,
on every store.

If a body ends and a job arrives at the same instant, the body ends first, so the job can take the
slot; instants that differ only by rounding are the same, see :mod:`simulations.engine.timers`.  A
holder that crashes does so at a random instant before its slot expires and before its body would
end; a renewed slot counts as expiring after ``slot_exp`` or ``renew_for``, whichever is longer.
"""

import time
from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial

from tqdm.auto import tqdm

from simulations.conditions import Conditions
from simulations.distributions.base import check_slots_are_freed
from simulations.engine.immediate import ImmediateRun
from simulations.engine.stepwise import StepwiseRun
from simulations.faults import Fault
from simulations.faults.network import Network
from simulations.results.result import Result
from simulations.results.violated import InvariantError
from simulations.stores.store import Store, open_store
from simulations.workloads.patience import Wait, as_wait
from simulations.workloads.refusals import Leave, Retry
from simulations.workloads.sizes import Sizes, as_sizes
from simulations.workloads.synthetic import Synthetic
from simulations.workloads.workload import Workload


def replay(
    workload: Workload,
    *,
    max_size: int | str,
    slot_exp: float | None = None,
    renew_for: float | None = 0.0,
    wait: Wait | str = 0.0,
    max_waiting: int | None = None,
    wait_within: float | None = None,
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
    """Run ``workload`` through a pool and check every event against the pool's promises.

    Args:
        workload: the jobs.
        max_size: the number of slots of the pool, of each pool if the jobs have keys; or its sizes
            over time, as text such as ``'5,60:10'``, see :mod:`simulations.workloads.sizes`.
        slot_exp: the life of a slot in seconds; ``None`` for a slot that never expires.
        renew_for: for how many seconds a holder renews its slot; 0 for not at all, ``None`` for as
            long as its body runs.
        wait: for how many seconds a job waits in the queue of a full pool, 0 for not at all;
            ``None`` or ``'none'`` for as long as it takes; or the distribution from which the
            patience of each job is drawn, such as ``'exp:5'``. A job whose time is up is refused.
        max_waiting: how many jobs may wait at each pool already when one more asks; ``None`` for
            any number. One too many is refused.
        wait_within: also measure which share of the jobs got a slot within so many seconds.
        on_refusal: what a refused job does: leave, or retry after a pause.
        crash_probability: the share of holders that crash and never release, from 0 to 1; a
            separate random stream decides which ones, and when.
        workers: the number of processes that run the jobs, which are dealt to them in turn.
        network: the network between workers and server; with one, each command takes time and other
            clients' commands can run in between.
        faults: the faults that happen, see :mod:`simulations.faults`.
        protocol: the protocol for taking slots; ``None`` for the one that the store uses.  ``'nx'``
            is the library's plain contract, which needs only ``get``, ``set`` if not exists and
            ``delete``; the others are the pools of ``simulations/broken``.  All run in memory.
        seed: the seed of crashes, pauses, network and faults; the workload has its own seed.
        store: ``'memory'``, ``'fakeredis'``, ``'valkey'``, the URL of a server, or an open store.
        audit: also ask the store for the size of the pool after every event, and compare.
        history: keep every event; without it, the memory of a run does not grow with its length.
        progress: show a progress bar on standard error, or in the notebook.

    Returns:
        the history, the figures and the pictures of the run.

    Raises:
        TypeError, ValueError: an argument is not allowed; the message names it.
        StoreError: the store is not available, or does not answer.
        InvariantError: a promise was broken.  The run stopped there, unless it has a network,
            faults or a protocol: such a run continues to its end, and ``error.result`` is complete.

    Example::

        result = replay(Trace([(0, 5), (1, 5), (2, 5)]), max_size=2)
        result.figures.refused                              # 1
    """
    conditions = Conditions(
        max_size=as_sizes(max_size),
        slot_exp=slot_exp,
        renew_for=renew_for,
        wait=as_wait(wait),
        max_waiting=max_waiting,
        wait_within=wait_within,
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
    """Run ``workload`` through a pool under ``conditions``; the rest is as in :func:`replay`."""
    if not isinstance(store, str | Store):
        raise TypeError(f'store must be a name, a URL or an open store, not {store!r}')
    if not hasattr(workload, 'expected_jobs'):
        raise TypeError(
            f'workload must be a Trace, a Synthetic or the like, not {workload!r}: wrap a list of jobs as Trace([...])'
        )
    if isinstance(workload, Synthetic):
        check_slots_are_freed(workload.holding, conditions.slot_exp, conditions.renew_for)
    with nullcontext(store) if isinstance(store, Store) else open_store(store) as opened:
        began = time.perf_counter()
        run_of = StepwiseRun if conditions.stepwise else ImmediateRun
        this = run_of(workload, conditions, opened, audit, history)
        with tqdm(total=workload.expected_jobs, unit=' jobs', disable=not progress, dynamic_ncols=True) as bar:
            ran = this.run(bar)
        result = Result(
            workload=workload.name,
            skipped=workload.skipped,
            store=opened.name,
            conditions=conditions,
            observed=ran.observer.observed(
                conditions.max_size,
                ran.recoveries,
                steady=conditions.steady(workload),
                pace=conditions.pace(workload),
                waits=conditions.waits,
                sizes=partial(conditions.max_size.mean, workers=conditions.workers)
                if isinstance(conditions.max_size, Sizes)
                else None,
            ),
            findings=ran.findings,
            expectation=conditions.expect(workload),
            seconds=time.perf_counter() - began,
        )
    if result.violations:
        raise InvariantError(result.violations[0], ran.events, result)
    return result
