"""Running a scenario at many points, on any executor."""

import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm.auto import tqdm

from simulations.arguments import whole_number
from simulations.engine.replications import seeds
from simulations.scenarios.scenario import Scenario
from simulations.sweeps.journal import Journal
from simulations.sweeps.outcome import Outcome, outcome
from simulations.sweeps.processes import processes
from simulations.sweeps.table import Sweep, make_sweep
from simulations.sweeps.vary import Value, check_vary, points
from simulations.workloads.refusals import Retry


_MOST_WAITING = 1000
"""The largest number of runs submitted at once: enough for a large cluster, and little memory."""


def sweep(
    scenario: Scenario,
    vary: Mapping[str, Iterable[Value]],
    *,
    replications: int | None = None,
    executor: Executor | None = None,
    workers: int | None = None,
    journal: str | Path | None = None,
    store: str = 'memory',
    progress: bool = False,
) -> Sweep:
    """Run ``scenario`` at every combination of the values.

    All points see the same jobs, crashes and pauses (common random numbers), so a difference
    between two points is due to what was varied. The same scenario and seed give the same table,
    whatever the executor.

    Args:
        scenario: the scenario to run; the varied values replace its own.
        vary: the values of each name that varies: ``max_size``, ``slot_exp`` (in seconds, ``None``
            if slots never expire), ``load`` (arrivals as a multiple of the scenario's),
            ``crash_probability``, ``wait`` (in seconds, ``None`` for any time, or the distribution
            of patience as a text such as ``'exp:5'``) or ``max_waiting``.
        replications: independent runs at each point, by default as many as the scenario asks for.
            With two or more, the intervals come from the scatter between runs, otherwise from the
            means of equal parts of the run (:func:`simulations.batch_means`).
        executor: anything with the interface of ``concurrent.futures.Executor``, such as that of a
            cluster's client; by default processes on this machine.
        workers: the number of processes, by default one for each processor; 1 runs everything in
            this process.
        journal: a file that keeps each finished run. Start the same sweep with it again, and it
            continues where it stopped.
        store: where the pools are kept, see :func:`simulations.replay`.
        progress: show a progress bar on standard error, or in the notebook.

    Returns:
        A table with a row for each point; its ``plot`` method draws it.

    Raises:
        TypeError, ValueError: an argument is invalid, or the journal belongs to another sweep.
        InvariantError: a promise was broken in a run.

    Example::

        sweep(Scenario.load('api-connection-limit'), {'max_size': range(10, 41, 5)}).plot()
    """
    checked = check_vary(vary)
    count = whole_number('replications', scenario.replications if replications is None else replications, 1)
    if executor is not None and workers is not None:
        raise ValueError('give either executor or workers, not both')
    if workers is not None:
        whole_number('workers', workers, 1)
    all_points = points(checked)
    scenarios = [at(scenario, point) for point in all_points]
    runs = list(itertools.product(range(len(all_points)), itertools.islice(seeds(scenario.seed), count)))
    done: dict[int, Outcome] = {}
    with ExitStack() as stack:
        kept = None
        if journal is not None:
            kept = stack.enter_context(Journal(Path(journal), identity(scenario, checked, count)))
            done.update(kept.done)
        bar = stack.enter_context(
            tqdm(total=len(runs), initial=len(done), unit=' runs', disable=not progress, dynamic_ncols=True)
        )
        missing = [number for number in range(len(runs)) if number not in done]
        if executor is None and workers != 1 and missing:
            executor = stack.enter_context(processes(workers))
        tasks = ((number, scenarios[runs[number][0]], runs[number][1]) for number in missing)
        for number, found in outcomes(tasks, executor, store):
            done[number] = found
            if kept is not None:
                kept.keep(number, found)
            bar.update()
    by_point = [[done[point * count + run] for run in range(count)] for point in range(len(all_points))]
    return make_sweep(scenario, checked, all_points, scenarios, by_point)


_FIELDS = {'load': 'load_factor'}


def at(scenario: Scenario, point: Mapping[str, Value]) -> Scenario:
    """Return the scenario with the values of a point."""
    return scenario.replace(**{_FIELDS.get(name, name): value for name, value in point.items()})


def identity(scenario: Scenario, vary: Mapping[str, Iterable[Value]], replications: int) -> str:
    """Return a hash of everything that determines the table, files of the scenario included."""
    inputs = [scenario.to_toml(), {name: list(values) for name, values in vary.items()}, replications]
    digest = hashlib.sha256(json.dumps(inputs).encode())
    pauses = scenario.on_refusal.pauses if isinstance(scenario.on_refusal, Retry) else None
    workload = scenario.workload() if scenario.trace is not None else None
    for numbers in _numbers((workload, scenario.arrivals, scenario.holding, pauses)):
        digest.update(hashlib.sha256(numbers.tobytes()).digest())
    return digest.hexdigest()


def _numbers(part: object) -> Iterator[NDArray[Any]]:
    """Yield the columns of numbers in a part of a scenario; they may come from files."""
    if isinstance(part, np.ndarray):
        yield part
    elif isinstance(part, tuple | list):
        yield from itertools.chain.from_iterable(map(_numbers, part))
    elif hasattr(part, '__dict__'):
        yield from itertools.chain.from_iterable(map(_numbers, vars(part).values()))


def run_once(scenario: Scenario, seed: int, store: str) -> Outcome:
    """Make one run at one point; this is the task that an executor carries out."""
    return outcome(scenario.replay(seed=seed, store=store, history=False))


Task = tuple[int, Scenario, int]


def outcomes(tasks: Iterator[Task], executor: Executor | None, store: str) -> Iterator[tuple[int, Outcome]]:
    """Yield the number and the outcome of each task, in the order in which they finish."""
    if executor is None:
        for number, scenario, seed in tasks:
            yield number, run_once(scenario, seed, store)
        return
    waiting: dict[Future[Outcome], int] = {}
    # Not `wait()`, which would scan all pending futures whenever one finishes.
    finished: SimpleQueue[Future[Outcome]] = SimpleQueue()
    try:
        while True:
            for number, scenario, seed in itertools.islice(tasks, _MOST_WAITING - len(waiting)):
                future = executor.submit(run_once, scenario, seed, store)
                waiting[future] = number
                future.add_done_callback(finished.put)
            if not waiting:
                return
            future = finished.get()
            yield waiting.pop(future), future.result()
    finally:
        for future in waiting:
            future.cancel()


__all__ = ['at', 'identity', 'outcomes', 'run_once', 'sweep']
