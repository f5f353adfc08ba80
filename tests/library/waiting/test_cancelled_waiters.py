"""Waiters that are cancelled in any phase leave nothing behind, and cost nobody a turn.

The client knows what each waiter asks, and cancels it within a chosen phase: queued, given a slot
and not told yet, asking again, leaving, and being undone.  By hand, with more of them:
``CANCELLATIONS=50000 pytest tests/library/waiting/test_cancelled_waiters.py``.
"""

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import anyio
import pytest
import redis
import redis.asyncio

from py_cachify import Cachify, CachifyPoolTimeoutError, init_cachify
from py_cachify import _waiters as waiters
from py_cachify.backends.redis import AsyncRedisBackend, load_script
from py_cachify.commands import Turn


CANCELLATIONS = int(os.environ.get('CANCELLATIONS', '1500'))
VICTIMS = 4
"""How many are cancelled between two others."""
PATIENCE = 100.0
"""How long the others wait at most, in seconds: less than a slot lives that a victim keeps."""

OPERATIONS = {load_script(name).digest: name for name in ('acquire', 'release', 'undo', 'join', 'ask', 'leave')}
PHASES = ('queued', 'granted', 'ask', 'leave', 'undo')


class Waiter:
    """Somebody who waits; a victim is cancelled in its ``phase``.

    Attributes:
        late: whether it is cancelled after the server has decided, instead of before.
        cancel: cancels it.
        hit: whether it has been cancelled in its phase.
        token: its ticket.
        joined: set once the server has queued it.
        requests: how many of its requests are under way.
    """

    def __init__(self, phase: str | None = None, late: bool = False) -> None:
        self.phase, self.late = phase, late
        self.cancel: Callable[[], object] = lambda: None
        self.hit = False
        self.token = ''
        self.joined = asyncio.Event()
        self.requests = 0


CURRENT: ContextVar[Waiter | None] = ContextVar('CURRENT', default=None)


class PhasedClient(redis.asyncio.Redis):
    """A client that cancels victims within their phases."""

    by_token: dict[str, Waiter]

    async def evalsha(self, sha: Any, numkeys: int, *arguments: Any) -> Any:
        """Send a request, and cancel those whose phase it is."""
        operation, waiter = OPERATIONS.get(sha), CURRENT.get()
        if waiter is None or operation is None:
            return self._given(await super().evalsha(sha, numkeys, *arguments))
        if operation == 'join':
            waiter.token = arguments[numkeys].decode()
            self.by_token[waiter.token] = waiter
        hits = waiter.phase == operation and not waiter.hit
        waiter.hit |= hits
        loop = asyncio.get_running_loop()
        if hits and not waiter.late:
            # In the next turn of the loop, when this request is under way.
            loop.call_soon(waiter.cancel)
        waiter.requests += 1
        try:
            answer = await super().evalsha(sha, numkeys, *arguments)
            if hits and waiter.late:
                loop.call_soon(waiter.cancel)
                await asyncio.sleep(0)
                await asyncio.sleep(0)
        finally:
            waiter.requests -= 1
        if operation == 'join':
            waiter.joined.set()
        return self._given(answer)

    def _given(self, answer: Any) -> Any:
        """Cancel the victims to whom a request gave slots, before they are told."""
        for ticket in answer[1:] if isinstance(answer, list) else ():
            waiter = self.by_token.get(ticket.decode()) if isinstance(ticket, bytes) else None
            if waiter is not None and waiter.phase == 'granted' and not waiter.hit:
                waiter.hit = True
                waiter.cancel()
        return answer


async def _by_task(waiter: Waiter, hold: Callable[[], Any]) -> None:
    task = asyncio.current_task()
    assert task is not None
    waiter.cancel = task.cancel
    try:
        await hold()
    except asyncio.CancelledError:
        task.uncancel()


async def _by_timeout(waiter: Waiter, hold: Callable[[], Any]) -> None:
    try:
        async with asyncio.timeout(None) as timeout:
            waiter.cancel = lambda: timeout.reschedule(0)
            await hold()
    except TimeoutError:
        pass


async def _by_anyio(waiter: Waiter, hold: Callable[[], Any]) -> None:
    with anyio.CancelScope() as scope:
        waiter.cancel = scope.cancel
        await hold()


MEANS = (_by_task, _by_timeout, _by_anyio)


class Rounds:
    """Waiters of one pool, many times over: victims between others, whose order is noted."""

    def __init__(self, made: Cachify, client: PhasedClient, name: str, phase: str, chance: random.Random) -> None:
        self.made, self.client, self.name, self.phase, self.chance = made, client, name, phase, chance
        self.pool = made.pool(name, max_size=1, slot_exp=600, wait=PATIENCE)
        self.foreign = AsyncRedisBackend(redis.asyncio.Redis(connection_pool=client.connection_pool))
        self.hits = self.entered = 0
        self.longest = 0.0

    async def round(self, number: int) -> None:
        """Take the slot, queue victims and others, cancel, give the slot back, and look."""
        key, token = f'PYC-{self.name}', f'1:elsewhere-1:0:0:1:600.0:{number:09}'
        from_elsewhere = self.chance.random() < 0.5
        one = self.made.pool(self.name, max_size=1, slot_exp=600)
        if from_elsewhere:
            assert await self.foreign.take_slot(key, token, 1, 600)
        else:
            await one.__aenter__()
        kinds = [None, *[self.phase] * VICTIMS, None, *[self.phase] * VICTIMS, None]
        everybody = [Waiter(phase, self.chance.random() < 0.5) for phase in kinds]
        served: list[Waiter] = []
        tasks = []
        for waiter in everybody:
            tasks.append(asyncio.ensure_future(self._wait(waiter, served)))
            queued = asyncio.ensure_future(waiter.joined.wait())
            await asyncio.wait([queued, tasks[-1]], return_when=asyncio.FIRST_COMPLETED)
            assert waiter.joined.is_set(), tasks[-1]
        victims = [waiter for waiter in everybody if waiter.phase]
        await self._provoke(victims)
        if from_elsewhere:
            assert await self.foreign.drop_slot(key, token)
            if self.phase == 'granted':
                # The first has a claim, and its message is on its way.
                self._cancel_first(everybody)
        else:
            await one.__aexit__(None, None, None)
        await asyncio.gather(*tasks)
        others = [waiter for waiter in everybody if not waiter.phase]
        assert [waiter for waiter in served if not waiter.phase] == others
        self.hits += sum(waiter.hit for waiter in victims)
        self.entered += sum(waiter.phase is not None for waiter in served)
        for waiter in everybody:
            del self.client.by_token[waiter.token]

    async def _wait(self, waiter: Waiter, served: list[Waiter]) -> None:
        CURRENT.set(waiter)
        began = time.monotonic()

        async def hold() -> None:
            async with self.made.pool(self.name, max_size=1, slot_exp=600, wait=wait):
                served.append(waiter)

        if waiter.phase is None:
            wait = PATIENCE
            await hold()
            self.longest = max(self.longest, time.monotonic() - began)
            return
        wait = self.chance.uniform(0.005, 0.02) if waiter.phase == 'leave' else PATIENCE
        try:
            await self.chance.choice(MEANS)(waiter, hold)
        except CachifyPoolTimeoutError:
            assert waiter.phase == 'leave'

    async def _provoke(self, victims: list[Waiter]) -> None:
        """Bring the victims into their phase."""
        for waiter in victims:
            if self.phase in ('queued', 'undo'):
                await asyncio.sleep(0)
                waiter.hit |= self.phase == 'queued' and not waiter.requests and waiter.token in waiters._waiters
                waiter.cancel()
            elif self.phase == 'ask':
                waiters.tell(waiter.token, Turn.ASK)
        if self.phase != 'granted' and self.chance.random() < 0.7:
            # Otherwise the slot is given back while they are in this phase.
            until = time.monotonic() + 30
            while not all(waiter.hit for waiter in victims):
                assert time.monotonic() < until
                await asyncio.sleep(0.001)

    def _cancel_first(self, everybody: list[Waiter]) -> None:
        for waiter in everybody:
            if waiter.phase == 'granted' and not waiter.hit:
                waiter.hit = True
                waiter.cancel()
                return


@pytest.mark.parametrize('phase', PHASES)
def test_a_cancelled_waiter_leaves_nothing_and_no_other_is_skipped(
    phase: str, socket: str, server: 'redis.Redis'
) -> None:
    """The others get the slot in their order, and afterwards the pool and its queue are empty."""
    chance = random.Random(phase)
    wanted = CANCELLATIONS // len(PHASES)
    numbers = Counter[str]()
    longest: list[float] = []

    async def main() -> None:
        connections = redis.asyncio.BlockingConnectionPool.from_url(
            f'unix://{socket}', max_connections=40, timeout=60, socket_timeout=60
        )
        async with PhasedClient(connection_pool=connections) as client:
            client.by_token = {}
            for name in OPERATIONS.values():
                # A request whose script the server does not know is sent otherwise.
                await client.script_load(load_script(name).text.decode())
            made = init_cachify(async_client=client)

            async def worker(name: str) -> None:
                rounds = Rounds(made, client, name, phase, chance)
                number = 0
                while numbers['cancelled'] < wanted:
                    number += 1
                    before = rounds.hits
                    await rounds.round(number)
                    numbers['cancelled'] += rounds.hits - before
                numbers['entered'] += rounds.entered
                longest.append(rounds.longest)
                for wait in (0, 1):
                    async with made.pool(name, max_size=1, wait=wait):
                        pass
                assert (await rounds.pool.asize(), await rounds.pool.aqueue_size()) == (0, 0)

            await asyncio.gather(*(worker(f'{phase}-{number}') for number in range(3)))
        await connections.disconnect()

    asyncio.run(main())
    print(phase, dict(numbers), f'longest wait {max(longest):.2f} s')
    assert numbers['cancelled'] >= wanted
    assert [key for key in server.scan_iter() if b'~undone~' not in key] == []
    assert not waiters._waiters
