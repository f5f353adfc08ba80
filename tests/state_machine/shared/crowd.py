"""Many tasks that use a few pools of a real server at the same time, in virtual time."""

import asyncio
import contextlib
import math
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import redis
import redis.asyncio

from py_cachify import CachifyPoolFullError, CachifyPoolTimeoutError, Slot, pauses, pool
from py_cachify import _waiting as waiting_of_the_library
from py_cachify._settings import Settings
from py_cachify.backends._choose import Backends
from py_cachify.backends.pool_keys import pool_keys
from py_cachify.cachify import Cachify
from py_cachify.errors import CachifySlotLostError
from tests.state_machine.machine import Log, in_virtual_time
from tests.state_machine.shared.clock import Clock, StuckError, VirtualLoop
from tests.state_machine.shared.journal import Monitor, carried
from tests.state_machine.shared.recording import RecordingBackend, Travelled, counted
from tests.state_machine.shared.referee import Referee


PREFIX = 'PYC-'
SIZES = {'one': 1, 'two': 2, 'five': 5}
LIVES = (0.5, 1.0, 5.0, 60.0, None)
WAITS = (0.25, 0.5, 1.0, 3.0, 20.0)
PAUSES = (0.25, 0.25, 0.5, 1.0, 2.0)
TASKS = (4, 30, 30, 100, 100, 200, 1500)
"""The number of tasks in one history."""
OPERATIONS = 2000
"""The number of operations in one history."""
CONNECTIONS = (100, 100, 100, 12, 4, 2)
"""The number of connections that the client of one history may have."""


@dataclass
class Done:
    """What was done in histories.

    Attributes:
        histories, operations: the number of these.
        requests: the number of requests that the server was sent.
        travelled: how they left.
        connections: the largest number of connections of a client.
        events: what the server answered, and what happened to tasks.
    """

    histories: int = 0
    operations: int = 0
    requests: int = 0
    travelled: Travelled = field(default_factory=Travelled)
    connections: int = 0
    events: 'Counter[str]' = field(default_factory=Counter)


class Crowd:
    """The tasks of one history."""

    def __init__(self, socket: str, number: str, done: Done, note: Callable[[], object]) -> None:
        """Prepare a history that depends on ``number``; ``note()`` is called after operations."""
        self._stream = random.Random(number)
        self.number = number
        self._done, self._note = done, note
        self.clock = Clock()
        self._elsewhere = self._most_elsewhere = 0
        self.loop = VirtualLoop(self.clock, self.is_idle)
        connections = redis.asyncio.ConnectionPool.from_url(
            f'unix://{socket}', max_connections=self._stream.choice(CONNECTIONS)
        )
        self._client = redis.asyncio.Redis.from_pool(connections)
        self.backend = RecordingBackend(self._client, lambda: self.clock.now)
        numbers = iter(range(1, 1 << 30))
        self.backend.new_token = lambda _, terms, channel: f'1:crowd:{channel}:0:{terms}:{next(numbers)}'
        self._settings = Settings(Backends(None, self.backend), PREFIX, None)
        self._cachify = Cachify(lambda: self._settings)
        self._tasks = self._stream.choice(TASKS)
        self._pools = [self._new_pool() for _ in range(2 * len(SIZES))]
        self._tokens: dict[str, list[str]] = {key: [] for key in SIZES}

    def is_idle(self) -> bool:
        """Return whether no request is under way, or waits to leave."""
        batches = None if self.backend._batches is None else self.backend._batches.get(self.loop)
        if batches is None:
            return not self._elsewhere
        return not (self._elsewhere or batches._requests or batches._number_waiting or batches._leaves_soon)

    def _new_pool(self) -> pool:
        key = self._stream.choice(list(SIZES))
        life = self._stream.choice(LIVES)
        wait = self._stream.choice(WAITS) if self._stream.random() < 0.5 else 0
        most = self._stream.choice((None, 1, 10)) if wait else None
        return self._cachify.pool(
            key, SIZES[key], life, wait=wait, max_waiting=most, fence=self._stream.random() < 0.25
        )

    # --- the tasks

    def run(self) -> None:
        """Let the tasks do what they do; raise if they cannot come to an end."""
        try:
            self.loop.run_until_complete(self._all())
        except StuckError:
            assert not self.loop.errors, self.loop.errors
            raise
        finally:
            self._abandon()
        assert not self.loop.errors, self.loop.errors

    async def _all(self) -> None:
        each = max(1, OPERATIONS // self._tasks)
        streams = [random.Random(f'{self.number} {index}') for index in range(self._tasks)]
        async with asyncio.TaskGroup() as group:
            for stream in streams:
                group.create_task(self._work(stream, each))
        await self.backend.stop_listening()
        # What was given up may still be under way, and nobody is told when it ends.
        while not self.is_idle():  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        connections = self._client.connection_pool
        opened = len(connections._available_connections) + len(connections._in_use_connections)
        # One listens for waiters, and some are for other commands of the program.
        assert opened <= 9 + self._most_elsewhere, f'the client has opened {opened} connections'
        self._done.connections = max(self._done.connections, opened)

    def _abandon(self) -> None:
        """Close the loop; after a failure, throw away what has not ended."""
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
            task._log_destroy_pending = False  # type: ignore[attr-defined]
        self.clock.limit = math.inf
        with contextlib.suppress(Exception):
            self.loop.run_until_complete(self._close(tasks))
        self.loop.close()

    async def _close(self, tasks: set[asyncio.Task[Any]]) -> None:
        if tasks:
            await asyncio.wait(tasks, timeout=1)
        await self._client.connection_pool.disconnect()

    async def _work(self, stream: random.Random, operations: int) -> None:
        for _ in range(operations):
            what = stream.random()
            if what < 0.55:
                await self._hold(stream, depth=0)
            elif what < 0.7:
                await self._look(stream)
            elif what < 0.85:
                await self._cancel(stream)
            elif what < 0.995:
                await asyncio.sleep(stream.choice(PAUSES))
            else:
                await self._flush()

    def _did(self, event: str) -> None:
        self._done.operations += 1
        self._done.events[event] += 1
        self._note()

    async def _hold(self, stream: random.Random, depth: int) -> None:
        """Enter a pool, do something there, and leave it."""
        of = stream.choice(self._pools)
        entered = False
        try:
            async with of as slot:
                entered = True
                self._did('entered')
                self._tokens[of._key].append(slot.token)
                for _ in range(stream.randrange(4)):
                    await self._do_inside(stream, of, slot, depth)
        except CachifyPoolTimeoutError:
            self._did('timed out')
        except CachifyPoolFullError:
            self._did('refused')
        except CachifySlotLostError:
            # It expired before it got its fencing token.
            self._did('expired early')
        finally:
            if entered:
                self._did('left')

    async def _do_inside(self, stream: random.Random, of: pool, slot: Slot, depth: int) -> None:
        what = stream.random()
        if what < 0.25:
            try:
                await slot.arenew()
            except CachifySlotLostError:
                self._did('renewed too late')
            else:
                self._did('renewed')
        elif what < 0.4:
            known = self._tokens[of._key]
            token = stream.choice((slot.token, known[-1], stream.choice(known[-5:])))
            self._did('released by token' if await of.slot(token).arelease() else 'nothing to release')
        elif what < 0.55:
            await self._look(stream)
        elif what < 0.8:
            await asyncio.sleep(stream.choice(PAUSES))
        elif what < 0.9 and depth < 2:
            await self._hold(stream, depth + 1)
        else:
            await asyncio.sleep(0)

    async def _look(self, stream: random.Random) -> None:
        of = stream.choice(self._pools)
        look = stream.choice((of.asize, of.asize, of.asize, of.aqueue_size, of.aholders, of.aqueue))
        await look()
        self._did('looked')

    async def _cancel(self, stream: random.Random) -> None:
        """Cancel a task anywhere between its first request and its last."""
        victim = asyncio.create_task(self._look(stream) if stream.random() < 0.2 else self._hold(stream, depth=2))
        for _ in range(stream.randrange(12)):
            await asyncio.sleep(0)
        if stream.random() < 0.3:
            await asyncio.sleep(stream.choice(PAUSES))
        victim.cancel()
        await asyncio.wait([victim])
        if not victim.cancelled():
            victim.result()
        self._did('cancelled' if victim.cancelled() else 'cancelled too late')

    async def _flush(self) -> None:
        """Let the server forget all scripts, by a command of the same client."""
        self._elsewhere += 1
        self._most_elsewhere = max(self._most_elsewhere, self._elsewhere)
        try:
            await self._client.script_flush()
        except redis.exceptions.ConnectionError:
            self._did('no connection for another command')
        else:
            self._did('flushed the scripts')
        finally:
            self._elsewhere -= 1


def run_history(socket: str, number: str, done: Done, note: Callable[[], object] = lambda: None) -> None:
    """Run one history that depends on ``number``, and judge it; add to ``done`` what was done."""
    monitor = Monitor(socket)
    with redis.Redis(unix_socket_path=socket) as server:
        try:
            server.flushall()
            server.script_flush()
            monitor.lines(server)
            _run_history(Crowd(socket, number, done, note), monitor, server, done)
        finally:
            monitor.close()


def _run_history(crowd: Crowd, monitor: Monitor, server: 'redis.Redis', done: Done) -> None:
    log = Log()
    try:
        pauses._random.seed(crowd.number)
        with _in_virtual_time(lambda: crowd.clock.now), counted(done.travelled):
            crowd.run()
        warnings = Counter(log.new_kinds())
    finally:
        log.close()
    pool_of: dict[bytes, str] = {}
    for key in SIZES:
        keys = pool_keys(PREFIX + key)
        pool_of |= dict.fromkeys((keys.slots, keys.queue, keys.undone, keys.fence), key)
    referee = Referee(pool_of)
    lines = monitor.lines(server)
    referee.follow(carried(lines, crowd.backend.names))
    referee.judge(crowd.backend.asked, crowd.backend.told)
    assert not warnings.keys() - {'expired', 'lost'}, warnings
    for key, model in referee.pools.items():
        model.now = crowd.clock.now
        keys = pool_keys(PREFIX + key)
        slots = server.zrangebyscore(keys.slots, f'({crowd.clock.now!r}', '+inf')
        assert len(slots) == len(model.live()) == 0, f'left in {key}: {slots}, by the model {model.live()}'
        assert server.zcount(keys.queue, '(0', '+inf') == 0 == len(model.waiting()), f'somebody waits for {key}'
    done.histories += 1
    done.requests += sum(each.times for each in crowd.backend.asked.values())
    done.events += referee.events


@contextlib.contextmanager
def _in_virtual_time(clock: Callable[[], float]) -> Iterator[None]:
    module: Any = waiting_of_the_library
    right = module.time
    module.time = SimpleNamespace(monotonic=clock)
    try:
        with in_virtual_time(clock):
            yield
    finally:
        module.time = right
