"""Acquire and release without contention on a real server, compared with LIMIT."""

from statistics import median

from py_cachify import init_cachify, pool
from tests.benchmarks.bench import Bench
from tests.benchmarks.loops import async_limit_loop, async_with_loop, limit_loop, with_loop
from tests.benchmarks.minimal import AsyncSlot, Slot
from tests.benchmarks.ours import LONG, hold
from tests.benchmarks.rounds import Chunk, ratios
from tests.benchmarks.sizes import HELD, ROOM
from tests.benchmarks.table import NotMeasured, Row, microseconds


SYNC_TARGET, TWO_CORES_TARGET, ASYNC_TARGET = 1.18, 1.12, 1.25
CROWDED_ADDS = 0.05
"""By how much the ratio may grow with ``HELD`` other live slots."""


def sync_rows(bench: Bench) -> list[Row]:
    """Return the rows of ``with pool(...)``, with an object that is made beforehand."""
    with bench.client() as client:
        init_cachify(client)
        hold(pool('crowded-sync', ROOM, slot_exp=LONG), HELD)
        chunks = {
            'LIMIT': limit_loop(client),
            'minimal': with_loop(Slot(client, 'empty-minimal', ROOM)),
            'empty': with_loop(pool('empty', ROOM)),
            'crowded': with_loop(pool('crowded-sync', ROOM)),
        }
        return _rows(bench, 'sync', chunks, SYNC_TARGET)


def two_core_rows(bench: Bench) -> list[Row | NotMeasured]:
    """Return the row of ``with pool(...)`` with client and server on a core each."""
    measure = 'sync, acquire + release, two cores'
    if not bench.has_two_cores:
        return [NotMeasured(measure, 'LIMIT', 'needs a choice of two cores')]
    with bench.client() as client:
        init_cachify(client)
        chunks = {'LIMIT': limit_loop(client), 'ours': with_loop(pool('apart', ROOM))}
        with bench.two_cores():
            times = bench.times(chunks)
    ours, limit = times['ours'], times['LIMIT']
    return [Row(measure, ratios(ours, limit), 'LIMIT', microseconds(ours, limit), bound=TWO_CORES_TARGET)]


def async_rows(bench: Bench) -> list[Row]:
    """Return the rows of ``async with pool(...)``, with an object that is made beforehand."""
    with bench.client() as client, bench.async_client() as (runner, async_client):
        init_cachify(client, async_client)
        hold(pool('crowded-async', ROOM, slot_exp=LONG), HELD)
        minimal = runner.run(AsyncSlot.made(async_client, 'empty-minimal', ROOM))
        chunks = {
            'LIMIT': async_limit_loop(runner, async_client),
            'minimal': async_with_loop(runner, minimal),
            'empty': async_with_loop(runner, pool('empty', ROOM)),
            'crowded': async_with_loop(runner, pool('crowded-async', ROOM)),
        }
        return _rows(bench, 'async', chunks, ASYNC_TARGET)


def _rows(bench: Bench, side: str, chunks: dict[str, Chunk], target: float) -> list[Row]:
    others = {crowd: bench.other_chunks(f'store {side} {crowd}') for crowd in ('empty', 'crowded')}
    for crowd, asked in others.items():
        chunks |= asked.contestants(crowd)
    with bench.store_cores():
        times = bench.times(chunks)
    limit = times['LIMIT']
    ratio = {name: ratios(taken, limit) for name, taken in times.items()}
    # Within each round, like all ratios: the difference of the two medians is less certain.
    added = median(
        (crowded - empty) / bare for crowded, empty, bare in zip(times['crowded'], times['empty'], limit, strict=True)
    )
    return [
        Row(
            f'{side}, acquire + release, {bench.cores}',
            ratio['empty'],
            'LIMIT',
            microseconds(times['empty'], limit),
            bound=target,
            seen=f'minimal semaphore {ratio["minimal"].median:.2f}',
            others=others['empty'].cells(times, limit, 'empty'),
        ),
        Row(
            f'{side}, {HELD:,} others live',
            ratio['crowded'],
            'LIMIT',
            microseconds(times['crowded'], limit),
            bound=ratio['crowded'].median - added + CROWDED_ADDS,
            seen=f'{added:+.3f}',
            others=others['crowded'].cells(times, limit, 'crowded'),
        ),
    ]
