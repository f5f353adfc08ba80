"""What a type checker knows of the public names; it checks this file as well, so these claims hold or it complains.

``assert_type`` does nothing at run time: what runs here is that the values are what the types say.
"""

import asyncio
from typing import assert_type

import fakeredis
import redis
import redis.asyncio

from py_cachify import AsyncClient, MemoryClient, SyncClient, init_cachify, pool, pooled
from tests.stores import AsyncDictClient, DictClient


def _pages(name: str) -> int:
    return len(name)


async def _apages(name: str) -> int:
    return len(name)


async def _later(name: str) -> bytes:
    return name.encode()


def test_the_clients_of_redis_are_clients() -> None:
    """Also those of ``redis.asyncio``, a memory client, and what keeps the plain contract."""
    sync: list[SyncClient] = [MemoryClient(), DictClient(), fakeredis.FakeRedis(), redis.Redis()]
    asynchronous: list[AsyncClient | MemoryClient] = [
        MemoryClient(),
        AsyncDictClient(DictClient()),
        fakeredis.FakeAsyncRedis(),
        redis.asyncio.Redis(),
    ]
    init_cachify(sync[0])
    init_cachify(async_client=asynchronous[0])


def test_the_type_of_a_call_is_what_it_can_result_in() -> None:
    """``None`` or what ``on_full`` returns in addition; nothing in addition where a refusal is raised."""
    init_cachify()
    one = pool('reports', max_size=1)
    plain, raising = pooled('reports', max_size=1)(_pages), pooled('reports', max_size=1, raise_on_full=True)(_pages)
    with_answer = pooled('reports', max_size=1, on_full=str.encode)(_pages)
    assert assert_type(plain('a'), int | None) == 1
    assert assert_type(raising('a'), int) == 1
    assert assert_type(with_answer('a'), int | bytes) == 1
    assert assert_type(plain.size('a'), int) == 0
    assert assert_type(one.pooled(raise_on_full=True)(_pages)('a'), int) == 1
    with one:
        assert plain('a') is None
        assert with_answer('a') == b'a'


def test_the_type_of_an_awaited_call_is_the_same() -> None:
    """For ``async`` functions, with a sync or an async ``on_full``; ``size()`` is awaited there as well."""
    init_cachify()
    one = pool('reports', max_size=1)
    plain = pooled('reports', max_size=1)(_apages)
    with_answer = pooled('reports', max_size=1, on_full=_later)(_apages)

    async def main() -> None:
        assert assert_type(await plain('a'), int | None) == 1
        assert assert_type(await with_answer('a'), int | bytes) == 1
        assert assert_type(await plain.size('a'), int) == 0
        assert assert_type(await one.pooled(raise_on_full=True)(_apages)('a'), int) == 1
        async with one as entered:
            assert_type(entered, pool)
            assert await plain('a') is None
            assert await with_answer('a') == b'a'

    asyncio.run(main())


def test_a_method_is_bound() -> None:
    """``self`` is no argument of a bound method, and of the unbound one it is."""
    init_cachify()

    class Printer:
        @pooled('reports', max_size=1)
        def pages(self, name: str) -> int:
            return len(name)

    assert assert_type(Printer().pages('a'), int | None) == 1
    assert assert_type(Printer.pages(Printer(), 'a'), int | None) == 1
    assert assert_type(Printer().pages.size('a'), int) == 0
