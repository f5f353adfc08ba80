"""Processes that are killed or stopped while they wait or hold cost others a bounded time.

By hand, with more of them: ``KILLS=300 DEAD=20,1000 pytest
tests/library/waiting/test_killed_waiters.py``.  A run prints what it measured.
"""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis

from py_cachify import init_cachify
from py_cachify.backends.pool_keys import pool_keys
from py_cachify.backends.redis import RedisBackend
from py_cachify.commands import CLAIM, DEADLINE, HEARTBEAT
from tests.support.paths import ROOT


KILLS = int(os.environ.get('KILLS', '6'))
DEAD = [int(number) for number in os.environ.get('DEAD', '6').split(',')]
SLACK = 3.0
"""In seconds: what a busy machine may add."""

PROGRAM = """
import asyncio, os, random, sys, time
import redis.asyncio
from py_cachify import init_cachify

socket, name, waiters, size, slot_exp, body, again = sys.argv[1:]
stream = random.Random(name)


async def main():
    connections = redis.asyncio.BlockingConnectionPool.from_url(f'unix://{socket}', max_connections=50, timeout=60)
    made = init_cachify(async_client=redis.asyncio.Redis(connection_pool=connections))
    few = made.pool('reports', max_size=int(size), slot_exp=float(slot_exp), wait=None)

    async def wait(number):
        while True:
            async with few:
                print(time.monotonic(), flush=True)
                await asyncio.sleep(stream.uniform(0.5, 1.5) * float(body))
            if again == 'no':
                return

    await asyncio.gather(*(wait(number) for number in range(int(waiters))))


asyncio.run(main())
"""

LOOK = """
local now = redis.call('TIME')
now = now[1] + now[2] / 1000000
local live = redis.call('ZCOUNT', KEYS[1], '(' .. string.format('%.17g', now), '+inf')
return {live, string.format('%.17g', now), redis.call('ZRANGEBYSCORE', KEYS[2], '(0', '+inf')}
"""
KEYS = pool_keys('PYC-reports')[:2]


class Worker:
    """A process with waiters; it notes what it enters.

    Attributes:
        entered: the instants at which its waiters entered, by the clock of the machine.
    """

    def __init__(
        self,
        socket: str,
        name: str,
        waiters: int,
        *,
        size: int = 1,
        slot_exp: float = 600,
        body: float = 0.0,
        again: bool = False,
    ) -> None:
        options = [socket, name, waiters, size, slot_exp, body, 'yes' if again else 'no']
        self.process = subprocess.Popen(
            [sys.executable, '-c', PROGRAM, *map(str, options)],
            env=os.environ | {'PYTHONPATH': str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        )
        self.entered: list[float] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.entered.append(float(line))

    def kill(self) -> None:
        """Kill it without warning."""
        self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()


@contextmanager
def workers() -> Iterator[list[Worker]]:
    """A list of processes that are killed at the end."""
    made: list[Worker] = []
    try:
        yield made
    finally:
        for worker in made:
            worker.process.send_signal(signal.SIGCONT)
            worker.kill()


def _until(condition: 'object', seconds: float = 60) -> None:
    assert callable(condition)
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, 'it took too long'
        time.sleep(0.005)


def test_no_slot_stands_free_beside_a_live_waiter_for_long(socket: str, server: 'redis.Redis') -> None:
    """Processes with waiters and holders are killed at random; the server says what is free."""
    chance = random.Random(1)
    size, crowd = 3, 4
    longest = free_since = 0.0
    kills = entered = 0
    look = server.register_script(LOOK)
    with workers() as living:

        def start() -> None:
            living.append(Worker(socket, f'w{kills}-{len(living)}', 2, size=size, slot_exp=3, body=0.05, again=True))

        for _ in range(crowd):
            start()
        _until(lambda: all(worker.entered for worker in living))
        next_kill = time.monotonic()
        while kills < KILLS:
            live, now, queue = look(keys=KEYS)
            owners = [ticket.split(b':')[1] for ticket in queue]
            alive = {b'-%d' % worker.process.pid for worker in living}
            waits = any(owner[owner.rindex(b'-') :] in alive for owner in owners)
            if live < size and waits:
                free_since = free_since or float(now)
                longest = max(longest, float(now) - free_since)
            else:
                free_since = 0.0
            if time.monotonic() >= next_kill:
                kills += 1
                victim = living.pop(chance.randrange(crowd))
                victim.kill()
                entered += len(victim.entered)
                start()
                # Often before the last death has been noticed.
                next_kill = time.monotonic() + chance.uniform(0.2, 3.0)
            time.sleep(0.005)
    print(f'{kills} kills, {entered} slots; a slot stood free beside a live waiter for {longest:.2f} s at most')
    assert longest <= CLAIM + HEARTBEAT + SLACK


@pytest.mark.parametrize('dead', DEAD)
def test_dead_waiters_delay_a_live_one_for_a_bounded_time(dead: int, socket: str, server: 'redis.Redis') -> None:
    """They are killed while they wait, and then four slots are given back."""
    size = 4
    made = init_cachify(server)
    backend = RedisBackend(server)
    tokens = [f'1:elsewhere-1:0:0:{size}:600.0:{number:09}' for number in range(size)]
    assert all(backend.take_slot('PYC-reports', token, size, 600) for token in tokens)
    with workers() as living:
        doomed = Worker(socket, 'doomed', dead, size=size)
        living.append(doomed)
        _until(lambda: made.pool('reports', max_size=size).queue_size() == dead)
        live = Worker(socket, 'live', 1, size=size)
        living.append(live)
        _until(lambda: made.pool('reports', max_size=size).queue_size() == dead + 1)
        doomed.kill()
        began = time.monotonic()
        assert all(backend.drop_slot('PYC-reports', token) for token in tokens)
        _until(lambda: live.entered)
        waited = live.entered[0] - began
    # Each group of four has claims for two seconds, and then the live one is to ask again.
    bound = min(-(-dead // size) * CLAIM, DEADLINE) + HEARTBEAT
    print(f'{dead} dead waiters delayed a live one by {waited:.2f} s; the bound is {bound:.2f} s')
    assert waited <= bound + SLACK


def test_a_stopped_process_comes_back_to_its_old_place(socket: str, server: 'redis.Redis') -> None:
    """Others are served meanwhile; when it goes on, it is served before those who came later."""
    made = init_cachify(server)
    one = made.pool('reports', max_size=1)
    backend = RedisBackend(server)

    def take(number: int) -> str:
        token = f'1:elsewhere-1:0:0:1:600.0:{number:09}'
        assert backend.take_slot('PYC-reports', token, 1, 600)
        return token

    with workers() as living:
        first = take(1)
        names = ['stopped', 'second', 'third']
        for number, name in enumerate(names):
            # The second stays in its body while the first comes back.
            living.append(Worker(socket, name, 1, body=8 if name == 'second' else 0))
            _until(lambda number=number: one.queue_size() == number + 1)
        stopped, second, third = living
        stopped.process.send_signal(signal.SIGSTOP)
        time.sleep(DEADLINE + 0.5)
        assert one.queue_size() == 2
        assert backend.drop_slot('PYC-reports', first)
        _until(lambda: second.entered)
        stopped.process.send_signal(signal.SIGCONT)
        _until(lambda: stopped.entered and third.entered)
        assert stopped.entered[0] < third.entered[0]
    assert (one.size(), one.queue_size()) == (0, 0)
