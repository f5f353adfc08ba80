"""A task that is cancelled, at any moment, ends cancelled and leaves no slot behind.

A request that has begun is completed first, and its outcome is handled.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest
import redis
import redis.asyncio

from py_cachify import CachifyPoolFullError, init_cachify, pool
from py_cachify.backends.atomic import AsyncAtomicBackend
from tests.support.stores import AsyncDictClient, DictClient


pytestmark = pytest.mark.quick


R = TypeVar('R')


class Gate:
    """Holds up requests until it is opened, before or after they have reached the store."""

    def __init__(self, *, after: bool = False) -> None:
        self.after = after
        self.is_shut = False
        self.waiting = 0
        self.aborted = 0
        self.fails = False
        self.goes_on_failing = False
        self._opened = asyncio.Event()

    def shut(self) -> None:
        """Make all requests wait from now on."""
        self.is_shut = True
        self._opened = asyncio.Event()

    def open(self) -> None:
        """Let all requests pass."""
        self.is_shut = False
        self._opened.set()

    async def let_through(self, request: Coroutine[Any, Any, R]) -> R:
        """Return the reply of ``request``, once the gate is open."""
        if self.after:
            reply = await request
            await self._wait()
            return reply
        try:
            await self._wait()
        except BaseException:
            request.close()
            raise
        return await request

    async def _wait(self) -> None:
        if not self.is_shut:
            if self.goes_on_failing:
                raise ConnectionError('the gate')
            return
        self.waiting += 1
        try:
            await self._opened.wait()
        except asyncio.CancelledError:
            self.aborted += 1
            raise
        if self.fails:
            raise ConnectionError('the gate')


class GatedRedis:
    """A client of the real server behind a gate."""

    def __init__(self, client: Any, gate: Gate) -> None:
        self._client = client
        self._gate = gate

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        return await self._client.execute_command(*args, **options)

    async def eval(self, *args: Any) -> Any:
        return await self._client.eval(*args)

    async def evalsha(self, *args: Any) -> Any:
        return await self._gate.let_through(self._client.evalsha(*args))

    async def get(self, name: str) -> Any:
        return await self._client.get(name)

    async def set(self, name: str, value: Any, ex: int | None = None, nx: bool = False) -> Any:
        return await self._client.set(name, value, ex=ex, nx=nx)

    async def delete(self, *names: str) -> Any:
        return await self._client.delete(*names)


class GatedPlain(AsyncDictClient):
    """A plain client behind a gate."""

    def __init__(self, gate: Gate) -> None:
        super().__init__(DictClient())
        self._gate = gate

    async def get(self, name: str) -> Any:
        return await self._gate.let_through(super().get(name))

    async def set(self, name: str, value: Any, ex: int | None = None, nx: bool = False) -> bool:
        return await self._gate.let_through(super().set(name, value, ex=ex, nx=nx))


class World:
    """A pool of one on a gated store, with the actions of a test."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.pool = pool('reports', max_size=1, slot_exp=None)
        self.bodies = 0
        self._leaving: asyncio.Event | None = None

    async def enter(self) -> None:
        """Enter the pool and leave it at once."""
        async with self.pool:
            self.bodies += 1

    async def enter_and_shut(self) -> None:
        """Enter the pool, and find the gate closed when leaving."""
        async with self.pool:
            self.bodies += 1
            self.gate.shut()

    async def until_waiting(self, requests: int = 1) -> None:
        """Wait until this many requests are held up at the gate."""
        async with asyncio.timeout(10):
            while self.gate.waiting < requests:  # noqa: ASYNC110 - a few turns of the loop
                await asyncio.sleep(0)

    @staticmethod
    async def a_while() -> None:
        """Give all that is not held up enough turns."""
        for _ in range(20):
            await asyncio.sleep(0.001)


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A held-up request is not given up here; ``test_cancelled_waits.py`` is about that."""
    monkeypatch.setattr(AsyncAtomicBackend, 'patience', None)


@pytest.fixture(params=['valkey', 'plain'])
def store(request: pytest.FixtureRequest) -> str:
    """The real server, and a plain client."""
    return str(request.param)


@pytest.fixture(params=[False, True], ids=['held up before', 'held up after'])
def after(request: pytest.FixtureRequest) -> bool:
    """Whether the store has carried out a request when it is held up."""
    return bool(request.param)


def _run(store: str, socket: str, after: bool, test: Any) -> None:
    """Run ``await test(world)``."""

    async def main() -> None:
        gate = Gate(after=after)
        if store == 'plain':
            init_cachify(async_client=GatedPlain(gate))
            await test(World(gate))
            return
        async with redis.asyncio.Redis(unix_socket_path=socket) as client:
            init_cachify(async_client=GatedRedis(client, gate))
            await test(World(gate))

    asyncio.run(main())


# --- cancelled exactly there


def test_cancelled_while_it_acquires(store: str, socket: str, after: bool) -> None:
    """The request is not aborted: with its outcome, the slot is given back and the task ends."""

    async def test(world: World) -> None:
        world.gate.shut()
        task = asyncio.create_task(world.enter())
        await world.until_waiting()
        task.cancel()
        await world.a_while()
        assert not task.done()
        world.gate.open()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (world.gate.aborted, world.bodies) == (0, 0)
        assert await world.pool.asize() == 0

    _run(store, socket, after, test)


def test_cancelled_again_and_again_while_it_acquires(store: str, socket: str, after: bool) -> None:
    """More cancellations change nothing: neither the request nor its undo is aborted."""

    async def test(world: World) -> None:
        world.gate.shut()
        task = asyncio.create_task(world.enter())
        await world.until_waiting()
        for _ in range(5):
            task.cancel()
            await world.a_while()
        world.gate.open()
        world.gate.shut()
        await world.until_waiting(2)  # the undo is held up now
        for _ in range(5):
            task.cancel()
            await world.a_while()
        assert not task.done()
        world.gate.open()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (world.gate.aborted, world.bodies) == (0, 0)
        assert await world.pool.asize() == 0

    _run(store, socket, after, test)


def test_cancelled_while_a_full_pool_refuses(store: str, socket: str, after: bool) -> None:
    """The cancellation is raised, not the refusal, and the other holder's slot stays."""

    async def test(world: World) -> None:
        async with world.pool:
            world.gate.shut()
            task = asyncio.create_task(world.enter())
            await world.until_waiting()
            task.cancel()
            await world.a_while()
            world.gate.open()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await world.pool.asize() == 1
        assert await world.pool.asize() == 0

    _run(store, socket, after, test)


def test_cancelled_while_an_acquire_fails(store: str, socket: str, after: bool) -> None:
    """The cancellation is raised, not the client's error, and the request is undone."""

    async def test(world: World) -> None:
        world.gate.shut()
        world.gate.fails = True
        task = asyncio.create_task(world.enter())
        await world.until_waiting()
        task.cancel()
        await world.a_while()
        world.gate.open()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await world.pool.asize() == 0

    _run(store, socket, after, test)


@pytest.mark.parametrize('times', [1, 5])
def test_cancelled_while_it_releases(store: str, socket: str, after: bool, times: int) -> None:
    """The request that has begun still gives the slot back, and the task ends cancelled."""

    async def test(world: World) -> None:
        task = asyncio.create_task(world.enter_and_shut())
        await world.until_waiting()
        for _ in range(times):
            task.cancel()
            await world.a_while()
        assert not task.done()
        world.gate.open()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (world.gate.aborted, world.bodies) == (0, 1)
        assert await world.pool.asize() == 0

    _run(store, socket, after, test)


def test_cancelled_while_a_release_fails(store: str, socket: str, caplog: pytest.LogCaptureFixture) -> None:
    """The cancellation is raised and the error is logged, even if the slot would stay forever."""

    async def test(world: World) -> None:
        world.gate.fails = True
        task = asyncio.create_task(world.enter_and_shut())
        await world.until_waiting()
        task.cancel()
        await world.a_while()
        world.gate.goes_on_failing = True
        world.gate.open()
        with pytest.raises(asyncio.CancelledError):
            await task

    _run(store, socket, False, test)
    assert 'could not be given back' in caplog.text


def test_a_timeout_while_it_acquires_is_a_timeout(store: str, socket: str, after: bool) -> None:
    """``asyncio.timeout`` counts its own cancellation, and raises ``TimeoutError``."""

    async def test(world: World) -> None:
        async def with_timeout() -> None:
            async with asyncio.timeout(0.02):
                await world.enter()

        world.gate.shut()
        task = asyncio.create_task(with_timeout())
        await asyncio.sleep(0.1)
        assert not task.done()
        world.gate.open()
        with pytest.raises(TimeoutError):
            await task
        assert task.cancelling() == 0
        assert (world.gate.aborted, world.bodies) == (0, 0)
        assert await world.pool.asize() == 0

    _run(store, socket, after, test)


def test_a_decorated_function_is_no_different(store: str, socket: str, after: bool) -> None:
    """Cancelled while its slot is taken or given back, it ends cancelled and leaves none."""

    async def test(world: World) -> None:
        @world.pool.pooled()
        async def report() -> None:
            world.bodies += 1
            world.gate.shut()

        world.gate.shut()
        task = asyncio.create_task(report())
        await world.until_waiting(1)
        task.cancel()
        await world.a_while()
        world.gate.open()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (world.bodies, await report.size()) == (0, 0)

        before = world.gate.waiting
        task = asyncio.create_task(report())
        await world.until_waiting(before + 1)
        task.cancel()
        await world.a_while()
        world.gate.open()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (world.bodies, world.gate.aborted, await report.size()) == (1, 0, 0)

    _run(store, socket, after, test)


def test_a_loop_that_ends_gives_back_what_its_tasks_hold(socket: str, server: 'redis.Redis') -> None:
    """At its end, ``asyncio.run`` cancels every task, including requests, and no slot is left."""
    client: Any = redis.asyncio.Redis(unix_socket_path=socket)

    async def hold(of: pool) -> None:
        async with of:
            await asyncio.sleep(3600)

    async def main() -> None:
        many = init_cachify(async_client=client).pool('reports', max_size=50, slot_exp=None)
        await many.asize()
        tasks = [asyncio.create_task(hold(many)) for _ in range(20)]
        async with asyncio.timeout(10):
            while await many.asize() < 20:  # noqa: ASYNC110 - a few turns of the loop
                await asyncio.sleep(0)
        # Some of these have sent a request without a reply; some have not even begun.
        tasks += [asyncio.create_task(hold(many)) for _ in range(20)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not any(task.done() for task in tasks)

    async def close() -> None:
        await client.aclose()

    with asyncio.Runner() as runner:
        runner.run(main())
        pending = asyncio.all_tasks(runner.get_loop())
        assert len(pending) >= 40
        for task in pending:
            task.cancel()
        runner.get_loop().run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        assert server.zcard('PYC-reports') == 0
        runner.run(close())


# --- cancelled anywhere


@pytest.mark.parametrize('seed', range(3))
def test_hundreds_cancelled_at_random_moments(socket: str, server: 'redis.Redis', seed: int) -> None:
    """Tasks on the real server, cancelled in an acquire, a body or a release, or timed out.

    At most ``max_size`` hold a slot at a time, every cancelled task ends cancelled, and in the end
    no slot is left.
    """
    print('seed', seed)  # shown when the test fails
    chance = random.Random(seed)
    max_size, tasks_in_all = 5, 300
    phases: dict[int, str] = {}
    cancelled_in: Counter[str] = Counter()
    running = most = timed_out = 0

    async def come_and_go(number: int, few: pool) -> None:
        nonlocal running, most
        while True:
            phases[number] = 'acquire'
            try:
                async with few:
                    phases[number] = 'body'
                    running += 1
                    most = max(most, running)
                    try:
                        await asyncio.sleep(chance.random() * 0.002)
                    finally:
                        running -= 1
                    phases[number] = 'release'
            except CachifyPoolFullError:
                phases[number] = 'refused'
                await asyncio.sleep(chance.random() * 0.01)

    async def with_timeout(number: int, few: pool) -> None:
        nonlocal timed_out
        try:
            async with asyncio.timeout(chance.random() * 0.2):
                await come_and_go(number, few)
        except TimeoutError:
            timed_out += 1

    async def main() -> None:
        async with redis.asyncio.Redis(unix_socket_path=socket, max_connections=1000) as client:
            made: Any = client
            few = init_cachify(async_client=made).pool('reports', max_size=max_size, slot_exp=600)
            uncut: dict[int, asyncio.Task[None]] = {}
            cancelled: list[asyncio.Task[None]] = []
            timed: list[asyncio.Task[None]] = []
            for number in range(tasks_in_all):
                if number % 3 == 0:
                    timed.append(asyncio.create_task(with_timeout(number, few)))
                else:
                    uncut[number] = asyncio.create_task(come_and_go(number, few))
                if number % 10 == 0:
                    await asyncio.sleep(0)
            while uncut:
                await asyncio.sleep(chance.random() * 0.002)
                wanted = chance.choice(('acquire', 'body', 'release', 'refused'))
                for _ in range(200):
                    victims = [number for number in uncut if phases.get(number) == wanted]
                    if victims:
                        break
                    await asyncio.sleep(0)
                number = chance.choice(victims or list(uncut))
                cancelled_in[phases.get(number, 'not begun')] += 1
                task = uncut.pop(number)
                assert task.cancel()
                cancelled.append(task)
                if chance.random() < 0.2:
                    await asyncio.sleep(0)
                    task.cancel()
            async with asyncio.timeout(60):
                await asyncio.wait(cancelled + timed)
            assert [task for task in cancelled if not task.cancelled()] == []
            assert [task.exception() for task in timed if task.exception() is not None] == []
            assert timed_out == len(timed)
            assert await few.asize() == 0

    asyncio.run(main())
    assert running == 0
    assert most == max_size
    assert server.zcard('PYC-reports') == 0
    print(cancelled_in)
    # The test is useful only if each of these happened.
    assert min(cancelled_in[phase] for phase in ('acquire', 'body', 'release')) >= 5, cancelled_in
