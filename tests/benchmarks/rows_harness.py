"""The simulation harness, with all its checks, against what cannot do without its parts."""

import random
import time
from contextlib import ExitStack
from statistics import median

import simpy

from simulations import Poisson, replay
from simulations.stores import Store, open_store
from tests.benchmarks.bench import Bench
from tests.benchmarks.loops import limit_loop
from tests.benchmarks.others.child import Child
from tests.benchmarks.others.environments import CIW
from tests.benchmarks.rounds import Chunk, interleave, ratios
from tests.benchmarks.table import Absolute, Row


RATE, HOLDING, MAX_SIZE, SLOT_EXP = 3.0, 1.0, 5, 600.0
MEMORY_TARGET, SERVER_TARGET = 0.6, 0.7
LONGER = 10
"""A run has a beginning and an end: rounds are longer than those of single calls."""


def memory_rows(bench: Bench) -> list[Row]:
    """In memory, against a bare SimPy ``Resource``, and against ciw if other packages are asked for."""
    chunks = {'ours': harness_loop('memory', history=False), 'kept': harness_loop('memory'), 'bare': bare_loop}
    with ExitStack() as stack:
        if bench.others:
            child = stack.enter_context(Child(CIW, bench.socket))
            chunks['ciw'] = child.chunk('harness')
        times = interleave(chunks, bench.plan.rounds, LONGER * bench.plan.seconds, bench.tick)
    rows = [
        Row(
            'harness in memory, jobs a second',
            ratios(times['bare'], times['ours']),
            'a bare SimPy `Resource`',
            _jobs_a_second(times['ours'], times['bare']),
            bound=MEMORY_TARGET,
            at_least=True,
            seen=f'with the history kept {ratios(times["bare"], times["kept"]).median:.2f}',
        )
    ]
    if 'ciw' in times:
        rows.append(
            Row(
                'the same',
                ratios(times['ciw'], times['ours']),
                CIW.title,
                _jobs_a_second(times['ours'], times['ciw']),
                bound=1.0,
                at_least=True,
            )
        )
    return rows


def server_rows(bench: Bench) -> list[Row]:
    """On a real server in virtual time, against two bare round trips for each job."""
    with bench.client() as client, open_store(f'unix://{bench.socket}') as store:
        chunks = {'ours': harness_loop(store, history=False), 'LIMIT': limit_loop(client)}
        with bench.store_cores():
            times = interleave(chunks, bench.plan.rounds, LONGER * bench.plan.seconds, bench.tick)
    # A refused job makes one round trip: an acquire that is answered "full".
    granted = replay(_jobs(20_000), max_size=MAX_SIZE, slot_exp=SLOT_EXP, history=False).figures.granted / 20_000
    against_made = median(
        limit * (1 + granted) / 2 / ours for limit, ours in zip(times['LIMIT'], times['ours'], strict=True)
    )
    return [
        Row(
            'harness on a server, jobs a second',
            ratios(times['LIMIT'], times['ours']),
            'LIMIT for each job',
            _jobs_a_second(times['ours'], times['LIMIT']),
            bound=SERVER_TARGET,
            at_least=True,
            seen=f'{against_made:.2f} of what the {1 + granted:.2f} round trips of a job allow that are really made',
        )
    ]


def _jobs_a_second(ours: list[float], against: list[float]) -> Absolute:
    return Absolute(1 / median(ours), 1 / median(against), 'jobs a second')


def _jobs(count: int) -> Poisson:
    return Poisson(RATE, f'exp:{HOLDING}', jobs=count, seed=1)


def harness_loop(store: str | Store, history: bool = True) -> Chunk:
    """A run of so many jobs, with every event checked."""

    def chunk(count: int) -> float:
        began = time.perf_counter()
        replay(_jobs(count), max_size=MAX_SIZE, slot_exp=SLOT_EXP, store=store, history=history)
        return time.perf_counter() - began

    return chunk


def bare_loop(count: int) -> float:
    """The same jobs through a SimPy ``Resource``, a process for each as one writes it, and nothing else."""
    began = time.perf_counter()
    env = simpy.Environment()
    slots = simpy.Resource(env, MAX_SIZE)
    arrivals, holdings = random.Random('1 arrivals'), random.Random('1 holdings')
    refused = 0

    def job(holding: float) -> 'simpy.events.ProcessGenerator':
        nonlocal refused
        if slots.count >= MAX_SIZE:
            refused += 1
            return
        with slots.request() as request:
            yield request
            yield env.timeout(holding)

    def source() -> 'simpy.events.ProcessGenerator':
        for _ in range(count):
            yield env.timeout(arrivals.expovariate(RATE))
            env.process(job(holdings.expovariate(1 / HOLDING)))

    env.process(source())
    env.run()
    return time.perf_counter() - began
