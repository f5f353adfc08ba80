"""The pool in memory, compared with the semaphores of the standard library."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

from py_cachify import MemoryClient, init_cachify, pool
from tests.benchmarks.bench import Bench
from tests.benchmarks.loops import async_with_loop, with_loop
from tests.benchmarks.ours import ahold, hold
from tests.benchmarks.rounds import Chunk, ratios
from tests.benchmarks.sizes import HELD, ROOM
from tests.benchmarks.table import Row, microseconds


SYNC_TARGET, ASYNC_TARGET = 3.3, 7.0
FLAT = 1.2
"""How many times as long an operation may take with slots held as with none."""


def sync_rows(bench: Bench) -> list[Row]:
    """Return the rows of ``with pool``, compared with ``threading.BoundedSemaphore``."""
    chunks = {'semaphore': with_loop(threading.BoundedSemaphore(ROOM))}
    kept: list[Any] = []
    for name, slots, same in _CROWDS:
        client = MemoryClient()
        of = pool('memory', ROOM)
        init_cachify(client)
        # Within the bodies of another thread: those of this one would each be nested in them.
        with ThreadPoolExecutor(1) as elsewhere:
            kept.append(elsewhere.submit(hold, of if same else pool('memory', ROOM), slots).result())
        chunks[name] = _on(client, with_loop(of))
    return _rows(bench, 'sync', 'BoundedSemaphore', chunks, SYNC_TARGET)


def async_rows(bench: Bench) -> list[Row]:
    """Return the rows of ``async with pool``, compared with ``asyncio.Semaphore``."""
    with asyncio.Runner() as runner:
        chunks = {'semaphore': async_with_loop(runner, asyncio.Semaphore(ROOM))}
        kept: list[Any] = []
        for name, slots, same in _CROWDS:
            client = MemoryClient()
            of = pool('memory', ROOM)
            init_cachify(client)
            # In a context of its own: the measured bodies would each be nested in these otherwise.
            taking = ahold(of if same else pool('memory', ROOM), slots)
            kept.append(runner.run(taking, context=copy_context()))
            chunks[name] = _on(client, async_with_loop(runner, of))
        return _rows(bench, 'async', 'asyncio.Semaphore', chunks, ASYNC_TARGET)


_NONE_HELD = 'none held'
_CROWDS = [
    (_NONE_HELD, 0, False),
    ('1,000 held by another object', 1_000, False),
    (f'{HELD:,} held by another object', HELD, False),
    ('1,000 held by the same object', 1_000, True),
    (f'{HELD:,} held by the same object', HELD, True),
]


def _on(client: MemoryClient, chunk: Chunk) -> Chunk:
    """Return the chunk with this store behind the global pools."""

    def chosen(count: int) -> float:
        init_cachify(client)
        return chunk(count)

    return chosen


def _rows(bench: Bench, side: str, against: str, chunks: dict[str, Chunk], target: float) -> list[Row]:
    others = {
        crowd: bench.other_chunks(f'memory {side} {"same" if same else "other"} {slots}')
        for crowd, slots, same in _CROWDS
    }
    for crowd, asked in others.items():
        chunks |= asked.contestants(crowd)
    times = bench.times(chunks)
    semaphore, none_held = times['semaphore'], times[_NONE_HELD]
    rows = []
    for crowd, asked in others.items():
        ratio, growth = ratios(times[crowd], semaphore), ratios(times[crowd], none_held)
        held = crowd != _NONE_HELD
        rows.append(
            Row(
                f'memory, {side}, {crowd}',
                ratio,
                against,
                microseconds(times[crowd], semaphore),
                bound=target,
                others=asked.cells(times, semaphore, crowd),
                seen=f'{growth.median:.2f} x none held' if held else '',
                unmet=('not flat',) if held and growth.median > FLAT else (),
            )
        )
    return rows
