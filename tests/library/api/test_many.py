"""Many holders at once, and in turn: each gives back its own slot, and nothing stays."""

import asyncio
import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
import redis.asyncio

from py_cachify import Cachify, CachifyPoolFullError, MemoryClient, init_cachify, pool, pooled
from tests.support.stores import Clients, Driver, slots_in


pytestmark = pytest.mark.quick


@pytest.mark.usefixtures('cachify')
@pytest.mark.parametrize('store', ['memory', 'fakeredis', 'valkey'], indirect=True)
def test_a_hundred_threads_enter_one_pool_object_at_once(clients: Clients) -> None:
    """All are inside together; each exit frees one slot, in whichever thread it happens."""
    big = pool('reports', max_size=100, slot_exp=None)
    inside, leave = threading.Barrier(101), threading.Barrier(101)

    def hold() -> None:
        with big:
            inside.wait(60)
            leave.wait(60)

    threads = [threading.Thread(target=hold) for _ in range(100)]
    for thread in threads:
        thread.start()
    inside.wait(60)
    assert big.size() == len(slots_in(clients, 'PYC-reports')) == 100
    with pytest.raises(CachifyPoolFullError), big:
        pass
    leave.wait(60)
    for thread in threads:
        thread.join()
    assert big.size() == 0


@pytest.mark.parametrize('store', ['memory', 'valkey'])
def test_a_thousand_tasks_enter_one_pool_object(store: str, request: pytest.FixtureRequest) -> None:
    """Some find it full; never more than forty are inside, and all slots are given back."""
    forty = pool('reports', max_size=40, slot_exp=None)
    running, peak, granted = 0, 0, 0

    async def hold() -> None:
        nonlocal running, peak, granted
        try:
            async with forty:
                running, granted = running + 1, granted + 1
                peak = max(peak, running)
                await asyncio.sleep(0.001)
                running -= 1
        except CachifyPoolFullError:
            return

    async def main() -> None:
        if store == 'memory':
            init_cachify()
        else:
            client = waiting_client(request.getfixturevalue('socket'))
            init_cachify(async_client=client)
        await asyncio.gather(*(hold() for _ in range(1000)))
        assert await forty.asize() == 0
        if store != 'memory':
            await client.aclose()

    asyncio.run(main())
    assert 0 < peak <= 40 <= granted


def waiting_client(socket: str) -> 'redis.asyncio.Redis':
    """A client with fifty connections; if all are in use, a task waits for one."""
    connections = redis.asyncio.BlockingConnectionPool(
        connection_class=redis.asyncio.UnixDomainSocketConnection, path=socket, max_connections=50, timeout=60
    )
    return redis.asyncio.Redis.from_pool(connections)


def test_a_client_with_one_connection_serves_many_tasks(socket: str) -> None:
    """Their requests travel together."""

    async def main() -> None:
        async with redis.asyncio.Redis(unix_socket_path=socket, max_connections=1) as client:
            init_cachify(async_client=client)
            reports = pool('reports', max_size=500, slot_exp=None)

            async def hold() -> None:
                async with reports:
                    pass

            await asyncio.gather(*(hold() for _ in range(200)))
            assert await reports.asize() == 0

    asyncio.run(main())


@pytest.mark.usefixtures('cachify')
def test_a_task_that_copies_a_context_in_which_a_slot_is_held_has_none_itself(driver: Driver) -> None:
    """A child has its own entry, and exiting it does not touch the parent's."""
    few = pool('reports', max_size=3)

    async def child(all_are_in: asyncio.Barrier) -> int:
        async with few:
            async with all_are_in:
                size = await few.asize()
            # Neither leaves before both have counted.
            await all_are_in.wait()
            return size

    async def body() -> None:
        async with few:
            all_are_in = asyncio.Barrier(2)
            assert list(await asyncio.gather(child(all_are_in), child(all_are_in))) == [3, 3]
            assert await few.asize() == 1
            in_thread = contextvars.copy_context()
            assert await asyncio.to_thread(in_thread.run, few.size) == 1
        assert await few.asize() == 0

    if driver.name == 'async':
        driver.run(body())


def test_ten_thousand_keys_leave_nothing_on_the_server(server: 'redis.Redis') -> None:
    """Eight threads used each key once; no key is left after the last slot was given back."""
    init_cachify(server)

    @pooled('mail-{number}', max_size=2, raise_on_full=True)
    def send(number: int) -> int:
        return number

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(send, range(10_000))) == sum(range(10_000))
    assert server.dbsize() == 0


def test_ten_thousand_keys_leave_nothing_in_memory() -> None:
    """Neither pools nor deadlines remain."""
    client = MemoryClient()
    init_cachify(client)
    for number in range(10_000):
        with pool(f'mail-{number}', max_size=1):
            pass
    assert client._slots.live == {}
    assert len(client._slots.heap) < 100


def test_two_sizes_for_one_key_judge_each_by_its_own(driver: Driver, cachify: Cachify) -> None:
    """Two deployments: the larger admits holders where the smaller refuses; both see all slots.

    Plain clients differ: the smaller one does not check the further names of the larger one.
    """
    small, large = pool('reports', max_size=1), cachify.pool('reports', max_size=3)

    async def body() -> None:
        async with driver.hold(small):
            async with driver.hold(large), driver.hold(large):
                assert await driver.size(large) == 3
                with pytest.raises(CachifyPoolFullError, match='its only slot is taken'):
                    async with driver.hold(small):
                        pass
                with pytest.raises(CachifyPoolFullError, match='all 3 slots'):
                    async with driver.hold(large):
                        pass
        assert await driver.size(large) == 0

    driver.run(body())
