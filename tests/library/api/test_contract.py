"""What a pool promises, on every store, for threads and for asyncio."""

import asyncio
import gc
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager

import pytest

from py_cachify import Cachify, CachifyPoolFullError, init_cachify, pool
from tests.support.stores import CENTURY, SHORT, AsyncDriver, Clients, Driver, slots_in


pytestmark = [pytest.mark.quick, pytest.mark.usefixtures('cachify')]


async def _is_full(driver: Driver, of: pool) -> bool:
    try:
        async with driver.hold(of):
            return False
    except CachifyPoolFullError:
        return True


def test_a_full_pool_refuses_at_once(driver: Driver) -> None:
    """The third entry into a pool of two raises, names the pool and its size, and takes no slot."""

    async def body() -> None:
        two = pool('reports', max_size=2)
        async with driver.hold(two), driver.hold(two):
            with pytest.raises(CachifyPoolFullError, match="pool 'reports' is full: all 2 slots") as refusal:
                async with driver.hold(two):
                    pass
            assert (refusal.value.key, refusal.value.max_size) == ('reports', 2)
            assert await driver.size(two) == 2
        assert await driver.size(two) == 0

    driver.run(body())


@pytest.mark.parametrize('max_size', [1, 2, 7])
def test_a_pool_has_exactly_max_size_slots(driver: Driver, max_size: int) -> None:
    """Exactly ``max_size`` entries are granted; ``size()`` counts them up and down again."""

    async def body() -> None:
        of = pool('reports', max_size=max_size)
        assert await driver.size(of) == 0
        async with AsyncExitStack() as stack:
            for taken in range(1, max_size + 1):
                await stack.enter_async_context(driver.hold(of))
                assert await driver.size(of) == taken
            assert await _is_full(driver, of)
        assert await driver.size(of) == 0

    driver.run(body())


def test_a_release_frees_exactly_one_slot(driver: Driver) -> None:
    """One of three holders leaves: one more can enter, and the next is refused."""

    async def body() -> None:
        three = pool('reports', max_size=3)
        holders = [driver.hold(three) for _ in range(4)]
        for holder in holders[:3]:
            await holder.__aenter__()
        await holders[1].__aexit__(None, None, None)
        assert await driver.size(three) == 2
        await holders[3].__aenter__()
        assert await _is_full(driver, three)
        for holder in (holders[0], holders[3], holders[2]):
            await holder.__aexit__(None, None, None)
        assert await driver.size(three) == 0

    driver.run(body())


def test_the_slot_comes_back_when_the_body_fails(driver: Driver) -> None:
    """The body's exception passes through unchanged."""

    async def body() -> None:
        one = pool('reports', max_size=1)
        error = ZeroDivisionError('of the body')
        with pytest.raises(ZeroDivisionError) as caught:
            async with driver.hold(one):
                raise error
        assert caught.value is error
        assert await driver.size(one) == 0

    driver.run(body())


def test_one_object_may_be_entered_twice_in_one_function(driver: Driver) -> None:
    """Each entry has its own slot, and each exit gives one back."""

    async def body() -> None:
        two = pool('reports', max_size=2)
        async with driver.hold(two):
            async with driver.hold(two):
                assert await driver.size(two) == 2
            assert await driver.size(two) == 1
        assert await driver.size(two) == 0

    driver.run(body())


def test_two_objects_of_one_key_share_their_slots(driver: Driver) -> None:
    """The key identifies the pool, not the object; another key is another pool."""

    async def body() -> None:
        async with driver.hold(pool('reports', max_size=1)):
            assert await _is_full(driver, pool('reports', max_size=1))
            assert not await _is_full(driver, pool('other', max_size=1))

    driver.run(body())


def test_the_global_pool_and_the_instance_share_their_slots(driver: Driver, cachify: Cachify) -> None:
    """With ``is_global=True``, the returned object and the global functions share their pools."""

    async def body() -> None:
        async with driver.hold(pool('reports', max_size=2)):
            assert await driver.size(cachify.pool('reports', max_size=2)) == 1

    driver.run(body())


def test_another_prefix_is_another_pool(driver: Driver, clients: Clients) -> None:
    """Two instances over one store with different prefixes share nothing."""

    async def body() -> None:
        local = init_cachify(clients.sync, clients.asynchronous, prefix='LOCAL-', is_global=False)
        async with driver.hold(local.pool('reports', max_size=1)):
            assert await driver.size(local.pool('reports', max_size=1)) == 1
            assert await driver.size(pool('reports', max_size=1)) == 0

    driver.run(body())


def test_a_slot_expires_while_its_body_goes_on(
    driver: Driver, clients: Clients, caplog: pytest.LogCaptureFixture
) -> None:
    """Another holder may enter then; the late release frees none of its slots, and warns."""

    async def body() -> None:
        short, long = pool('reports', max_size=1, slot_exp=SHORT), pool('reports', max_size=1, slot_exp=600)
        other = driver.hold(long)
        async with driver.hold(short):
            clients.outlive(SHORT)
            assert await driver.size(short) == 0
            await other.__aenter__()
            assert await driver.size(short) == 1
            assert not caplog.records
        assert await driver.size(short) == 1, "the late release took the other's slot"
        (record,) = caplog.records
        assert (record.name, record.levelno) == ('py_cachify', logging.WARNING)
        assert 'PYC-reports' in record.getMessage()
        await other.__aexit__(None, None, None)
        assert await driver.size(short) == 0
        assert len(caplog.records) == 1

    driver.run(body())


def test_a_slot_expires_beside_one_that_stays(driver: Driver, clients: Clients) -> None:
    """Each slot has its own life: the short one expires, the long one stays, in either order."""

    async def body() -> None:
        short, long = pool('reports', max_size=2, slot_exp=SHORT), pool('reports', max_size=2, slot_exp=600)
        for first, second in ((short, long), (long, short)):
            async with driver.hold(first), driver.hold(second):
                clients.outlive(SHORT)
                assert await driver.size(long) == 1
                async with driver.hold(long):
                    assert await driver.size(long) == 2
                    assert await _is_full(driver, long)
            assert await driver.size(long) == 0

    driver.run(body())


def test_a_crashed_holder_gets_its_slot_back_to_the_pool(driver: Driver, clients: Clients) -> None:
    """Nobody releases it, and the next acquire after its expiry finds it free."""

    async def body() -> None:
        short = pool('reports', max_size=1, slot_exp=SHORT)
        crashed = driver.hold(short)
        await crashed.__aenter__()
        clients.outlive(SHORT)
        async with driver.hold(pool('reports', max_size=1)):
            assert await driver.size(short) == 1
        await crashed.__aexit__(None, None, None)

    driver.run(body())


def test_a_release_in_time_says_nothing(driver: Driver, caplog: pytest.LogCaptureFixture) -> None:
    """There is no warning without an overrun."""

    async def body() -> None:
        async with driver.hold(pool('reports', max_size=1)):
            pass

    driver.run(body())
    assert not caplog.records


@pytest.mark.parametrize('default', [600, 30.5])
def test_slot_exp_is_by_default_that_of_init(driver: Driver, clients: Clients, default: float) -> None:
    """600 seconds by default, or the value passed to ``init_cachify()``."""
    if default != 600:
        init_cachify(clients.sync, clients.asynchronous, default_pool_slot_expiration=default)

    async def body() -> None:
        of = pool('reports', max_size=1)
        holder = driver.hold(of)
        await holder.__aenter__()
        if clients.clock is None:
            life = clients.sync.pttl('PYC-reports') / 1000
            assert default - 10 < life <= default + 0.01  # a whole millisecond, rounded up
        else:
            clients.clock.ahead += default - 10
            assert await driver.size(of) == 1
            clients.clock.ahead += 11
            assert await driver.size(of) == 0
        await holder.__aexit__(None, None, None)

    driver.run(body())


@pytest.mark.parametrize('by_default', [False, True])
def test_a_slot_without_expiry_stays(driver: Driver, clients: Clients, by_default: bool) -> None:
    """``slot_exp=None``, also as the default of ``init_cachify()``, means no expiration."""
    if by_default:
        init_cachify(clients.sync, clients.asynchronous, default_pool_slot_expiration=None)

    async def body() -> None:
        of = pool('reports', max_size=1) if by_default else pool('reports', max_size=1, slot_exp=None)
        async with driver.hold(of):
            if clients.clock is None:
                assert clients.sync.ttl('PYC-reports') == -1
                assert [score for _, score in clients.sync.zrange('PYC-reports', 0, -1, withscores=True)] == [
                    float('inf')
                ]
            else:
                clients.clock.ahead += CENTURY
            assert await driver.size(of) == 1
        assert await driver.size(of) == 0

    driver.run(body())


@pytest.mark.parametrize('max_size', [1, 4])
def test_threads_that_ask_together_get_exactly_max_size_slots(clients: Clients, max_size: int) -> None:
    """Sixteen threads use one pool object, and none leaves before all have tried to enter."""
    of, asked = pool('reports', max_size=max_size), threading.Barrier(16)
    granted: list[None] = []

    def ask() -> None:
        try:
            with of:
                granted.append(None)
                asked.wait(60)
        except CachifyPoolFullError:
            asked.wait(60)

    for _ in range(3):
        granted.clear()
        threads = [threading.Thread(target=ask) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(granted) == max_size
        assert of.size() == 0
    assert not slots_in(clients, 'PYC-reports')


@pytest.mark.parametrize('max_size', [1, 4])
def test_tasks_that_ask_together_get_exactly_max_size_slots(clients: Clients, max_size: int) -> None:
    """Forty tasks do the same."""
    of = pool('reports', max_size=max_size)
    results: list[str] = []

    async def ask(everybody_asked: asyncio.Event) -> None:
        def note(result: str) -> None:
            results.append(result)
            if len(results) == 40:
                everybody_asked.set()

        try:
            async with of:
                note('granted')
                await everybody_asked.wait()
        except CachifyPoolFullError:
            note('refused')

    async def main() -> None:
        everybody_asked = asyncio.Event()
        tasks = [asyncio.create_task(ask(everybody_asked)) for _ in range(40)]
        await asyncio.wait_for(asyncio.gather(*tasks), 60)
        assert await of.asize() == 0

    AsyncDriver(clients).run(main())
    assert sorted(results) == ['granted'] * max_size + ['refused'] * (40 - max_size)
    assert not slots_in(clients, 'PYC-reports')


def test_a_generator_left_in_another_thread_gives_back_its_own_slot(clients: Clients) -> None:
    """That thread holds other slots of the same object; each exit gives back just its own."""
    of = pool('reports', max_size=4)

    @contextmanager
    def dependency() -> Iterator[None]:
        with of:
            yield

    here, between = dependency(), dependency()
    first = _taken_by(clients, here.__enter__)

    def elsewhere() -> None:
        with dependency():
            with of:
                mine = slots_in(clients, 'PYC-reports')
                last = _taken_by(clients, between.__enter__)
                here.__exit__(None, None, None)
                assert slots_in(clients, 'PYC-reports') == (mine | last) - first
            assert len(slots_in(clients, 'PYC-reports') - last) == 1
        assert slots_in(clients, 'PYC-reports') == last

    with ThreadPoolExecutor(1) as threads:
        threads.submit(elsewhere).result()
    between.__exit__(None, None, None)
    assert not slots_in(clients, 'PYC-reports')


def test_a_generator_left_in_another_task_gives_back_its_own_slot(clients: Clients) -> None:
    """Likewise an asynchronous generator, and a task that has its own entries."""
    of = pool('reports', max_size=3)

    @asynccontextmanager
    async def dependency() -> AsyncIterator[None]:
        async with of:
            yield

    async def main() -> None:
        here = dependency()
        await here.__aenter__()
        first = slots_in(clients, 'PYC-reports')

        async def elsewhere() -> None:
            async with of, dependency():
                mine = slots_in(clients, 'PYC-reports') - first
                assert len(mine) == 2
                await here.__aexit__(None, None, None)
                assert slots_in(clients, 'PYC-reports') == mine

        await asyncio.create_task(elsewhere())
        assert await of.asize() == 0

    AsyncDriver(clients).run(main())


def test_a_generator_that_is_thrown_away_gives_its_slot_back(clients: Clients) -> None:
    """Nobody finishes it: its slot is freed with its memory, and the pool object forgets it."""
    one = pool('reports', max_size=1)

    def holding() -> Iterator[None]:
        with one:
            yield

    held = holding()
    next(held)
    assert one.size() == 1
    del held
    gc.collect()
    assert one.size() == 0


def test_leaving_more_often_than_entering_raises(clients: Clients) -> None:
    """``RuntimeError``, for both sides; the slots of others stay."""
    one, other = pool('reports', max_size=2), pool('reports', max_size=2)

    async def main() -> None:
        with other:
            async with one:
                pass
            with pytest.raises(RuntimeError, match='exited more often than it was entered'):
                await one.__aexit__(None, None, None)
            with pytest.raises(RuntimeError, match='exited more often than it was entered'):
                one.__exit__(None, None, None)
            assert await one.asize() == 1

    AsyncDriver(clients).run(main())


def _taken_by(clients: Clients, enter: Callable[[], object]) -> set[str]:
    """Return the token of the slot that ``enter()`` takes."""
    before = slots_in(clients, 'PYC-reports')
    enter()
    return slots_in(clients, 'PYC-reports') - before
