"""``live``: run a scenario in wall-clock time, with real processes and a real server."""

import dataclasses
import itertools
import secrets
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from simulations.arguments import whole_number
from simulations.engine.replay import replay
from simulations.live.outcome.outcome import result_of
from simulations.live.outcome.result import LiveResult
from simulations.live.plan import Plan, check
from simulations.live.supervisor.run import Run
from simulations.live.view import NotebookView, Show, TerminalView
from simulations.results.result import Result
from simulations.scenarios.scenario import Scenario
from simulations.traces.trace import Trace


def live(
    scenario: Scenario,
    *,
    processes: int | None = None,
    threads: int | None = None,
    tasks: int | None = None,
    seconds: float | None = None,
    speed: float = 1.0,
    store: str = 'valkey',
    seed: int | None = None,
    compare: bool = True,
    show: Show | None = None,
) -> LiveResult:
    """Run a scenario in wall-clock time, with real processes and a real server.

    Jobs arrive at the instants of the scenario, divided by ``speed``, whether or not their process
    keeps up.  Each process has threads or asyncio tasks.  A job that finds all threads busy starts
    late; a job whose worker is dead is missed; both are counted.  In a scenario with
    :class:`simulations.Clients`, each client is a separate thread or task.

    The faults of the scenario really happen: workers are killed and stopped, the embedded server is
    killed and started again, connections are cut.  Their ``workers`` are the numbers of the
    processes.  A holder that crashes alone (``crash_probability``) is a context that is entered and
    never left.

    :func:`simulations.judging.judge` judges what the workers asked and were answered.  In addition,
    the server is asked for the size of the pool throughout, bodies are counted across processes,
    and nothing may be left at the end.

    Args:
        scenario: the scenario to run; its network sets the time-out and the retries of the workers'
            client, but no latency.
        processes: the number of workers; by default that of the scenario if it is more than 1, else
            4, or 1 in memory.
        threads: threads of each process, by default 8, or 32 in memory.
        tasks: tasks of each process; if given, workers run asyncio instead of threads.
        seconds: for how long jobs arrive, in wall-clock seconds; by default until all have arrived.
        speed: scenario seconds that pass in one second.
        store: ``'memory'``, ``'valkey'`` (an embedded server that belongs to this run), or the URL
            of a server.
        seed: replaces the seed of the scenario.
        compare: also simulate the scenario, and compare both.
        show: called with a :class:`simulations.live.Moment` a few times a second.

    Returns:
        Figures, history and pictures like those of a simulation, in scenario seconds, and the live
        measurements.  ``violations`` lists the promises that were broken.

    Raises:
        TypeError, ValueError: the run is not possible, for example because a fault needs a separate
            clock; nothing was started.
        StoreError: the store does not start, or does not answer.
        LiveError: a worker ended unexpectedly, or the run made no progress for 60 seconds.

    Example::

        result = live(Scenario.load('crash-loop'), processes=4, seconds=30, speed=10)
        print(result.comparison)
    """
    processes, threads = check(
        scenario, processes=processes, threads=threads, tasks=tasks, seconds=seconds, speed=speed, store=store
    )
    scenario = scenario.replace(workers=processes)
    if seed is not None:
        scenario = scenario.replace(seed=whole_number('seed', seed))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix='live-')))
        plan = Plan(
            scenario=scenario.replace(folder=Path(scenario.folder).absolute()),
            processes=processes,
            threads=threads,
            tasks=tasks,
            speed=float(speed),
            span=None if seconds is None else seconds * speed,
            store=store,
            prefix=f'pool-sim-{secrets.token_hex(6)}-',
            folder=folder,
        )
        ran = Run(plan, show, stack)
        ran.execute()
        result = result_of(plan, ran)
    if not compare:
        return result
    return dataclasses.replace(result, simulated=_simulated(plan, ran.nursery.jobs, isinstance(show, TerminalView)))


def _simulated(plan: Plan, jobs: int, progress: bool) -> Result:
    """Simulate the same jobs, or clients for the same time."""
    scenario = plan.scenario.replace(workers=plan.processes)
    workload = scenario.workload()
    if plan.span is None or not jobs:
        ends = [end for end in (plan.span, scenario.horizon) if end is not None]
        if workload.clients is not None and ends:
            scenario = scenario.replace(horizon=min(ends))
        return scenario.replay(progress=progress)
    if scenario.trace is None:
        return scenario.replace(jobs=jobs).replay(progress=progress)
    return replay(
        Trace(list(itertools.islice(workload, jobs)), workload.name, workload.skipped),
        max_size=scenario.max_size,
        slot_exp=scenario.slot_exp,
        renew_for=scenario.renew_for,
        wait=scenario.wait,
        max_waiting=scenario.max_waiting,
        wait_within=scenario.wait_within,
        on_refusal=scenario.on_refusal,
        crash_probability=scenario.crash_probability,
        workers=scenario.workers,
        network=scenario.network,
        faults=scenario.faults,
        seed=scenario.seed,
        progress=progress,
    )


def live_view(scenario: Scenario, **options: Any) -> LiveResult:
    """Run :func:`~simulations.live.live` and show its progress, in a notebook or the terminal.

    Args:
        scenario: the scenario to run.
        options: the options of :func:`simulations.live.live`, except ``show``.

    Raises:
        ModuleNotFoundError: IPython is not installed; the extra ``lab`` includes it.
        TypeError, ValueError, StoreError, LiveError: as in :func:`simulations.live.live`.

    Example::

        result = live_view(Scenario.load('slow-downstream'), seconds=20, speed=2)
    """
    from IPython import get_ipython

    show: Show = TerminalView() if get_ipython() is None else NotebookView()
    return live(scenario, show=show, **options)
