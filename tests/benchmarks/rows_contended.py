"""Bodies a second of many actors on a pool of few slots, compared with the minimal semaphore."""

import gc
from collections.abc import Mapping
from contextlib import ExitStack, closing
from statistics import median

from tests.benchmarks import minimal, ours
from tests.benchmarks.bench import ANY_CORES, Bench
from tests.benchmarks.contention import Arena, Outcome, Processes, Tasks, Threads
from tests.benchmarks.rounds import heap_set_aside, ratios, turns
from tests.benchmarks.sizes import ACTORS, MAX_SIZE, PROCESSES
from tests.benchmarks.table import Absolute, Cell, Row


THREADS_TARGET, TASKS_TARGET, PROCESSES_TARGET = 0.92, 0.90, 0.90


def thread_rows(bench: Bench) -> list[Row]:
    """Return the row for threads of one process."""
    arenas: dict[str, Arena] = {
        'minimal': Threads(minimal.attempts(bench.socket)),
        'ours': Threads(ours.attempts(bench.socket)),
    }
    return [_row(bench, f'contended, {ACTORS} threads', 'threads', arenas, THREADS_TARGET)]


def task_rows(bench: Bench) -> list[Row]:
    """Return the row for tasks of one event loop."""
    with bench.async_client() as (runner, client):
        arenas: dict[str, Arena] = {
            'minimal': Tasks(runner, runner.run(minimal.async_attempts(client))),
            'ours': Tasks(runner, ours.async_attempts(client)),
        }
        return [_row(bench, f'contended, {ACTORS} tasks', 'tasks', arenas, TASKS_TARGET)]


def process_rows(bench: Bench) -> list[Row]:
    """Return the row for threads of several processes."""
    name = f'contended, {PROCESSES} processes x {ACTORS // PROCESSES} threads'
    with ExitStack() as stack:
        arenas: dict[str, Arena] = {
            'minimal': stack.enter_context(closing(Processes(minimal.attempts, bench.socket))),
            'ours': stack.enter_context(closing(Processes(ours.attempts, bench.socket))),
        }
        return [_row(bench, name, 'processes', arenas, PROCESSES_TARGET)]


def _row(bench: Bench, measure: str, kind: str, arenas: Mapping[str, Arena], target: float) -> Row:
    others = bench.other_arenas(kind)
    outcomes = _outcomes(bench, {**arenas, **others.ready})
    minimal_rates = _rates(outcomes['minimal'])
    compared = {name: ratios(_rates(of), minimal_rates) for name, of in outcomes.items()}
    rates = Absolute(median(_rates(outcomes['ours'])), median(minimal_rates), 'a second')
    if any(each.overfull or each.false_refusals for each in outcomes['minimal']):
        raise RuntimeError(
            'the judge of the benchmark is wrong: it finds fault with the minimal semaphore'
            f' ({_seen(outcomes["minimal"])})'
        )
    return Row(
        f'{measure}, {ANY_CORES}',
        compared['ours'],
        'minimal semaphore',
        rates,
        bound=target,
        at_least=True,
        seen=_seen(outcomes['ours']),
        broken=tuple(_broken(outcomes['ours'])),
        unmet=(f'not all {MAX_SIZE} in use',) if _peak(outcomes['ours']) < MAX_SIZE else (),
        others={**{name: Cell(compared[name], _seen(outcomes[name])) for name in others.ready}, **others.cannot},
    )


def _outcomes(bench: Bench, arenas: Mapping[str, Arena]) -> dict[str, list[Outcome]]:
    outcomes: dict[str, list[Outcome]] = {name: [] for name in arenas}
    for arena in arenas.values():
        arena.round(bench.plan.window)  # connects
    with heap_set_aside():
        for name in turns(list(arenas), bench.plan.rounds, bench.tick):
            gc.collect()
            outcomes[name].append(arenas[name].round(bench.plan.window))
    return outcomes


def _rates(outcomes: list[Outcome]) -> list[float]:
    return [each.rate for each in outcomes]


def _peak(outcomes: list[Outcome]) -> int:
    return max(each.peak for each in outcomes)


def _seen(outcomes: list[Outcome]) -> str:
    refusals, false = sum(each.refusals for each in outcomes), sum(each.false_refusals for each in outcomes)
    return f'{_peak(outcomes)} of {MAX_SIZE} in use, {false:,} of {refusals:,} refusals false'


def _broken(outcomes: list[Outcome]) -> list[str]:
    found = {
        'overfull': sum(each.overfull for each in outcomes),
        'false refusals': sum(each.false_refusals for each in outcomes),
    }
    return [f'{number} {what}' for what, number in found.items() if number]
