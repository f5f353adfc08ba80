"""What a pool promises, on every store, for threads and for asyncio."""

import pytest

from py_cachify import Cachify, CachifyPoolFullError, pool
from tests.stores import Driver


pytestmark = pytest.mark.usefixtures('cachify')


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


def test_the_global_pool_and_the_instance_share_their_slots(driver: Driver, cachify: Cachify) -> None:
    """With ``is_global=True`` the returned object and the global functions count together."""

    async def body() -> None:
        async with driver.hold(pool('reports', max_size=2)):
            assert await driver.size(cachify.pool('reports', max_size=2)) == 1

    driver.run(body())
