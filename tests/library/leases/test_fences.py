"""``fence=True``: tokens that grow with every grant, and a resource that refuses a late writer."""

import asyncio
import itertools
import subprocess
import sys
import threading
from typing import Any

import fakeredis
import pytest
import redis

from py_cachify import CachifySlotLostError, MemoryClient, Slot, current_slot, init_cachify, pool, pooled
from py_cachify import _deadlocks as deadlocks
from py_cachify.testing import ManualClock
from tests.library.leases.conftest import extending, on_servers
from tests.library.leases.sides import Side
from tests.library.waiting.crowd import LIMIT, until
from tests.support.stores import Clients


pytestmark = pytest.mark.quick

KEY = 'reports'


def fenced(**options: Any) -> pool:
    """Return a pool with one slot, whose slots have fencing tokens."""
    return pool(KEY, **{'max_size': 1, 'fence': True} | options)


@extending
@pytest.mark.usefixtures('cachify')
def test_each_grant_has_a_greater_token(side: Side) -> None:
    """Of every way to take a slot, of all objects of the pool, and of both sides."""

    async def body() -> None:
        tokens: list[Any] = []

        def look() -> None:
            [holder] = pool(KEY, max_size=1).holders()
            assert holder.token

        for _ in range(3):
            async with side.hold(fenced()) as slot:
                tokens.append(slot.fence)
            slot = await side.acquire(fenced(wait=5))
            tokens.append(slot.fence)
            await side.release(slot)
            with fenced() as slot:
                tokens.append(slot.fence)
            await side.result(fenced().pooled()(side.function(look))())
        assert all(type(token) is int for token in tokens)
        assert tokens == sorted(set(tokens))

    side.run(body())


@extending
@pytest.mark.usefixtures('cachify')
def test_a_slot_without_fence_has_none(side: Side) -> None:
    async def body() -> None:
        async with side.hold(pool(KEY, max_size=1)) as slot:
            assert slot.fence is None
        async with side.hold(fenced()) as slot:
            assert fenced().slot(slot.token).fence is None
            assert slot.fence is not None

    side.run(body())


@extending
@pytest.mark.usefixtures('cachify')
def test_tokens_grow_over_expiries_and_hand_overs(side: Side) -> None:
    """Waiters get slots from holders who leave, and from those whose slots expire."""
    tokens: list[int] = []

    def visit(number: int) -> None:
        with fenced(wait=None, slot_exp=0.2) as slot:
            assert slot.fence is not None
            tokens.append(slot.fence)
            if number % 3 == 0:
                until(lambda: slot.lost)

    async def body() -> None:
        async with side.hold(fenced()) as slot:
            threads = [threading.Thread(target=visit, args=(number,)) for number in range(6)]
            for thread in threads:
                thread.start()
            await side.until(lambda: pool(KEY, max_size=1).queue_size() == 6)
            first = slot.fence
        for thread in threads:
            thread.join(LIMIT)
        assert len(tokens) == 6
        assert first is not None
        assert [first, *tokens] == sorted({first, *tokens})

    side.run(body())


DRAWING = """
import sys
import redis
from py_cachify import init_cachify, pool
client = redis.Redis(unix_socket_path=sys.argv[1])
init_cachify(client)
for _ in range(100):
    with pool('reports', max_size=1, fence=True, wait=None) as slot:
        client.rpush('fences', slot.fence)
"""


@on_servers
def test_tokens_of_several_processes_grow_in_the_order_of_the_grants(
    store: str, clients: Clients, request: pytest.FixtureRequest
) -> None:
    """With one slot, what the holders write down in turn is in order."""
    place = str(request.getfixturevalue({'valkey': 'running_server', 'redis': 'running_redis'}[store]))
    processes = [subprocess.Popen([sys.executable, '-c', DRAWING, place], stdout=subprocess.DEVNULL) for _ in range(3)]
    assert [process.wait(LIMIT) for process in processes] == [0, 0, 0]
    written = [int(token) for token in clients.sync.lrange('fences', 0, -1)]
    assert len(written) == 300
    assert all(one < next_one for one, next_one in itertools.pairwise(written))


class Ledger:
    """A resource that remembers the greatest token, and refuses older ones."""

    def __init__(self) -> None:
        self.newest = 0
        self.lines: list[str] = []

    def write(self, line: str, fence: int | None) -> None:
        """Write a line, unless somebody with a newer slot has written already."""
        assert fence is not None
        if fence < self.newest:
            raise PermissionError(f'fencing token {fence} is older than {self.newest}')
        self.newest = fence
        self.lines.append(line)


def test_a_resource_can_refuse_a_late_writer() -> None:
    """Whose slot expired while it paused, and whom nothing else would have stopped."""
    clock, ledger = ManualClock(), Ledger()
    init_cachify(MemoryClient(clock=clock))
    with fenced(slot_exp=30) as late:
        ledger.write('first', late.fence)
        clock.advance(31)
        with fenced(slot_exp=30) as new:
            ledger.write('second', new.fence)
            with pytest.raises(PermissionError, match='is older than'):
                ledger.write('too late', late.fence)
            ledger.write('third', new.fence)
    assert ledger.lines == ['first', 'second', 'third']


# --- a token that cannot be drawn


def take(of: pool, kind: str) -> None:
    """Enter a pool whose body must not run."""

    async def enter() -> None:
        async with of:
            raise AssertionError('the body ran')

    if kind == 'async':
        asyncio.run(enter())
    else:
        with of:
            raise AssertionError('the body ran')


@pytest.mark.parametrize('kind', ['sync', 'async'])
def test_a_slot_that_expired_before_its_token_was_drawn_is_not_held(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The entry raises, because a token could be drawn only after a later grant."""
    clock = ManualClock()
    draw = MemoryClient.draw_fence

    def late(client: MemoryClient, key: str, token: str) -> Any:
        clock.advance(31)
        return draw(client, key, token)

    monkeypatch.setattr(MemoryClient, 'draw_fence', late)
    init_cachify(MemoryClient(clock=clock))

    with pytest.raises(CachifySlotLostError, match='it expired before it got its fencing token'):
        take(fenced(slot_exp=30), kind)
    assert pool(KEY, max_size=1).size() == 0


@pytest.mark.parametrize('kind', ['sync', 'async'])
def test_a_token_that_could_not_be_drawn_leaves_nothing(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No slot in the store, and nobody who would seem to wait for itself."""
    server = fakeredis.FakeServer()
    backends = (
        init_cachify(fakeredis.FakeRedis(server=server), fakeredis.FakeAsyncRedis(server=server))._settings().backends
    )

    def fail(*_: Any) -> Any:
        raise redis.ConnectionError('of the server')

    async def afail(*_: Any) -> Any:
        raise redis.ConnectionError('of the server')

    monkeypatch.setattr(backends.sync, 'draw_fence', fail, raising=False)
    monkeypatch.setattr(backends.asynchronous, 'draw_fence', afail, raising=False)

    with pytest.raises(redis.ConnectionError, match='of the server'):
        take(fenced(wait=None), kind)
    assert deadlocks.held == {}
    assert pool(KEY, max_size=1).size() == 0


@extending
@pytest.mark.usefixtures('cachify')
def test_a_task_that_is_cancelled_in_any_turn_of_its_entry_holds_nothing(clients: Clients) -> None:
    """While it takes its slot, while it draws its token, and after both."""

    async def hold() -> None:
        async with fenced(wait=5, renew_for=None, on_lost='cancel'):
            await asyncio.sleep(LIMIT)

    async def main() -> None:
        for turns in range(12):
            task = asyncio.create_task(hold())
            for _ in range(turns):
                await asyncio.sleep(0.0005)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await pool(KEY, max_size=1).asize() == 0, turns
        if hasattr(clients.asynchronous, 'aclose'):
            await clients.asynchronous.aclose()

    asyncio.run(main())
    assert deadlocks.held == {}


@extending
@pytest.mark.usefixtures('cachify')
def test_a_decorated_function_has_a_token_too(side: Side) -> None:
    async def body() -> None:
        def work() -> int | None:
            slot: Slot | None = current_slot()
            assert slot is not None
            return slot.fence

        function = pooled(KEY, max_size=1, fence=True)(side.function(work))
        first, second = await side.result(function()), await side.result(function())
        assert first < second

    side.run(body())
