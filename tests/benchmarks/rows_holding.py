"""What the options of holding cost, each compared with a pool that has none of them."""

from collections.abc import Mapping
from typing import Any

from py_cachify import MemoryClient, init_cachify
from tests.benchmarks.bench import Bench
from tests.benchmarks.loops import async_with_loop, with_loop
from tests.benchmarks.rounds import Chunk, ratios
from tests.benchmarks.sizes import ROOM
from tests.benchmarks.table import Row, microseconds


OPTIONS: Mapping[str, Mapping[str, Any]] = {
    'renew_for=None': {'renew_for': None},
    "on_lost='raise'": {'on_lost': 'raise'},
    'fence=True': {'fence': True},
    'label': {'label': 'a report'},
}


def holding_rows(bench: Bench) -> list[Row]:
    """Return the rows of a pool with one option, with an empty body, on a server and in memory."""
    rows = []
    with bench.client() as client, bench.async_client() as (runner, async_client):
        stores = {
            'on a server': init_cachify(client, async_client, is_global=False),
            'in memory': init_cachify(MemoryClient(), is_global=False),
        }
        for where, store in stores.items():
            pools = {'plain': store.pool('plain', ROOM)}
            pools |= {name: store.pool(name, ROOM, **options) for name, options in OPTIONS.items()}
            for side in ('sync', 'async'):
                chunks: dict[str, Chunk] = {
                    name: with_loop(each) if side == 'sync' else async_with_loop(runner, each)
                    for name, each in pools.items()
                }
                with bench.store_cores():
                    times = bench.times(chunks)
                rows += [
                    Row(
                        f'holding, {side}, {where}, {name}',
                        ratios(times[name], times['plain']),
                        'the pool without it',
                        microseconds(times[name], times['plain']),
                        bound=None,
                    )
                    for name in OPTIONS
                ]
    return rows
