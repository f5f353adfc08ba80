"""A process that is killed, or stopped, while it renews: its slots are back within one life.

By hand, with more of them: ``KILLED_HOLDERS=300 pytest -s
tests/library/leases/test_killed_holders.py``.  A run prints what it measured.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis

from tests.support.paths import ROOT


KILLS = int(os.environ.get('KILLED_HOLDERS', '6'))
LIFE = 1.0
SLACK = 1.0
"""In seconds: what a slot may take longer than its life to come back."""

PROGRAM = """
import asyncio, sys, time
import redis, redis.asyncio
from py_cachify import init_cachify

side, socket, key, slots, life = sys.argv[1:]
options = dict(max_size=int(slots), slot_exp=float(life), renew_for=None)
if side == 'sync':
    of = init_cachify(redis.Redis(unix_socket_path=socket)).pool(key, **options)
    held = [of.acquire() for _ in range(int(slots))]
    print('held', flush=True)
    time.sleep(600)
else:
    async def main():
        of = init_cachify(async_client=redis.asyncio.Redis(unix_socket_path=socket)).pool(key, **options)
        held = [await of.aacquire() for _ in range(int(slots))]
        print('held', flush=True)
        await asyncio.sleep(600)
    asyncio.run(main())
"""
SLOTS = 3


@contextmanager
def holder(side: str, socket: str, key: str) -> 'Iterator[subprocess.Popen[str]]':
    """A process that holds ``SLOTS`` slots of a pool and renews them."""
    process = subprocess.Popen(
        [sys.executable, '-c', PROGRAM, side, socket, key, str(SLOTS), str(LIFE)],
        env=os.environ | {'PYTHONPATH': str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == 'held\n'
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def live(server: 'redis.Redis', key: str) -> int:
    seconds, micros = server.time()
    return int(server.zcount(f'PYC-{key}', f'({seconds + micros / 1e6!r}', '+inf'))


def seconds_until_free(server: 'redis.Redis', key: str) -> float:
    began = time.monotonic()
    while live(server, key):
        assert time.monotonic() - began < 30 * LIFE, 'its slots stay taken'
        time.sleep(0.002)
    return time.monotonic() - began


@pytest.mark.parametrize('side', ['sync', 'async'])
def test_the_slots_of_a_killed_holder_are_back_within_one_life(side: str, socket: str, server: 'redis.Redis') -> None:
    """It is killed at a random instant of a renewal; until then it keeps all of its slots."""
    chance = random.Random(side)
    took = []
    for number in range(KILLS // 2):
        with holder(side, socket, f'killed {number}') as process:
            # Longer than a life, so that only renewals can have kept the slots.
            time.sleep(LIFE + chance.uniform(0.2, 1.2))
            assert live(server, f'killed {number}') == SLOTS
            process.kill()
            took.append(seconds_until_free(server, f'killed {number}'))
    print(f'{side}: {len(took)} kills; all slots were back after {min(took):.2f} to {max(took):.2f} s')
    assert max(took) <= LIFE + SLACK


@pytest.mark.parametrize('side', ['sync', 'async'])
def test_a_stopped_holder_loses_its_slots_and_takes_none_when_it_goes_on(
    side: str, socket: str, server: 'redis.Redis'
) -> None:
    chance = random.Random(side)
    took = []
    for number in range(KILLS // 2):
        key = f'stopped {number}'
        with holder(side, socket, key) as process:
            time.sleep(chance.uniform(0.1, 0.8))
            process.send_signal(signal.SIGSTOP)
            took.append(seconds_until_free(server, key))
            process.send_signal(signal.SIGCONT)
            # Its next renewal must revive nothing.
            time.sleep(LIFE / 2)
            assert live(server, key) == 0
    print(f'{side}: {len(took)} pauses; all slots were gone after {min(took):.2f} to {max(took):.2f} s')
    assert max(took) <= LIFE + SLACK
