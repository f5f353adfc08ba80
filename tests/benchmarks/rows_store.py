"""Acquire and release without contention, on a real server, against LIMIT."""

from py_cachify import init_cachify, pool
from tests.benchmarks.bench import Bench
from tests.benchmarks.loops import async_limit_loop, async_with_loop, limit_loop, with_loop
from tests.benchmarks.ours import HELD, ROOM, hold
from tests.benchmarks.rounds import Chunk, ratios
from tests.benchmarks.table import Row, microseconds


SYNC_TARGET, ASYNC_TARGET = 1.10, 1.25
CROWDED_ADDS = 0.05
"""How much the ratio may grow by ``HELD`` other live slots."""


def sync_rows(bench: Bench) -> list[Row]:
    """``with pool(...)``, the object made beforehand."""
    with bench.client() as client:
        init_cachify(client)
        held = hold(pool('crowded', ROOM), HELD)
        chunks = {
            'LIMIT': limit_loop(client),
            'empty': with_loop(pool('empty', ROOM)),
            'crowded': with_loop(pool('crowded', ROOM)),
        }
        rows = _rows(bench, 'sync', chunks, SYNC_TARGET)
        held.pop_all()
    return rows


def async_rows(bench: Bench) -> list[Row]:
    """``async with pool(...)``."""
    with bench.client() as client, bench.async_client() as (runner, async_client):
        init_cachify(client, async_client)
        held = hold(pool('crowded', ROOM), HELD)
        chunks = {
            'LIMIT': async_limit_loop(runner, async_client),
            'empty': async_with_loop(runner, pool('empty', ROOM)),
            'crowded': async_with_loop(runner, pool('crowded', ROOM)),
        }
        rows = _rows(bench, 'async', chunks, ASYNC_TARGET)
        held.pop_all()
    return rows


def _rows(bench: Bench, name: str, chunks: dict[str, Chunk], target: float) -> list[Row]:
    times = bench.times(chunks)
    limit = times['LIMIT']
    empty, crowded = ratios(times['empty'], limit), ratios(times['crowded'], limit)
    return [
        Row(f'{name}, acquire + release', empty, 'LIMIT', target, absolute=microseconds(times['empty'], limit)),
        Row(
            f'{name}, {HELD:,} others live',
            crowded,
            'LIMIT',
            empty.median + CROWDED_ADDS,
            absolute=microseconds(times['crowded'], limit),
        ),
    ]
