"""What a pool promises, on every store, for threads and for asyncio."""

import logging
from contextlib import AsyncExitStack

import pytest

from py_cachify import Cachify, CachifyPoolFullError, init_cachify, pool
from tests.stores import CENTURY, SHORT, Clients, Driver


pytestmark = pytest.mark.usefixtures('cachify')


async def _is_full(driver: Driver, of: pool) -> bool:
    try:
        async with driver.hold(of):
            return False
    except CachifyPoolFullError:
        return True


def test_a_full_pool_refuses_at_once(driver: Driver) -> None:
    """The third entry into a pool of two raises, says which pool and its size, and takes nothing."""

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
    """So many entries are granted and not one more; ``size()`` counts them up and down again."""

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
    """Each entry has a slot of its own, and each exit gives back one."""

    async def body() -> None:
        two = pool('reports', max_size=2)
        async with driver.hold(two):
            async with driver.hold(two):
                assert await driver.size(two) == 2
            assert await driver.size(two) == 1
        assert await driver.size(two) == 0

    driver.run(body())


def test_two_objects_of_one_key_share_their_slots(driver: Driver) -> None:
    """The key names the pool, not the object; another key is another pool."""

    async def body() -> None:
        async with driver.hold(pool('reports', max_size=1)):
            assert await _is_full(driver, pool('reports', max_size=1))
            assert not await _is_full(driver, pool('other', max_size=1))

    driver.run(body())


def test_the_global_pool_and_the_instance_share_their_slots(driver: Driver, cachify: Cachify) -> None:
    """With ``is_global=True`` the returned object and the global functions count together."""

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
    """Another may enter then; the late release frees nothing of his, and says so in a warning."""

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


def test_a_crashed_holder_gets_its_slot_back_to_the_pool(driver: Driver, clients: Clients) -> None:
    """Nobody releases it, and the next acquire after its life finds it free."""

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
    """No warning without an overrun."""

    async def body() -> None:
        async with driver.hold(pool('reports', max_size=1)):
            pass

    driver.run(body())
    assert not caplog.records


@pytest.mark.parametrize('default', [600, 30.5])
def test_slot_exp_is_by_default_that_of_init(driver: Driver, clients: Clients, default: float) -> None:
    """600 seconds if ``init_cachify()`` says nothing, else what it says."""
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
    """``slot_exp=None``, also as the default of ``init_cachify()``, is for ever."""
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
