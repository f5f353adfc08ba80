"""Many slots that one process renews: what that costs, and that a server which hangs loses none.

By hand, at full size: ``RENEWED_SLOTS=10000 RENEWED_LIFE=30 RENEWED_CYCLES=6 pytest -s
tests/library/leases/test_many_slots.py``.  A run prints what it measured.
"""

import asyncio
import os
import signal
import threading
import time
from typing import Any

import pytest
import redis
import redis.asyncio

from py_cachify import Slot, init_cachify
from py_cachify.commands import MAX_RENEWED
from py_cachify.renewals import RENEWALS_PER_LIFE
from tests.support.servers import accident_prone_server


SLOTS = int(os.environ.get('RENEWED_SLOTS', '2500'))
LIFE = float(os.environ.get('RENEWED_LIFE', '6'))
CYCLES = int(os.environ.get('RENEWED_CYCLES', '2'))
HOLDERS = int(os.environ.get('HANGING_HOLDERS', '1000'))
HANGS = int(os.environ.get('HANGS', '2'))


def scripts_run(server: 'redis.Redis') -> int:
    stats: Any = server.info('commandstats')
    return sum(int(stats.get(f'cmdstat_{name}', {'calls': 0})['calls']) for name in ('eval', 'evalsha'))


def measure(server: 'redis.Redis', cycle: float) -> tuple[float, float]:
    """Return the script calls in each cycle, and the share of a core that this process used."""
    calls, used, began = scripts_run(server), time.process_time(), time.monotonic()
    time.sleep(CYCLES * cycle)
    passed = time.monotonic() - began
    return (scripts_run(server) - calls) * cycle / passed, (time.process_time() - used) / passed


@pytest.mark.parametrize('pools', [1, 5])
def test_one_request_renews_a_thousand_slots_of_a_pool(pools: int, server: 'redis.Redis') -> None:
    made = init_cachify(server)
    cycle = LIFE / RENEWALS_PER_LIFE
    each = SLOTS // pools
    slots = [
        made.pool(f'many {number}', each, LIFE, renew_for=None).acquire()
        for number in range(pools)
        for _ in range(each)
    ]
    # The first renewals gather the slots of a pool, which were taken at different instants.
    time.sleep(1.5 * cycle)
    calls, share = measure(server, cycle)
    print(f'{SLOTS} slots in {pools} pools: {calls:.1f} requests each {cycle:.1f} s, {share:.2%} of a core')
    assert not any(slot.lost for slot in slots)
    assert calls <= pools * -(-each // MAX_RENEWED) * (CYCLES + 1) / CYCLES
    for slot in slots:
        assert slot.release()


def test_a_server_that_hangs_for_half_a_life_loses_no_slot() -> None:
    """Half of the holders are threads' slots, half are those of tasks."""
    life = 6.0
    with accident_prone_server() as prone:
        client = redis.Redis(unix_socket_path=prone.socket, socket_timeout=1.0)
        made = init_cachify(client)
        halves = HOLDERS // 2
        slots: list[Slot] = [made.pool('hang', HOLDERS, life, renew_for=None).acquire() for _ in range(halves)]

        async def hold() -> None:
            client = redis.asyncio.Redis(unix_socket_path=prone.socket, socket_timeout=1.0)
            mine = init_cachify(async_client=client, is_global=False)
            own = [await mine.pool('hang', HOLDERS, life, renew_for=None).aacquire() for _ in range(halves)]
            slots.extend(own)
            taken.set()
            await asyncio.to_thread(end.wait)
            for slot in own:
                await slot.arelease()
            await client.aclose()

        taken, end = threading.Event(), threading.Event()
        loop = threading.Thread(target=lambda: asyncio.run(hold()))
        loop.start()
        try:
            assert taken.wait(60)
            for _ in range(HANGS):
                prone.signal(signal.SIGSTOP)
                time.sleep(life / 2)
                prone.signal(signal.SIGCONT)
                time.sleep(life)
                assert sum(bool(slot.lost) for slot in slots) == 0
            assert made.pool('hang', HOLDERS).size() == len(slots)
            for slot in slots[:halves]:
                assert slot.release()
        finally:
            end.set()
            loop.join()
        print(f'{len(slots)} slots outlived {HANGS} pauses of half a life')
