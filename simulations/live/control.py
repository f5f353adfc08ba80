"""``live``: run a scenario in wall-clock time, with real processes and a real server, and judge what they were told."""

import dataclasses
import itertools
import secrets
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulations.arguments import whole_number
from simulations.engine.replay import replay
from simulations.live.outcome.outcome import result_of
from simulations.live.outcome.result import LiveResult
from simulations.live.plan import Plan, check
from simulations.live.supervisor.run import Run
from simulations.live.view import Show, TerminalView
from simulations.results.result import Result
from simulations.scenarios.scenario import Scenario
from simulations.traces.trace import Trace


if TYPE_CHECKING:
    from simulations.live.outcome.result import LiveResult
    from simulations.scenarios.scenario import Scenario
from simulations.live.view import NotebookView


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
    """Live through a scenario: real processes, threads or asyncio tasks, and a real server.

    Jobs arrive at the instants of the scenario, divided by ``speed``, whether or not their process keeps up: one that
    finds all threads busy starts late, and is counted.  So are jobs that were due while their worker was dead.  Of a
    scenario with :class:`simulations.Clients` each client is a thread or task of its own.

    The faults of the scenario really happen: workers are killed and stopped, the embedded server is killed and started
    again, connections are cut.  ``workers`` in them are the numbers of the processes.  A share of holders that crash
    (``crash_probability``) are contexts that are entered and never left.

    What the workers were told is judged by :func:`simulations.judging.judge`; besides, the server is asked for the
    size of the pool all the time, bodies are counted across processes, and at the end nothing may be left.

    Args:
        scenario: what to run; its network gives the time-out and the retries of the workers' client, but no latency.
        processes: workers; by default as many as the scenario says if that is more than 1, else 4, and 1 in memory.
        threads: of each process, by default 8, and 32 in memory.
        tasks: of each process, to run asyncio in place of threads.
        seconds: for how long jobs arrive, in seconds on the wall; by default all of them do.
        speed: seconds of the scenario that pass in one second.
        store: ``'memory'``, ``'valkey'`` (an embedded server of this run's own), or the URL of a server.
        seed: in place of the scenario's own.
        compare: simulate the same scenario afterwards, and lay both side by side.
        show: called with a :class:`simulations.live.Moment` some times a second.

    Returns:
        figures, history and pictures as of a simulation, in seconds of the scenario, and what was measured besides; its
        ``violations`` are the promises that were broken.

    Raises:
        TypeError, ValueError: this cannot be done, such as a fault that needs a clock of its own; nothing was started.
        StoreError: the store cannot be had, or does not answer.
        LiveError: a worker ended of itself, or nothing happens any more.

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
        ran.to_the_end()
        result = result_of(plan, ran)
    if not compare:
        return result
    return dataclasses.replace(result, simulated=_simulated(plan, ran.nursery.jobs, isinstance(show, TerminalView)))


def _simulated(plan: Plan, jobs: int, progress: bool) -> Result:
    """The same in virtual time: just the same jobs, or clients for the same time."""
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
        on_refusal=scenario.on_refusal,
        crash_probability=scenario.crash_probability,
        workers=scenario.workers,
        network=scenario.network,
        faults=scenario.faults,
        seed=scenario.seed,
        progress=progress,
    )


def live_view(scenario: 'Scenario', **options: Any) -> 'LiveResult':
    """Run :func:`simulations.live.live` in a cell of a notebook, and watch it there; else in the terminal.

    Args:
        scenario: what to run.
        options: those of :func:`simulations.live.live`, but ``show``.

    Raises:
        ModuleNotFoundError: IPython is not installed: the extra ``lab`` has it.
        TypeError, ValueError, StoreError, LiveError: as :func:`simulations.live.live`.

    Example::

        result = live_view(Scenario.load('slow-downstream'), seconds=20, speed=2)
    """
    from IPython import get_ipython

    from simulations.live.control import live

    show: Show = TerminalView() if get_ipython() is None else NotebookView()
    return live(scenario, show=show, **options)
