"""Workers that wait for the slots of one pool, compared with other ways to wait for a slot.

The workers of a crowd are threads or tasks of one process.  All ways take turns in rounds of the
same length, on the same server.
"""

import asyncio
import gc
from collections.abc import Mapping
from contextlib import ExitStack
from statistics import median
from typing import Any, NamedTuple

from tests.benchmarks import ways_to_wait as ways
from tests.benchmarks.bench import ANY_CORES, Bench
from tests.benchmarks.clients import make_async_client, make_client
from tests.benchmarks.polls import PollCounter, async_counting_client, counting_client
from tests.benchmarks.rounds import heap_set_aside, ratios, spread, turns
from tests.benchmarks.sizes import (
    BODIES,
    ENOUGH_CONNECTIONS,
    MANY_TASKS,
    MAX_SIZE,
    PROCESSES,
    WAITING_TASKS,
    WAITING_THREADS,
)
from tests.benchmarks.table import Absolute, Cell, Row, WaitLine
from tests.benchmarks.waiting import Counts, Crowd, ProcessCrowd, TaskCrowd, ThreadCrowd, Waited


RETRYING_TARGET = 5.0
"""Grants a second of many tasks with short bodies, compared with retrying."""
SHARE_TARGET = 0.92
"""Grants a second with long bodies, compared with what the slots can carry."""

OURS, RETRYING, SIGNAL = 'wait=None', 'retrying', 'BLPOP'

SENT = 'evalsha', 'eval', 'blpop', 'rpush', 'lpush', 'ltrim'
"""The commands that the clients send.

No script calls any of these, so their number on the server is the number that was sent.
"""
_WITH_LPUSH = 1
"""py-redis-semaphore sends ``PEXPIRE`` with each ``LPUSH``; its scripts call ``PEXPIRE`` too."""


def thread_rows(bench: Bench) -> list[Row]:
    """Return the rows of threads that wait."""
    rows = []
    for body in BODIES:
        counter = PollCounter()
        with (
            make_client(bench.socket, ENOUGH_CONNECTIONS) as client,
            counting_client(bench.socket, counter) as counting,
        ):
            crowds: dict[str, Crowd] = {
                OURS: ThreadCrowd(ways.waiting(client), WAITING_THREADS, body),
                RETRYING: ThreadCrowd(ways.retrying(client), WAITING_THREADS, body),
                SIGNAL: ThreadCrowd(ways.signal(client), WAITING_THREADS, body),
            }
            counted = ThreadCrowd(ways.waiting(counting), WAITING_THREADS, body)
            rows.append(_row(bench, 'threads', WAITING_THREADS, body, crowds, (counter, counted)))
    return rows


def process_rows(bench: Bench) -> list[Row]:
    """Return the rows of threads of several processes that wait."""
    rows = []
    kind = f'threads of {PROCESSES} processes'
    for body in BODIES:
        with ExitStack() as stack:
            ways.fill(stack.enter_context(bench.client()))
            crowds, counted = (
                {
                    name: stack.enter_context(ProcessCrowd(make, bench.socket, WAITING_THREADS, body))
                    for name, make in found.items()
                }
                for found in (
                    {OURS: ways.waiting_at, RETRYING: ways.retrying_at, SIGNAL: ways.signal_at},
                    {OURS: ways.counted_at},
                )
            )
            rows.append(_row(bench, kind, WAITING_THREADS, body, crowds, (counted[OURS], counted[OURS])))
    return rows


def task_rows(bench: Bench) -> list[Row]:
    """Return the rows of tasks that wait."""
    rows = []
    for workers in (WAITING_TASKS, MANY_TASKS):
        for body in BODIES:
            with asyncio.Runner() as runner, make_client(bench.socket) as sync_client:
                counter = PollCounter()
                client = make_async_client(bench.socket, ENOUGH_CONNECTIONS)
                counting = async_counting_client(bench.socket, counter)
                try:
                    crowds: dict[str, Crowd] = {OURS: TaskCrowd(runner, ways.async_waiting(client), workers, body)}
                    if workers == WAITING_TASKS:
                        crowds |= {
                            RETRYING: TaskCrowd(runner, ways.async_retrying(client), workers, body),
                            SIGNAL: TaskCrowd(runner, ways.async_signal(client, sync_client), workers, body),
                        }
                    counted = TaskCrowd(runner, ways.async_waiting(counting), workers, body)
                    rows.append(_row(bench, 'tasks', workers, body, crowds, (counter, counted)))
                finally:
                    runner.run(client.aclose())
                    runner.run(counting.aclose())
    return rows


class _Measured(NamedTuple):
    """The rounds of one way, and how many commands its clients sent in each."""

    rounds: list[Waited]
    commands: list[int]

    def rates(self) -> list[float]:
        return [each.rate for each in self.rounds]

    def per_grant(self) -> float:
        return sum(self.commands) / max(1, sum(each.grants for each in self.rounds))


def _row(
    bench: Bench,
    kind: str,
    workers: int,
    body: float,
    crowds: Mapping[str, Crowd],
    counted: tuple[Counts, Crowd],
) -> Row:
    cannot: dict[str, str] = dict.fromkeys(bench.others, 'not measured')
    titles: list[str] = []
    if kind in ('threads', 'tasks') and RETRYING in crowds:
        asked = bench.other_crowds(kind, workers, body)
        crowds, cannot, titles = {**crowds, **asked.ready}, asked.cannot, list(asked.ready)
    is_long = body >= 0.01
    # With many workers, the burst at the beginning lasts longer as well.
    seconds = bench.plan.waiting * (5 if is_long or workers > WAITING_TASKS else 1)
    measured = _measure(bench, crowds, seconds)
    in_vain = _polls_in_vain(*counted, seconds)
    measure = f'waiting, {workers:,} {kind}, bodies of {body * 1000:.0f} ms, {ANY_CORES}'
    for name, each in measured.items():
        bench.waits.append(_line(measure, name, each, in_vain if name == OURS else None))
    rates = {name: each.rates() for name, each in measured.items()}
    against, compared = 'what the slots can carry', [MAX_SIZE / body] * len(rates[OURS])
    if RETRYING in rates and not is_long:
        against, compared = 'retrying each millisecond', rates[RETRYING]
    overfull = sum(each.overfull for each in measured[OURS].rounds)
    # The aims are for the sizes that they name; other crowds are for orientation.
    bound = SHARE_TARGET if is_long else RETRYING_TARGET if workers == WAITING_TASKS else None
    return Row(
        measure,
        ratios(rates[OURS], compared),
        against,
        Absolute(median(rates[OURS]), median(compared), 'a second'),
        bound=bound,
        at_least=True,
        broken=(f'{overfull} overfull',) if overfull else (),
        others={**{title: Cell(ratios(rates[title], compared)) for title in titles}, **cannot},
    )


def _measure(bench: Bench, crowds: Mapping[str, Crowd], seconds: float) -> dict[str, _Measured]:
    measured = {name: _Measured([], []) for name in crowds}
    with bench.client() as client:
        for crowd in crowds.values():
            crowd.round(min(0.2, seconds))  # connects, and subscribes
        with heap_set_aside():
            for name in turns(list(crowds), bench.plan.waiting_rounds, lambda: None):
                gc.collect()
                before = _commands(client)
                measured[name].rounds.append(crowds[name].round(seconds))
                measured[name].commands.append(_commands(client) - before)
    return measured


def _commands(client: Any) -> int:
    calls = {name.removeprefix('cmdstat_'): each['calls'] for name, each in client.info('commandstats').items()}
    return sum(int(calls.get(name, 0)) for name in SENT) + _WITH_LPUSH * int(calls.get('lpush', 0))


def _line(measure: str, way: str, measured: _Measured, in_vain: float | None) -> WaitLine:
    return WaitLine(
        measure,
        way,
        spread(measured.rates()),
        max(each.longest for each in measured.rounds),
        min(each.fewest for each in measured.rounds),
        max(each.most for each in measured.rounds),
        measured.per_grant(),
        in_vain,
    )


def _polls_in_vain(counter: Counts, crowd: Crowd, seconds: float) -> float:
    """Return the polls in vain for each grant, in a round of its own."""
    crowd.round(min(0.2, seconds))
    counter.in_vain = 0
    grants = crowd.round(seconds).grants
    return counter.in_vain / max(1, grants)
